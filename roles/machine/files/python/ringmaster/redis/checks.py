# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of Redis. Each returns a status (0 ok, 1 warning, 2 critical, 3 unknown) and a sentence."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ringmaster.core import checks
from ringmaster.core.checks import CRITICAL, OK, WARNING, level
from ringmaster.core.report import counted
from ringmaster.redis import engine
from ringmaster.redis.client import CA, PORT, TLS_PORT, RedisError, login

CREDENTIALS = Path("/etc/ringmaster/monitoring/redis.env")
INBOX = Path("/etc/local/redis")
LOCAL = ("127.0.0.1", TLS_PORT)
MIB = 1024 * 1024

_needs_answer = checks.needs_answer(lambda: engine.present().title, RedisError)


def login_and_round_trip(addresses: list[str], plain: bool) -> tuple[int, str]:
    """Log in on each address, with TLS and, if that is offered, without; once, write a key, read it and delete it."""
    problems = []
    begun = time.monotonic()
    key, value = f"ringmaster:check:{os.getpid()}", f"{time.time()}"
    doors = [(address, TLS_PORT, CA) for address in addresses] + [(one, PORT, None) for one in addresses if plain]
    for address, port, ca in doors:
        try:
            with login((address, port), CREDENTIALS, timeout=3, ca=ca) as client:
                client.command("PING")
                if (address, port) != doors[0][:2]:
                    continue
                client.command("SET", key, value, "EX", "60")
                answer = client.command("GET", key)
                client.command("DEL", key)
            if answer != value:
                problems.append(f"{address} port {port} gave back something else than was written")
        except (OSError, RedisError) as error:
            problems.append(f"{address} port {port}: {checks.reason(error)}")
    if problems:
        return CRITICAL, f"No round trip: {'; '.join(problems)}."
    milliseconds = 1000 * (time.monotonic() - begun)
    where = counted(len(addresses), "address", "addresses")
    return OK, f"Login works on {where}, and the round trip; {milliseconds:.0f} ms in all."


@_needs_answer
def memory(warning: int, critical: int) -> tuple[int, str]:
    """Memory in use, in percent of maxmemory. Where Redis may evict, full is normal."""
    info = _info()
    used, limit, policy = int(info["used_memory"]), int(info["maxmemory"]), info["maxmemory_policy"]
    if not limit:
        return WARNING, f"{used // MIB} MiB are in use without a limit (maxmemory is 0)."
    percent = 100 * used / limit
    sentence = f"{used // MIB} MiB of {limit // MIB} MiB ({percent:.0f} %) are in use, policy {policy}"
    if policy != "noeviction":
        return OK, f"{sentence}, {counted(int(info['evicted_keys']), 'key')} evicted since the start."
    return level(percent, warning, critical), f"{sentence}."


@_needs_answer
def connections(warning: int, critical: int) -> tuple[int, str]:
    """Connections, in percent of maxclients."""
    info = _info()
    now, limit = int(info["connected_clients"]), int(info["maxclients"])
    in_use = counted(now, f"of {limit} connections is in use", f"of {limit} connections are in use")
    sentence = f"{in_use}, {info['rejected_connections']} refused since the start."
    return level(100 * now / limit, warning, critical), sentence


@_needs_answer
def persistence() -> tuple[int, str]:
    """Whether the newest snapshot and the newest writes of the append-only file succeeded."""
    info = _info()
    if info.get("loading") == "1":
        return WARNING, f"{engine.present().title} is loading its data."
    problems = []
    if info["rdb_last_bgsave_status"] != "ok":
        problems.append("the last snapshot failed")
    with_log = info["aof_enabled"] == "1"
    if with_log and info["aof_last_write_status"] != "ok":
        problems.append("the append-only file cannot be written")
    if with_log and info["aof_last_bgrewrite_status"] != "ok":
        problems.append("the last rewrite of the append-only file failed")
    if problems:
        return CRITICAL, f"Data is not safe on disk: {', '.join(problems)}."
    hours = (time.time() - int(info["rdb_last_save_time"])) / 3600
    how = "The append-only file is written" if with_log else "There is no append-only file"
    changes = int(info["rdb_changes_since_last_save"])
    return OK, f"{how}; the last snapshot is {hours:.1f} h old, {counted(changes, 'change')} since."


def disk(warning: int, critical: int) -> tuple[int, str]:
    """Space in use where the data lie, in percent: Redis refuses writes when it is full."""
    return checks.disk(engine.present().data, warning, critical)


def inbox() -> tuple[int, str]:
    """Drop-ins in /etc/local/redis that were left out."""
    return checks.drop_ins("redis", ".conf", INBOX)


@_needs_answer
def restart_pending(warning_days: float) -> tuple[int, str]:
    """Settings that wait for a restart of Redis."""
    return checks.restart_pending("redis", _info()["run_id"], warning_days)


def _info() -> dict[str, str]:
    with login(LOCAL, CREDENTIALS, timeout=3, ca=CA) as client:
        return client.info()
