# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in one folder of one backup; nothing is restored, and no file of it is read.

All of it was written by a machine that somebody may have broken into: names are any text, sizes and times any claim.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import Any

from ringmaster.backup_server import passwords
from ringmaster.backup_server.process import harmless
from ringmaster.backup_server.repositories import Failure, Repository
from ringmaster.backup_server.view import view

SECONDS = 90
LONGEST_PATH = 4096
ROWS = 1000
"""Entries of a page."""
PART_OF_ID = re.compile(r"[0-9a-f]{8,64}")
KINDS = ("file", "dir", "symlink")


def folder(repository: Repository, backup: str, path: str, after: int = 0) -> dict[str, Any]:
    """Return a page of what lies there: ``items`` with name, kind, bytes and time, and ``next``, or null at the end.

    :param backup: the first eight or more digits of its id.
    :param path: of the folder, from ``/`` on.

    Raises Failure.
    """
    where = posixpath.normpath("/" + path.lstrip("/"))
    if not path.startswith("/") or "\0" in path or len(path) > LONGEST_PATH:
        raise Failure(
            f"{harmless(path, 60)!r} is no path of a folder, which begins with / and has no more than 4096 signs"
        )
    found = [one for one in repository.files("snapshots") if one.startswith(backup)] if repository.exists else []
    if not PART_OF_ID.fullmatch(backup) or len(found) != 1:
        raise Failure(f"{repository.name}: there is no backup {harmless(backup, 70)}")
    with view(repository, passwords.key_of(repository), snapshots=found, index=repository.files("index")) as seen:
        nodes = _nodes(seen.restic("ls", "--json", "--no-lock", found[0], where, seconds=SECONDS))
    itself = [one for one in nodes if one["path"] == where]
    if (where != "/" and not itself) or any(one["type"] != "dir" for one in itself):
        raise Failure(f"{repository.name}: backup {found[0][:8]} has no folder {harmless(where, 200)}")
    inside = [one for one in nodes if one["path"] != where and posixpath.dirname(one["path"]) == where]
    end = after + ROWS
    items = [_entry(one) for one in inside[after:end]]
    return {"items": items, "next": end if end < len(inside) else None}


def _nodes(said: str) -> list[dict[str, Any]]:
    """Return what restic lists, but for its line about the backup itself; raises Failure."""
    try:
        lines = [json.loads(line) for line in said.splitlines() if line.strip()]
        return [{**one, "path": str(one["path"]), "type": str(one["type"])} for one in lines if "path" in one]
    except (ValueError, TypeError, KeyError) as error:
        raise Failure(f"restic lists something that is no list: {harmless(str(error), 100)}") from error


def _entry(node: dict[str, Any]) -> dict[str, Any]:
    size = node.get("size")
    return {
        "name": posixpath.basename(node["path"]),
        "kind": node["type"] if node["type"] in KINDS else "other",
        "bytes": size if isinstance(size, int) else None,
        "time": harmless(str(node.get("mtime", ""))[:19], 19),
    }
