# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's program by its parts: what role ``machine`` brings, and whether a machine has what others build on.

A part is a folder of the package ``ringmaster`` (``roles/machine/files/python``). With each, its digest is written to
the machine. Whoever needs a part compares digests: code and configuration of different versions never meet.
Standard library only: ``lacking`` runs on targets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CORE = "core"
"""The part that all others build on; every machine has it."""
PYTHON = "/usr/lib/ringmaster/python"
RECORDS = "/usr/lib/ringmaster/parts"
"""On a machine: a file for each part, with its digest."""
COMMAND = "/usr/bin/ringmaster"
LINKED = ("backup", "backup_server", "check", "hypervisor", "status", "updates")
"""Parts that people call by a name of their own, ``ringmaster-check``, as they did before there was one command."""


def source() -> Path:
    """Return the folder of the package in this collection."""
    return Path(__file__).parents[3] / "roles/machine/files/python/ringmaster"


def parts(folder: Path) -> list[str]:
    """Return the names of all parts."""
    return sorted(path.parent.name for path in folder.glob("*/__init__.py"))


def digest(folder: Path, part: str) -> str:
    """Return what changes whenever a file of a part does: 16 hexadecimal digits."""
    result = hashlib.sha256()
    for path in sorted([*(folder / part).rglob("*"), *_beside(folder, part)]):
        if path.is_file() and "__pycache__" not in path.parts:
            result.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return result.hexdigest()[:16]


def _beside(folder: Path, part: str) -> list[Path]:
    """Return the package's own files, which come with the core."""
    return sorted(folder.glob("*.py")) if part == CORE else []


def entries(wanted: Iterable[str], folder: Path) -> list[dict[str, Any]]:
    """Return the entries for module ``files`` that bring parts to a machine. Raises ValueError for an unknown one."""
    known = parts(folder)
    result: list[dict[str, Any]] = []
    for part in sorted(set(wanted)):
        if part not in known:
            raise ValueError(f"the machine's program has no part '{part}'; it has: {', '.join(known)}")
        result.append({"path": f"{PYTHON}/ringmaster/{part}", "tree": f"python/ringmaster/{part}"})
        for file in _beside(folder, part):
            result.append({"path": f"{PYTHON}/ringmaster/{file.name}", "src": f"python/ringmaster/{file.name}"})
        if part in LINKED:
            name = f"{COMMAND}-{part.replace('_', '-')}"
            result.append({"path": name, "state": "link", "target": Path(COMMAND).name, "replace": True})
        result.append({"path": f"{RECORDS}/{part}", "content": f"{digest(folder, part)}\n", "parents": True})
    return result


def needed(wanted: Iterable[str], folder: Path) -> dict[str, str]:
    """Return part to digest for the parts that something needs, and the core."""
    return {part: digest(folder, part) for part in sorted({CORE, *wanted})}


def lacking(wanted: Mapping[str, str], records: Path = Path(RECORDS)) -> list[str]:
    """Return the parts that this machine does not have as they are wanted, each with what it has."""
    result = []
    for part, digest_of_part in wanted.items():
        try:
            found = (records / part).read_text(encoding="utf-8").strip()
        except OSError:
            found = ""
        if found != digest_of_part:
            result.append(f"{part} ({'of another version' if found else 'missing'})")
    return result
