# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove files of ours that no role ships any more: units are stopped first, and what something still names stays.

Standard library only: this runs on targets.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOME = Path("/usr/lib/ringmaster")
DEFINITIONS = HOME / "checks.d"
UNITS = Path("/etc/systemd/system")
PYTHON = HOME / "python"
CACHE = "__pycache__"
READERS = ("/etc/systemd/system/**", "/etc/ringmaster/**/*.json", "/usr/lib/ringmaster/**")
"""Where something may name a file of ours."""
MARKS = (b"Managed by Ringmaster", b"Ringmaster contributors", b"/usr/lib/ringmaster")
"""One of these is in every file that we put into a folder which is not ours alone."""
MENTION = re.compile(rb"/[\w./-]+|\bringmaster_\w+")
LIMIT = 1 << 20  # bytes; what is larger names nothing


@dataclass(frozen=True)
class Plan:
    """What goes, what stays although no role ships it (path to who names it), and which units are stopped."""

    remove: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    units: list[str] = field(default_factory=list)


def plan(paths: Iterable[str], texts: Mapping[str, bytes]) -> Plan:
    """Return what to do about withdrawn paths. ``texts`` are the contents of all files that may name them. Pure."""
    going = {path for path in paths if path in texts and is_ours(path, texts[path])}
    kept: dict[str, str] = {}
    asked = sorted(texts.keys() - going)
    while asked:
        who = {name: path for path in reversed(asked) for name in mentioned(texts[path])}
        asked = sorted(path for path in going if any(name in who for name in names_of(path)))
        kept |= {path: next(who[name] for name in names_of(path) if name in who) for path in asked}
        going -= set(asked)
    units = [Path(path).name for path in sorted(going) if Path(path).parent == UNITS and "@." not in Path(path).name]
    return Plan(sorted(going), kept, units)


def is_ours(path: str, text: bytes) -> bool:
    """Tell whether we have put a file there: what people put beside ours is never touched."""
    if Path(path).parent == DEFINITIONS:  # a definition of ours has functions, never commands
        return b'"function"' in text and b'"command"' not in text
    return Path(path).is_relative_to(HOME) or any(mark in text for mark in MARKS)


def names_of(path: str) -> list[bytes]:
    """Return the words by which something may refer to a file: its path, or the Python package that it is in."""
    place = Path(path)
    if place.is_relative_to(PYTHON) and place.parent != PYTHON:
        package = place.relative_to(PYTHON).parts[0]
        if package != "ringmaster":
            return [path.encode(), package.encode()]
    return [path.encode()]


def mentioned(text: bytes) -> set[bytes]:
    """Return all paths and names of packages of ours in a text. In one pass: a machine has a megabyte of such texts."""
    return {found.rstrip(b".-/") for found in MENTION.findall(text)}


def read(paths: Sequence[str], readers: Sequence[str] = READERS) -> dict[str, bytes]:
    """Return the contents of the withdrawn files and of all that may name them; of a withdrawn link, where it leads.

    Other links name nothing: those that enable a unit go with it.
    """
    found = {Path(path) for path in paths}
    for pattern in readers:
        base, _stars, rest = pattern.partition("/**")
        found |= {path for path in Path(base).rglob(rest.lstrip("/") or "*") if not path.is_symlink()}
    texts = {}
    for path in sorted(found):
        if CACHE in path.parts:
            continue
        if path.is_symlink():
            texts[str(path)] = b"/usr/lib/ringmaster " + str(path.readlink()).encode()
        elif path.is_file() and path.stat().st_size <= LIMIT:
            texts[str(path)] = path.read_bytes()
    return texts


def apply(wanted: Plan) -> None:
    """Stop the units, remove the files with what Python made of them, and the folders that are empty then.

    Raises CalledProcessError when a unit cannot be stopped; nothing is removed then.
    """
    # What systemd has read before may still name what goes.
    subprocess.run(["systemctl", "daemon-reload"], check=True, capture_output=True, text=True)
    if wanted.units:
        subprocess.run(["systemctl", "disable", "--now", *wanted.units], check=True, capture_output=True, text=True)
    for name in wanted.remove:
        path = Path(name)
        path.unlink(missing_ok=True)
        for compiled in (path.parent / CACHE).glob(f"{path.stem}.*.pyc"):
            compiled.unlink()
        _remove_empty(path.parent / CACHE)
        _remove_empty(path.parent)
    if any(Path(name).is_relative_to(UNITS) for name in wanted.remove):
        subprocess.run(["systemctl", "daemon-reload"], check=True, capture_output=True, text=True)
    if wanted.units:
        # What failed before it was stopped would be shown as a failed unit for ever.
        subprocess.run(["systemctl", "reset-failed", *wanted.units], check=False, capture_output=True)


def _remove_empty(folder: Path) -> None:
    """Remove a folder of ours, and those above it that are empty then."""
    ours = folder.is_relative_to(HOME) or (folder.parent == UNITS and folder.suffix == ".d")
    if not ours or folder in (HOME, UNITS) or not folder.is_dir() or any(folder.iterdir()):
        return
    folder.rmdir()
    _remove_empty(folder.parent)
