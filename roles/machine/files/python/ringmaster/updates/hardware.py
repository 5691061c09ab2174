# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this VM has of memory and cores, beside what the description says: the difference waits for its restart.

The hypervisor makes of the guest's reboot the restart of the VM. What grows while the VM runs makes no difference here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

SYS = Path("/sys")
CONTAINER = Path("/run/systemd/container")
IN_EXTENDED = 0x7FFF
"""The size of a memory device that stands elsewhere, in MiB (SMBIOS 3.0, 7.18)."""


def waiting(wanted: Mapping[str, int], sys: Path = SYS) -> str:
    """Return what a restart would bring, in words; nothing where it is there, or this machine cannot say.

    :param wanted: ``memory_max_mib`` and ``cores`` of the description; none where it is no VM.
    """
    if not wanted or CONTAINER.exists():
        return ""
    parts = []
    memory, cores = memory_mib(sys), most_cores(sys)
    if memory and memory != wanted["memory_max_mib"]:
        parts.append(f"{wanted['memory_max_mib']} MiB of memory instead of {memory}")
    if cores and wanted["cores"] > cores:
        parts.append(f"{wanted['cores']} cores instead of {cores}")
    return f"it brings {' and '.join(parts)}" if parts else ""


def memory_mib(sys: Path = SYS) -> int:
    """Return the memory that the machine was started with, in MiB, from its SMBIOS tables; 0 where it has none."""
    return sum(_device(path.read_bytes()) for path in (sys / "firmware/dmi/entries").glob("17-*/raw"))


def _device(table: bytes) -> int:
    """Return the size of a memory device, in MiB."""
    if len(table) < 0x0E:
        return 0
    (size,) = struct.unpack_from("<H", table, 0x0C)
    if size == IN_EXTENDED and len(table) >= 0x20:
        (extended,) = struct.unpack_from("<I", table, 0x1C)
        return extended & 0x7FFFFFFF
    if size in (0, 0xFFFF):  # no device, unknown
        return 0
    return (size & 0x7FFF) // 1024 if size & 0x8000 else size


def most_cores(sys: Path = SYS) -> int:
    """Return how many cores the machine can have until its next start; 0 where the kernel does not say."""
    try:
        ranges = (sys / "devices/system/cpu/possible").read_text().strip().split(",")
    except OSError:
        return 0
    ends = [one.partition("-") for one in ranges]
    return sum(int(last or first) - int(first) + 1 for first, _dash, last in ends)
