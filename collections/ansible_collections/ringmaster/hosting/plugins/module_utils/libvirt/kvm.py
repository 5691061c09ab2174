# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kind of virtualisation this host can really give: KVM, or plain emulation.

A ``/dev/kvm`` that exists proves nothing inside a VM without nested virtualisation, so the CPU
must show ``vmx`` or ``svm`` as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Virtualization:
    """The libvirt domain type (``kvm``, ``qemu`` or ``test``) and the sentence that tells why."""

    type: str
    reason: str


def cpu_has_virtualization(cpuinfo: str) -> bool:
    """Tell whether a ``/proc/cpuinfo`` text lists flag ``vmx`` (Intel) or ``svm`` (AMD)."""
    for line in cpuinfo.splitlines():
        if line.startswith("flags"):
            flags = line.partition(":")[2].split()
            return "vmx" in flags or "svm" in flags
    return False


def choose(wanted: str = "auto", root: Path = Path("/")) -> Virtualization:
    """Choose the domain type; ``wanted`` other than ``auto`` overrides what the host shows."""
    if wanted != "auto":
        return Virtualization(wanted, f"{wanted}: set by the option virtualization")
    if not (root / "dev/kvm").exists():
        return Virtualization("qemu", "plain emulation (slow): this host has no /dev/kvm")
    if not cpu_has_virtualization((root / "proc/cpuinfo").read_text(encoding="ascii", errors="replace")):
        return Virtualization("qemu", "plain emulation (slow): the CPU shows neither vmx nor svm")
    return Virtualization("kvm", "KVM: /dev/kvm is there and the CPU shows vmx or svm")
