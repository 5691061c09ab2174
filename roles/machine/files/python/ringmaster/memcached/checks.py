# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of memcached. Each returns a status (0 ok, 1 warning, 2 critical, 3 unknown) and a sentence."""

from __future__ import annotations

import os
import time

from ringmaster.core import checks
from ringmaster.core.checks import CRITICAL, OK, level
from ringmaster.core.report import counted
from ringmaster.memcached.client import PORT, Client, MemcachedError

LOCAL = ("127.0.0.1", PORT)
MIB = 1024 * 1024

_needs_answer = checks.needs_answer("memcached", MemcachedError)


def answers(addresses: list[str]) -> tuple[int, str]:
    """Write a value, read it and delete it, on each address."""
    problems = []
    begun = time.monotonic()
    key, value = f"ringmaster:check:{os.getpid()}", f"{time.time()}"
    for address in addresses:
        try:
            with Client((address, PORT)) as client:
                client.set(key, value, 60)
                answer = client.get(key)
                client.say(f"delete {key}")
            if answer != value:
                problems.append(f"{address} gave back something else than was written")
        except (OSError, MemcachedError) as error:
            problems.append(f"{address}: {checks.reason(error)}")
    if problems:
        return CRITICAL, f"No round trip: {'; '.join(problems)}."
    with Client(LOCAL) as client:
        figures = client.stats()
    gets, hits = int(figures["cmd_get"]), int(figures["get_hits"])
    share = f"{100 * hits / gets:.0f} % of {counted(gets, 'question was', 'questions were')} hits" if gets else "idle"
    used, limit = int(figures["bytes"]) // MIB, int(figures["limit_maxbytes"]) // MIB
    where = counted(len(addresses), "address", "addresses")
    milliseconds = 1000 * (time.monotonic() - begun)
    return OK, (
        f"A value goes there and back on {where}; {milliseconds:.0f} ms in all. {used} MiB of {limit} MiB are in use, "
        f"{share}, {counted(int(figures['evictions']), 'value')} evicted since the start."
    )


@_needs_answer
def connections(warning: int, critical: int) -> tuple[int, str]:
    """Connections, in percent of those allowed."""
    with Client(LOCAL) as client:
        figures = client.stats()
    now, limit = int(figures["curr_connections"]), int(figures["max_connections"])
    in_use = counted(now, f"of {limit} connections is in use", f"of {limit} connections are in use")
    return level(100 * now / limit, warning, critical), f"{in_use}."


@_needs_answer
def restart_pending(warning_days: float) -> tuple[int, str]:
    """Settings that wait for a restart of memcached."""
    with Client(LOCAL) as client:
        run = client.stats()["pid"]
    return checks.restart_pending("memcached", run, warning_days)
