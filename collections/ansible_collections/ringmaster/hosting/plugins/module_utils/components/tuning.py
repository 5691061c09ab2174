# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formulas that fit managed components to a machine: the only place where they are.

Memory is MiB. ``share`` is the part of the machine that the component may use, 1.0 for a machine of its own.
The operator's and the project's own settings are laid over the results by the roles and always win.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# What Debian, the monitoring and the logs need beside a component that fills the machine.
SYSTEM_MIB = 256
# Headers of one question or answer that the web gateway lets through, and one line of a question.
HEADERS_KIB = 32
HEADER_LINE_KIB = 8


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


def memcached(memory_mib: int, cores: int, share: float = 1.0) -> dict[str, str]:
    """Return settings for memcached.

    - ``memory_mib``: 80 % of the memory times the share, and never so much that less than 256 MiB stay for the system,
      but at least 64 MiB, memcached's default (``-m``). What connections and hash tables need comes on top; 80 % is
      what Flying Circus gives a cache.
    - ``threads``: one for each core times the share, at most 8. memcached's default is 4, and its documentation ("more
      than the number of cores is not useful", doc/threads.txt) warns of many.
    """
    _check(memory_mib, cores, share)
    return {
        "memory_mib": str(max(64, min(int(memory_mib * share * 0.8), memory_mib - SYSTEM_MIB))),
        "threads": str(max(1, min(8, int(cores * share)))),
    }


def mysql(memory_mib: int, cores: int, share: float = 1.0) -> dict[str, str]:
    """Return settings for MariaDB. "The memory" is the machine's times the share, and leaves it 256 MiB at least.

    - ``innodb_buffer_pool_size``: 60 % of the memory. MariaDB's documentation ("InnoDB Buffer Pool") gives up to 80 %
      to a machine of its own, Flying Circus 70 %, DebOps 50 %; beside checks, an exporter and dumps, 60 %.
    - ``innodb_buffer_pool_size_max``: 80 % of the machine, rounded up to the pool's 8 MiB extents: only addresses,
      so that the pool can grow without a restart (MariaDB 11.8, "innodb_buffer_pool_size_max").
    - ``innodb_log_file_size``: a quarter of the pool, 96 MiB (MariaDB's default) to 2 GiB, so that checkpoints
      neither hurry nor make recovery after a crash long.
    - ``aria_pagecache_buffer_size`` for temporary tables on disk: 1/16 of the memory, 8 to 128 MiB (the default).
      ``key_buffer_size``: 8 MiB instead of 128, because only MyISAM uses it.
    - ``max_connections``: one for each 8 MiB of the memory, 50 to 1000 (Flying Circus: 1000 always). A connection that
      sorts and joins takes about 3 MiB of buffers (sum of the defaults, as mysqltuner counts it), so that the pool
      and all connections at once fit.
    - ``tmp_table_size`` and ``max_heap_table_size``: 1/64 of the memory, 16 (the default) to 64 MiB, because each
      connection may take it several times.
    - ``table_open_cache``: 8 for each connection, 2000 (the default) to 8000; ``table_definition_cache``: 400 more
      than half of that, as MySQL 8 computes it.
    - ``innodb_read_io_threads`` and ``innodb_write_io_threads``: one for each core, 4 (the default) to 16.
    - ``innodb_io_capacity``: 1000, ``innodb_io_capacity_max``: 2000: the default of 200 is that of a single hard disk.
    """
    _check(memory_mib, cores, share)
    memory = max(64, min(int(memory_mib * share), memory_mib - SYSTEM_MIB))
    pool = max(32, memory * 6 // 10 // 8 * 8)
    connections = _clamp(memory // 8, 50, 1000)
    temporary = _clamp(memory // 64, 16, 64)
    tables = _clamp(8 * connections, 2000, 8000)
    threads = _clamp(cores, 4, 16)
    return {
        "innodb_buffer_pool_size": f"{pool}M",
        "innodb_buffer_pool_size_max": f"{-(-max(pool, memory_mib * 8 // 10) // 8) * 8}M",
        "innodb_log_file_size": f"{_clamp(pool // 4, 96, 2048)}M",
        "innodb_read_io_threads": str(threads),
        "innodb_write_io_threads": str(threads),
        "innodb_io_capacity": "1000",
        "innodb_io_capacity_max": "2000",
        "aria_pagecache_buffer_size": f"{_clamp(memory // 16, 8, 128)}M",
        "key_buffer_size": "8M",
        "max_connections": str(connections),
        "tmp_table_size": f"{temporary}M",
        "max_heap_table_size": f"{temporary}M",
        "table_open_cache": str(tables),
        "table_definition_cache": str(400 + tables // 2),
    }


def _clamp(value: int, least: int, most: int) -> int:
    return max(least, min(most, value))


def nginx(memory_mib: int, cores: int, share: float = 1.0) -> dict[str, str]:
    """Return settings for nginx.

    - ``worker_processes``: one for each core (nginx.org, "Core functionality": as many as cores).
    - ``worker_connections``: what fits into a quarter of the memory at 64 KiB a connection (its own pool, a TLS
      session and proxy buffers), spread over the workers, 1024 to 16384.
    - ``worker_rlimit_nofile``: two files a connection (client and backend or file), and 2048 for logs.
    - ``ssl_session_cache``: 1 MiB (4000 sessions, nginx.org) for each 128 MiB, 4 to 64 MiB.
    - ``large_client_header_buffers``: four lines of 8 KiB (nginx.org), the headers of a question.
    - ``header_size``: as much for those of an answer, of which nginx takes one page otherwise.
    """
    _check(memory_mib, cores, share)
    connections = max(1024, min(16384, int(memory_mib * share * 0.25 * 16 / cores)))
    return {
        "worker_processes": str(cores),
        "worker_connections": str(connections),
        "worker_rlimit_nofile": str(2 * connections + 2048),
        "ssl_session_cache": f"{max(4, min(64, int(memory_mib * share / 128)))}m",
        "large_client_header_buffers": f"{HEADERS_KIB // HEADER_LINE_KIB} {HEADER_LINE_KIB}k",
        "header_size": f"{HEADERS_KIB}k",
    }


def haproxy(memory_mib: int, cores: int, share: float = 1.0) -> dict[str, str]:
    """Return settings for haproxy.

    - ``maxconn``: what fits into a quarter of the memory at 48 KiB a session (one buffer: haproxy gives back those of
      sessions in which nothing moves), 1000 to 50000.
    - ``nbthread``: one for each core.
    - ``bufsize``: headers must fit into one buffer: those that nginx lets through, and half as much for what nginx and
      haproxy add.
    """
    _check(memory_mib, cores, share)
    return {
        "maxconn": str(max(1000, min(50000, int(memory_mib * share * 0.25 * 1024 / 48)))),
        "nbthread": str(min(cores, 64)),
        "bufsize": str(HEADERS_KIB * 3 // 2 * 1024),
    }


def postgresql(memory_mib: int, cores: int, share: float = 1.0, *, disk_gib: int = 20) -> dict[str, str]:
    """Return settings for PostgreSQL.

    ``usable`` is the memory times the share, and never so much that less than 256 MiB stay for the system. Sources:
    PostgreSQL 17 manual, "Resource Consumption", "Write Ahead Log" and "Automatic Vacuuming"; pgtune (le0pard, type
    "web"); autobase for the settings of autovacuum.

    - ``shared_buffers``: a quarter of ``usable``, 32 MiB to 16 GiB (manual: 25 % is a reasonable start).
    - ``effective_cache_size``: three quarters of ``usable``: buffers and the system's cache (pgtune).
    - ``max_connections``: one for every 4 MiB of ``usable``, 50 to 200 (pgtune: 200).
    - ``work_mem``: what the buffers leave, for each connection three operations at once, 1 to 256 MiB (pgtune).
    - ``maintenance_work_mem``: a sixteenth of ``usable``, 32 MiB to 2 GiB (pgtune).
    - ``max_wal_size``: a tenth of the disk, 1 to 8 GiB, so that checkpoints come by time and a small disk stays
      free; ``min_wal_size`` a quarter of that. ``wal_compression``: lz4.
    - ``random_page_cost`` and ``effective_io_concurrency`` as for SSDs (pgtune); ``jit`` off: compiling costs more
      than it brings for short statements (pgtune for web, OLTP).
    - parallel workers: half of the cores for one statement, at most 4, all cores together (pgtune).
    - autovacuum starts at 5 % of dead rows instead of 20 %, so that large tables do not wait for weeks.
    """
    _check(memory_mib, cores, share)
    usable = max(64, min(int(memory_mib * share), memory_mib - SYSTEM_MIB))
    usable_cores = max(1, int(cores * share))
    buffers = max(32, min(16384, usable // 4))
    connections = max(50, min(200, usable // 4))
    max_wal = max(1024, min(8192, disk_gib * 1024 // 10))
    gather = min(4, usable_cores // 2)
    return {
        "shared_buffers": f"{buffers}MB",
        "effective_cache_size": f"{usable * 3 // 4}MB",
        "max_connections": str(connections),
        "work_mem": f"{max(1, min(256, (usable - buffers) // (connections * 3)))}MB",
        "maintenance_work_mem": f"{max(32, min(2048, usable // 16))}MB",
        "max_wal_size": f"{max_wal}MB",
        "min_wal_size": f"{max_wal // 4}MB",
        "wal_compression": "lz4",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        "jit": "off",
        "max_worker_processes": str(max(8, usable_cores)),
        "max_parallel_workers": str(usable_cores),
        "max_parallel_workers_per_gather": str(gather),
        "max_parallel_maintenance_workers": str(gather),
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_analyze_scale_factor": "0.02",
        "autovacuum_vacuum_insert_scale_factor": "0.1",
    }


def _check(memory_mib: int, cores: int, share: float) -> None:
    if memory_mib < 64:
        raise TuningError(f"a machine needs at least 64 MiB of memory, not {memory_mib}")
    if cores < 1:
        raise TuningError(f"a machine has at least one core, not {cores}")
    if not 0 < share <= 1:
        raise TuningError(f"memory_share must be above 0 and at most 1, not {share}")


def settings(component: str, *, memory_mib: int, cores: int, share: float = 1.0, **options: Any) -> dict[str, str]:
    """Return the settings that fit a component to its machine. Raises TuningError, which names the component."""
    if component not in FORMULAS:
        raise TuningError(f"tuning: no formulas for '{component}'; there are some for {', '.join(FORMULAS)}")
    try:
        return FORMULAS[component](int(memory_mib), int(cores), float(share), **options)
    except (TuningError, TypeError) as error:
        raise TuningError(f"tuning of {component}: {error}") from error


FORMULAS: Mapping[str, Callable[..., dict[str, str]]] = {
    "haproxy": haproxy,
    "memcached": memcached,
    "mysql": mysql,
    "nginx": nginx,
    "postgresql": postgresql,
    "redis": redis,
}
