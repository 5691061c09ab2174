# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formulas that fit managed components to a machine: the only place where they are.

Memory is MiB. ``share`` is the part of the machine that the component may use, 1.0 for a machine of its own.
The operator's and the project's own settings are laid over the results by the roles and always win.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

# What Debian, the monitoring and the logs need beside a component that fills the machine.
SYSTEM_MIB = 256


class TuningError(ValueError):
    """A size that no formula can work with; the text says which."""


def redis(
    memory_mib: int, cores: int, share: float = 1.0, *, appendonly: bool = True, snapshots: bool = True
) -> dict[str, str]:
    """Return settings for Redis.

    - ``maxmemory``: 40 % of the memory with the append-only file, 60 % with snapshots only, 80 % without
      persistence, times the share, and never so much that less than 256 MiB stay for the system (but at least
      32 MiB). Redis forks to write; each page changed meanwhile exists twice, and the append-only file is
      rewritten while it grows. Sources: redis.io, "Persistence" (fork and copy-on-write) and
      "Administration" (leave room for forks); 80 % is what Flying Circus gives a cache.
    - ``maxmemory-clients``: 10 % of that for the buffers of clients, so that a slow subscriber is cut off
      before data is evicted (redis.conf of 8.0, "Client Eviction").
    - ``io-threads``: 1 below four cores, else all but one, at most 7 (redis.conf of 8.0: 3 of 4, 7 of 8).
    - ``repl-backlog-size``: 1/64 of ``maxmemory``, 1 to 64 MiB: a short interruption needs no full copy.
    """
    _check(memory_mib, cores, share)
    if appendonly:
        part = 0.4
    elif snapshots:
        part = 0.6
    else:
        part = 0.8
    maxmemory = max(32, min(int(memory_mib * share * part), memory_mib - SYSTEM_MIB))
    usable_cores = max(1, int(cores * share))
    return {
        "maxmemory": f"{maxmemory}mb",
        "maxmemory-clients": "10%",
        "io-threads": str(1 if usable_cores < 4 else min(7, usable_cores - 1)),
        "repl-backlog-size": f"{max(1, min(64, maxmemory // 64))}mb",
    }


def _check(memory_mib: int, cores: int, share: float) -> None:
    if memory_mib < 64:
        raise TuningError(f"a machine needs at least 64 MiB of memory, not {memory_mib}")
    if cores < 1:
        raise TuningError(f"a machine has at least one core, not {cores}")
    if not 0 < share <= 1:
        raise TuningError(f"memory_share must be above 0 and at most 1, not {share}")


FORMULAS: Mapping[str, Callable[..., dict[str, str]]] = {"redis": redis}
