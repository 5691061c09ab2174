# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine that sends for ever is closed for writing, and the others find room."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.backup_server import quota
from ringmaster.backup_server.repositories import Repository

MIB = 1 << 20


def repository(folder: Path, name: str, limit: int = 0) -> Repository:
    one = Repository(name, folder / name, "", quota=limit)
    for kind in ("data/00", "data/01", "index", "keys", "locks", "snapshots"):
        (one.path / kind).mkdir(parents=True, exist_ok=True)
    return one


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A disk of 1000 MiB, and a function that looks once and returns what is closed."""
    monkeypatch.setattr(quota, "STATE", tmp_path / "quota.json")
    found = SimpleNamespace(total=1000 * MIB, free=500 * MIB, said=[], sizes=quota.Sizes())
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: found)

    def look(*repositories: Repository) -> set[str]:
        quota.look(repositories, tmp_path, found.sizes, 10, found.said.append)
        return set(quota.read_state(quota.STATE)["closed"])

    found.look = look
    return found


def writable(one: Repository) -> set[str]:
    return {
        path.relative_to(one.path).as_posix()
        for path in (one.path, *one.path.rglob("*"))
        if path.is_dir() and path.stat().st_mode & 0o200
    }


def test_over_its_quota_a_repository_is_read_only_until_there_is_room(tmp_path: Path, disk: SimpleNamespace) -> None:
    large, other = repository(tmp_path, "large", 10 * MIB), repository(tmp_path, "other")
    (large.path / "data/00/pack").write_bytes(b"x" * 9 * MIB)
    assert disk.look(large, other) == set()
    (large.path / "data/01/pack").write_bytes(b"x" * 2 * MIB)
    assert disk.look(large, other) == {"large"}
    assert writable(large) == {"locks"}, "readers make locks"
    assert "." in writable(other)
    assert "large: closed for writing" in disk.said[0]
    large.path.joinpath("data/01").chmod(0o700)
    (large.path / "data/01/pack").unlink()
    assert disk.look(large, other) == set()
    assert {"data/00", "data/01", "index", "."} <= writable(large)


def test_what_lies_in_the_trash_counts(tmp_path: Path, disk: SimpleNamespace) -> None:
    """Else a machine could send, let it be pruned, and send again."""
    one = repository(tmp_path, "one", 10 * MIB)
    place = tmp_path / ".trash/one/2026-11-24T110000Z/data"
    place.mkdir(parents=True)
    (place / "pack").write_bytes(b"x" * 11 * MIB)
    assert disk.look(one) == {"one"}


def test_an_upload_that_never_ends_is_emptied(tmp_path: Path, disk: SimpleNamespace) -> None:
    one = repository(tmp_path, "one", 10 * MIB)
    upload = one.path / "data/00/ab.rest-server-temp123"
    with upload.open("wb") as stream:
        for _round in range(3):
            stream.write(b"x" * 20 * MIB)
            stream.flush()
            disk.look(one)
            assert upload.stat().st_blocks * 512 < MIB


def test_many_small_files_and_locks_that_are_none(tmp_path: Path, disk: SimpleNamespace) -> None:
    one = repository(tmp_path, "one", 10 * MIB)
    for number in range(700):
        (one.path / f"index/{number}").write_bytes(b"x")
    (one.path / "locks/small").write_bytes(b"x" * 300)
    (one.path / "locks/large").write_bytes(b"x" * MIB)
    assert disk.look(one) == {"one"}
    assert [path.name for path in (one.path / "locks").iterdir()] == ["small"]


def test_the_reserve_is_for_those_who_have_not_grown(tmp_path: Path, disk: SimpleNamespace) -> None:
    machines = [repository(tmp_path, f"vm{number}") for number in range(10)]
    assert disk.look(*machines) == set()
    # One has eaten all but 50 MiB; the others send their nights.
    (machines[0].path / "data/00/pack").write_bytes(b"x" * 20 * MIB)
    for one in machines[1:]:
        (one.path / "data/00/pack").write_bytes(b"x" * 5 * MIB)
    disk.free = 50 * MIB
    assert disk.look(*machines) == {"vm0"}
    # It stays so on the next days as well.
    assert disk.look(*machines) == {"vm0"}
    disk.free = 500 * MIB
    assert disk.look(*machines) == set()


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20), st.integers(1, 10**6))
def test_all_who_are_open_find_room_in_the_reserve(grown: list[int], reserve: int) -> None:
    machines = [Repository(str(number), Path(), "") for number in range(len(grown))]
    sizes = {str(number): size for number, size in enumerate(grown)}
    closed = quota.judge(machines, sizes, dict.fromkeys(sizes, 0), reserve - 1, reserve)
    assert sum(size for name, size in sizes.items() if name not in closed) <= reserve
