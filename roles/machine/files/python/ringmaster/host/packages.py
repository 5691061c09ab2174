# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages that the project asked for, as the run that installed them left it."""

from __future__ import annotations

import json
from pathlib import Path

from ringmaster.core.checks import OK
from ringmaster.core.report import counted

RECORD = Path("/var/lib/ringmaster/packages.json")


def told(path: Path = RECORD) -> tuple[int, str]:
    """Return a status and a sentence: how many there are, what is left of earlier ones, what is not started."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        found = {}
    declared, left, units = ([str(one) for one in found.get(key) or ()] for key in ("declared", "left", "units"))
    if not declared and not left:
        return OK, "The project asks for no packages."
    number = counted(len(declared), "package of the project is", "packages of the project are")
    sentences = [f"{number} installed."]
    if left:
        sentences.append(
            f"No longer asked for and still installed: {', '.join(left)}. People with wheel take them away."
        )
    if units:
        sentences.append(f"Not started, as nobody asked for it: {', '.join(units)}.")
    return OK, " ".join(sentences)
