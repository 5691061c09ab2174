# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the server write what it holds to the disk, now, and wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ringmaster.core.report import Failure
from ringmaster.redis.client import Client

PATIENCE = 3600.0


@dataclass(frozen=True)
class File:
    """A kind of file: the command that writes it, and where INFO says how that goes."""

    title: str
    command: str
    is_running: str
    ended: str


SNAPSHOT = File("the snapshot", "BGSAVE", "rdb_bgsave_in_progress", "rdb_last_bgsave_status")
LOG = File("the append-only file", "BGREWRITEAOF", "aof_rewrite_in_progress", "aof_last_bgrewrite_status")


def write(client: Client, file: File, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Let it be written; ``meanwhile`` is called again and again. Raises Failure, RedisError, OSError.

    One that is under way is not good enough: it is older.
    """
    end = time.monotonic() + PATIENCE
    begun = False
    while time.monotonic() < end:
        info = client.info()
        if info.get("loading") == "1":
            raise Failure("it is loading its data")
        # A rewrite of the append-only file and a snapshot exclude each other.
        if not begun and "1" not in (info[SNAPSHOT.is_running], info[LOG.is_running]):
            client.command(file.command)
            begun = True
        elif begun and info[file.is_running] == "0":
            if info[file.ended] != "ok":
                raise Failure(f"writing {file.title} failed; its journal says why")
            return
        meanwhile()
        time.sleep(0.1)
    raise Failure(f"{file.title} was not written within {PATIENCE:.0f} s")
