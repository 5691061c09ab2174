# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many databases the server starts with: never fewer than hold something.

With too few of them a server ends at a snapshot that names a higher one, and what an append-only file says of a higher
one it does in another database, over what is there. So the number that it has now stays in force in a file beside the
configuration, also through a crash and a reboot. A lower one comes into force by a restart of ours only, before which
the files on the disk are written again, so that they name no database from it on.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from ringmaster.core import files
from ringmaster.core.report import Failure, counted
from ringmaster.redis import writing
from ringmaster.redis.client import Client, RedisError

SETTING = "databases"
DEFAULT = 16
PAUSE_MS = 60_000
_LINE = re.compile(r"databases (\d{1,9})\n")
_ENTRY = re.compile(r"db(\d+)")


def keys(info: Mapping[str, str]) -> dict[int, int]:
    """Return the keys of each database that has some, which INFO shows as ``db0:keys=3,expires=1,avg_ttl=0``."""
    found = ((_ENTRY.fullmatch(name), value) for name, value in info.items())
    return {int(name[1]): int(value.removeprefix("keys=").partition(",")[0]) for name, value in found if name}


def problem(number: int, held: Mapping[int, int]) -> str:
    """Say why there cannot be so few databases where these hold keys, and what to do; nothing when there can."""
    highest = max(held, default=0)
    if highest < number:
        return ""
    return (
        f"databases {number} is too few: database {highest} holds {counted(held[highest], 'key')}, which a server with "
        f"databases 0 to {number - 1} loses. Write databases {highest + 1} or more; or let the application move or "
        f"delete its keys in databases {number} and above, and write it then"
    )


def in_force(file: Path) -> int | None:
    """Return the number that the next start has; None when nobody has written one yet."""
    try:
        found = _LINE.fullmatch(file.read_text())
    except FileNotFoundError:
        return None
    return int(found[1]) if found else None


def put_in_force(file: Path, number: int) -> None:
    """Let the next start have so many databases, whatever the configuration says. The folder's group reads it."""
    files.replace(file, f"{SETTING} {number}\n", group=file.parent.stat().st_gid, mode=0o640)


def make_room(client: Client, number: int) -> None:
    """Let the files on the disk name no database from ``number`` on, and nobody write for a minute after it.

    Raises Failure, RedisError or OSError, and then lets everybody write again.
    """
    try:
        _pause(client)
        if told := problem(number, keys(client.info())):
            raise Failure(told)
        if client.info()["aof_enabled"] == "1":
            # It names those of keys that are deleted by now, too.
            writing.write(client, writing.LOG, lambda: _pause(client))
        writing.write(client, writing.SNAPSHOT, lambda: _pause(client))
        _pause(client)
    except BaseException:
        with contextlib.suppress(OSError, RedisError):
            client.command("CLIENT", "UNPAUSE")
        raise


def _pause(client: Client) -> None:
    client.command("CLIENT", "PAUSE", str(PAUSE_MS), "WRITE")
