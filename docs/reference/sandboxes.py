# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no program of ours needs, written into the units that have a mark for it: systemd cannot include a file."""

from __future__ import annotations

import re

import machines

SOURCE = machines.ROLES / "machine/files/sandbox.conf"
MARK = "# What no program of ours needs: roles/machine/files/sandbox.conf.\n"
BLOCK = re.compile(re.escape(MARK) + r"(?:[A-Z]\w+=.*\n)*")


def renewed() -> dict[str, str]:
    """Return the units and drop-ins that have the mark, by their paths, with what the file says now.

    The lines between the mark and the next empty line or comment are the file's.
    """
    block = MARK + SOURCE.read_text(encoding="utf-8")
    found = {}
    for path in sorted([*machines.ROLES.glob("*/files/**/*"), *machines.ROLES.glob("*/templates/*")]):
        if path.is_file() and not path.is_symlink() and path.suffix in (".service", ".conf", ".j2"):
            text = path.read_text(encoding="utf-8")
            if MARK in text:
                found[path.relative_to(machines.ROOT).as_posix()] = BLOCK.sub(lambda _old: block, text)
    return found
