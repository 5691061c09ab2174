# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formulas: a table of machines, and what holds for all."""

from __future__ import annotations

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import tuning
from hypothesis import given
from hypothesis import strategies as st

# memory, cores, share, AOF, RDB -> maxmemory, io-threads, repl-backlog-size
TABLE = [
    ((1024, 1, 1.0), (True, True), ("409mb", "1", "6mb")),
    ((1024, 1, 1.0), (False, True), ("614mb", "1", "9mb")),
    ((1024, 1, 1.0), (False, False), ("768mb", "1", "12mb")),  # 80 % would leave less than 256 MiB
    ((4096, 4, 1.0), (False, False), ("3276mb", "3", "51mb")),
    ((4096, 4, 0.5), (True, True), ("819mb", "1", "12mb")),
    ((65536, 16, 1.0), (True, True), ("26214mb", "7", "64mb")),
    ((256, 1, 1.0), (True, True), ("32mb", "1", "1mb")),
]


@pytest.mark.parametrize(("machine", "persistence", "wanted"), TABLE)
def test_redis(machine: tuple[int, int, float], persistence: tuple[bool, bool], wanted: tuple[str, str, str]) -> None:
    found = tuning.redis(*machine, appendonly=persistence[0], snapshots=persistence[1])
    assert (found["maxmemory"], found["io-threads"], found["repl-backlog-size"]) == wanted


@given(st.integers(512, 2**20), st.integers(1, 256), st.floats(0.01, 1.0), st.booleans(), st.booleans())
def test_redis_always_leaves_room(memory: int, cores: int, share: float, appendonly: bool, snapshots: bool) -> None:
    found = tuning.redis(memory, cores, share, appendonly=appendonly, snapshots=snapshots)
    maxmemory = int(found["maxmemory"].removesuffix("mb"))
    assert 32 <= maxmemory <= memory - tuning.SYSTEM_MIB
    assert maxmemory <= max(32, memory * share)
    assert 1 <= int(found["io-threads"]) <= min(7, max(1, cores - 1))


@pytest.mark.parametrize(
    ("machine", "memory", "threads"),
    [
        ((1024, 1, 1.0), "768", "1"),
        ((4096, 4, 1.0), "3276", "4"),
        ((4096, 4, 0.5), "1638", "2"),
        ((256, 1, 1), "64", "1"),
    ],
)
def test_memcached(machine: tuple[int, int, float], memory: str, threads: str) -> None:
    assert tuning.memcached(*machine) == {"memory_mib": memory, "threads": threads}


@given(st.integers(64, 2**20))
def test_more_memory_is_never_less_for_redis(memory: int) -> None:
    less, more = (int(tuning.redis(size, 1)["maxmemory"].removesuffix("mb")) for size in (memory, memory + 1))
    assert less <= more


@pytest.mark.parametrize(("memory", "cores", "share"), [(63, 1, 1.0), (1024, 0, 1.0), (1024, 1, 0.0), (1024, 1, 1.1)])
def test_impossible_machines(memory: int, cores: int, share: float) -> None:
    for formula in tuning.FORMULAS.values():
        with pytest.raises(tuning.TuningError):
            formula(memory, cores, share)


# memory, cores, share -> pool, its most, log, connections, temporary tables, table cache
MYSQL = [
    ((1024, 1, 1.0), ("456M", "824M", "114M", "96", "16M", "2000")),  # 256 MiB stay for the system
    ((2048, 2, 1.0), ("1072M", "1640M", "268M", "224", "28M", "2000")),
    ((2048, 2, 0.5), ("608M", "1640M", "152M", "128", "16M", "2000")),
    ((16384, 8, 1.0), ("9672M", "13112M", "2048M", "1000", "64M", "8000")),
    ((256, 1, 1.0), ("32M", "208M", "96M", "50", "16M", "2000")),
]


@pytest.mark.parametrize(("machine", "wanted"), MYSQL)
def test_mysql(machine: tuple[int, int, float], wanted: tuple[str, ...]) -> None:
    found = tuning.mysql(*machine)
    names = (
        "innodb_buffer_pool_size",
        "innodb_buffer_pool_size_max",
        "innodb_log_file_size",
        "max_connections",
        "tmp_table_size",
        "table_open_cache",
    )
    assert tuple(found[name] for name in names) == wanted


@given(st.integers(512, 2**20), st.integers(1, 256), st.floats(0.01, 1.0))
def test_mysql_always_leaves_room(memory: int, cores: int, share: float) -> None:
    found = tuning.mysql(memory, cores, share)

    def mib(name: str) -> int:
        return int(found[name].removesuffix("M"))

    buffers = mib("innodb_buffer_pool_size") + mib("aria_pagecache_buffer_size") + mib("key_buffer_size")
    assert buffers <= max(80, 0.75 * min(memory * share, memory - tuning.SYSTEM_MIB))
    assert mib("innodb_buffer_pool_size") <= mib("innodb_buffer_pool_size_max")
    assert 50 <= int(found["max_connections"]) <= 1000


def test_three_components_fit_one_machine() -> None:
    """Each with its even share: together they leave a quarter of the machine and more."""
    memory, share = 4096, 1 / 3
    redis = int(tuning.redis(memory, 2, share)["maxmemory"].removesuffix("mb"))
    mysql = int(tuning.mysql(memory, 2, share)["innodb_buffer_pool_size"].removesuffix("M"))
    postgresql = int(tuning.postgresql(memory, 2, share)["shared_buffers"].removesuffix("MB"))
    assert redis + mysql + postgresql < memory * 0.75


# memory, cores, share, disk -> shared_buffers, effective_cache_size, work_mem, max_connections, max_wal_size, parallel
POSTGRESQL = [
    ((1024, 1, 1.0, 10), ("192MB", "576MB", "1MB", "192", "1024MB", "0")),
    ((2048, 2, 1.0, 20), ("448MB", "1344MB", "2MB", "200", "2048MB", "1")),
    ((4096, 4, 0.5, 20), ("512MB", "1536MB", "2MB", "200", "2048MB", "1")),
    ((16384, 8, 1.0, 100), ("4032MB", "12096MB", "20MB", "200", "8192MB", "4")),
    ((131072, 32, 1.0, 1000), ("16384MB", "98112MB", "190MB", "200", "8192MB", "4")),
    ((512, 1, 1.0, 10), ("64MB", "192MB", "1MB", "64", "1024MB", "0")),
]


@pytest.mark.parametrize(("machine", "wanted"), POSTGRESQL)
def test_postgresql(machine: tuple[int, int, float, int], wanted: tuple[str, ...]) -> None:
    found = tuning.postgresql(*machine[:3], disk_gib=machine[3])
    names = ("shared_buffers", "effective_cache_size", "work_mem", "max_connections", "max_wal_size")
    assert tuple(found[name] for name in (*names, "max_parallel_workers_per_gather")) == wanted


@given(st.integers(512, 2**20), st.integers(1, 256), st.floats(0.01, 1.0), st.integers(1, 10000))
def test_postgresql_always_leaves_room(memory: int, cores: int, share: float, disk: int) -> None:
    settings = tuning.postgresql(memory, cores, share, disk_gib=disk)
    found = {name: value.removesuffix("MB") for name, value in settings.items()}
    usable = max(64, min(memory * share, memory - tuning.SYSTEM_MIB))
    connections = int(found["max_connections"])
    assert int(found["shared_buffers"]) <= max(32, usable / 4)
    assert connections * int(found["work_mem"]) <= max(usable, connections)
    assert int(found["min_wal_size"]) < int(found["max_wal_size"])
