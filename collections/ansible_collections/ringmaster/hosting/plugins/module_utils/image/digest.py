# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests: what a build is made from, and what came out."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def of_folder(folder: Path) -> str:
    """Return the SHA-256 of a folder: relative names, types, executable bits, link targets and contents.

    Owners and times do not count, nor does the rest of the mode: git keeps only the executable bit.
    """
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        if stat.S_ISLNK(state.st_mode):
            kind, body = "link", str(path.readlink()).encode()
        elif stat.S_ISDIR(state.st_mode):
            kind, body = "folder", b""
        else:
            kind, body = ("program" if state.st_mode & stat.S_IXUSR else "file"), path.read_bytes()
        total.update(json.dumps([str(path.relative_to(folder)), kind, hashlib.sha256(body).hexdigest()]).encode())
    return total.hexdigest()


def of_value(value: Any) -> str:
    """Return the SHA-256 of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def of_result(inputs: str, packages: Mapping[str, str], extra: Iterable[str] = ()) -> str:
    """Return the digest that names a result: its inputs and the versions of all packages in it."""
    return of_value([inputs, sorted(packages.items()), sorted(extra)])
