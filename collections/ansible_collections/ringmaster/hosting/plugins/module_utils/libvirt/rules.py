# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The apply matrix: for every field of a VM, whether it changes live, at the next start, or never.

The plan reads this table and nothing else, and the page of the documentation is generated from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """How changes of one field (or one pattern of fields) reach a running VM."""

    pattern: str
    live: str = ""
    """Kind of the live action; empty when the field waits for the next start."""
    reason: str = ""
    """Why the field waits for the next start."""
    obstacle: Callable[[Fields, Any], str] | None = None
    """Given the live fields and the wanted value: why the live action cannot do it, or an empty string."""
    follows: str = ""
    """For a live step that only asks the guest: what to say while the guest has not followed."""
    refuse: str = ""
    """The remedy, for a field that is never changed in an existing VM."""
    silent: bool = False
    """A helper value: written to the definition, not worth a message about a restart."""


def _above_memory_maximum(live: Fields, wanted: int) -> str:
    limit = live["memory_max_mib"]
    return f"above the {limit} MiB that this VM was started with" if wanted > limit else ""


def _outside_cores_range(live: Fields, wanted: int) -> str:
    if wanted > live["cores_max"]:
        return f"above the {live['cores_max']} cores that this VM can have until its next start"
    if wanted < live["cores"]:
        # Unplugging is up to the guest: libvirt 11 gives up after seconds, and when the guest lets the CPU
        # go later, libvirt goes on counting it.
        return "cores are taken away at the next start only"
    if live["virtualization"] == "qemu":
        # Linux 6.12 in an emulated guest counts no slots for CPUs to come: libvirt would say "done", and the
        # guest would go on with what it has.
        return "an emulated guest does not see cores that are added while it runs"
    return ""


RULES = (
    Rule(
        "memory_mib",
        live="set_memory",
        obstacle=_above_memory_maximum,
        follows="the guest's memory balloon has not followed yet",
    ),
    Rule("memory_max_mib", reason="QEMU sets the memory maximum when it starts"),
    Rule("cores", live="set_cores", obstacle=_outside_cores_range),
    Rule("cores_max", reason="QEMU sets the number of CPU slots when it starts", silent=True),
    Rule("virtualization", reason="the accelerator and the CPU model are chosen when QEMU starts"),
    Rule("console_log", reason="the console's log file is opened when QEMU starts"),
    Rule("seed_volume", reason="the seed is read at the first boot only", silent=True),
    Rule("disks.*.cache", reason="the cache mode is set when QEMU opens the disk"),
    Rule("disks.*.*_iops", live="set_io_limits"),
    Rule("disks.*.*_bytes", live="set_io_limits"),
    Rule(
        "disks.*.volume",
        refuse="a disk is never exchanged; restore its volume, or retire the VM and order a new one",
    ),
    Rule("nics.*.bridge", live="update_nic"),
    Rule("nics.*.link", live="update_nic"),
    Rule("nics.*.filter", live="update_nic"),
    Rule("nics.*.addresses", live="update_nic"),
    Rule("nics.*.mtu", reason="the MTU is offered to the guest when QEMU starts"),
    Rule(
        "nics.*.mac",
        refuse="the address is derived from site, network and VM id for ever; correct the description",
    ),
)


def rule_for(field: str) -> Rule:
    """Find the rule of a flat field name.

    :raises HypervisorError: for a field without a rule, which is a mistake in this collection.
    """
    for rule in RULES:
        if fnmatchcase(field, rule.pattern):
            return rule
    raise HypervisorError(f"field {field} has no rule in module_utils/libvirt/rules.py")
