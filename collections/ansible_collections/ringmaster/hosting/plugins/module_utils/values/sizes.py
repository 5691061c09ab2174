# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes with a binary unit (``2GiB``). Inside the program every size is a whole number of MiB."""

from __future__ import annotations

import re

# Sizes of a VM for which neither itself nor its project nor the platform names one.
DEFAULT_MEMORY_MIB = 1024
DEFAULT_CORES = 1
DEFAULT_DISK_MIB = 10 * 1024

UNITS = {"MiB": 1, "GiB": 1024, "TiB": 1024 * 1024}
SIZE_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,3})? ?(MiB|GiB|TiB)$"
_SIZE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))? ?(MiB|GiB|TiB)")
_LOOSE = re.compile(r"([0-9]{1,9})\s*([kmgt]?)i?b?", re.IGNORECASE)


def parse(text: str) -> int:
    """Return a size in MiB. Raises ValueError when the text is not a whole number of MiB with a unit."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError("is not a size with a unit")
    whole, fraction, unit = match.groups()
    scale = 10 ** len(fraction or "")
    mebibytes, rest = divmod(int(whole + (fraction or "")) * UNITS[unit], scale)
    if rest:
        raise ValueError("is not a whole number of MiB")
    return mebibytes


def render(mebibytes: int) -> str:
    """Write a size with the largest unit that gives a whole number; the inverse of :func:`parse`."""
    for unit in ("TiB", "GiB"):
        if mebibytes and mebibytes % UNITS[unit] == 0:
            return f"{mebibytes // UNITS[unit]}{unit}"
    return f"{mebibytes}MiB"


def suggest(text: str) -> str:
    """Guess what a writer of ``2GB``, ``2g`` or ``2048`` meant; empty when there is no good guess."""
    match = _LOOSE.fullmatch(text.strip())
    if not match:
        return ""
    number, letter = match.groups()
    unit = {"m": "MiB", "g": "GiB", "t": "TiB", "k": ""}.get(letter.lower())
    if unit == "":
        return ""
    if unit is None:
        unit = "MiB" if int(number) >= 256 else "GiB"
    return f"{number}{unit}"


def swap_mib(memory_mib: int) -> int:
    """Size of the swap disk: half the memory, at least 1 GiB: room to move idle pages out, not to work in."""
    return max(1024, memory_mib // 2)


def tmp_gib(disk_gib: int) -> int:
    """Size of the disk for /tmp: a tenth of the root disk rounded up, at least 5 GiB.

    A disk of its own, so that whoever fills /tmp fills neither the root file system nor the memory.
    """
    return max(5, -(-disk_gib // 10))
