# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures that no exporter has: of service users, of memcached, and of a part that fails."""

from __future__ import annotations

import pwd
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from ringmaster.check import figures as all_figures
from ringmaster.host import figures
from ringmaster.memcached import figures as memcached

MIB = 1024**2


def account(name: str, uid: int) -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", uid, uid, "", "/srv", "/bin/sh"))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the control groups of two service users and a person, one of them with limits."""
    accounts = [account("s-app", 20100), account("s-idle", 20101), account("alice", 1000)]
    monkeypatch.setattr(pwd, "getpwall", lambda: accounts)
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/threads-max").write_text("4000\n")
    (tmp_path / "meminfo").write_text("MemTotal:  2097152 kB\n")
    for uid in (20100, 1000):
        folder = tmp_path / f"user-{uid}.slice"
        folder.mkdir()
        values = {
            "memory.current": f"{300 * MIB}\n",
            "memory.stat": f"anon 1\ninactive_file {100 * MIB}\n",
            "memory.max": f"{512 * MIB}\n",
            "memory.high": "max\n",
            "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
            "cpu.max": "50000 100000\n",
            "pids.current": "7\n",
            "pids.max": "max\n",
        }
        for name, text in values.items():
            (folder / name).write_text(text)
    return tmp_path


def found(machine: Path) -> dict[str, float]:
    lines = [line for line in figures.metrics(machine, machine) if not line.startswith("#")]
    return {line.split()[0]: float(line.split()[1]) for line in lines}


def test_service_users_are_told_with_their_limits_and_nobody_else(machine: Path) -> None:
    prefix = "ringmaster_service_user_"
    assert found(machine) == {
        f'{prefix}memory_bytes{{user="s-app"}}': 200 * MIB,
        f'{prefix}memory_bytes_limit{{user="s-app"}}': 512 * MIB,
        f'{prefix}cpu_seconds_total{{user="s-app"}}': 2.5,
        f'{prefix}cpu_cores_limit{{user="s-app"}}': 0.5,
        f'{prefix}tasks{{user="s-app"}}': 7,
        f'{prefix}tasks_limit{{user="s-app"}}': 4000,
    }


def test_a_limit_that_is_not_set_is_what_the_machine_has(machine: Path) -> None:
    for name in ("memory.max", "cpu.max"):
        (machine / "user-20100.slice" / name).write_text("max 100000\n" if name == "cpu.max" else "max\n")
    told = found(machine)
    assert told['ringmaster_service_user_memory_bytes_limit{user="s-app"}'] == 2048 * MIB
    assert told['ringmaster_service_user_cpu_cores_limit{user="s-app"}'] >= 1


def test_a_group_that_ends_while_it_is_read_is_no_error(machine: Path) -> None:
    for path in (machine / "user-20100.slice").iterdir():
        path.unlink()
    assert found(machine)['ringmaster_service_user_memory_bytes{user="s-app"}'] == 0


def answering(answer: Callable[[socket.socket], object]) -> tuple[str, int]:
    """Return an address where one question is answered so."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _address = server.accept()
        with connection, server:
            connection.recv(100)
            answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    return str(server.getsockname()[0]), int(server.getsockname()[1])


def test_memcached_tells_its_figures() -> None:
    said = b"STAT pid 1\r\nSTAT bytes 100\r\nSTAT limit_maxbytes 1000\r\nSTAT get_hits 5\r\nSTAT version 1.6\r\nEND\r\n"
    told = [line for line in memcached.metrics(answering(lambda one: one.sendall(said))) if not line.startswith("#")]
    assert told == [
        "ringmaster_memcached_bytes 100",
        "ringmaster_memcached_bytes_limit 1000",
        "ringmaster_memcached_hits_total 5",
    ]


def test_whoever_holds_its_port_is_heard_for_a_short_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def flood(connection: socket.socket) -> None:
        try:
            while True:
                connection.sendall(b'STAT bytes"} 1 NaN\r\n' * 1000)
        except OSError:
            pass

    assert list(memcached.metrics(answering(flood))) == []
    monkeypatch.setattr(memcached, "SECONDS", 0.2)
    assert list(memcached.metrics(answering(lambda one: one.recv(1000)))) == []


def test_a_part_that_fails_costs_its_own_figures_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in all_figures.PARTS:
        (tmp_path / part).mkdir()
        (tmp_path / part / "figures.py").touch()

    def fail() -> list[str]:
        raise OSError("no such thing")

    monkeypatch.setattr(figures, "metrics", fail)
    monkeypatch.setattr(memcached, "metrics", lambda: ["ringmaster_memcached_bytes 1"])
    assert all_figures.text(tmp_path) == "ringmaster_memcached_bytes 1\n"
