# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who broke into the REST server can put links where root's maintenance works; they lead it nowhere."""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ringmaster.backup_server import bins, process, quota, view
from ringmaster.backup_server.repositories import Repository
from ringmaster.core.report import Failure

NOBODY = pwd.getpwnam("nobody").pw_uid
PACK, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(process, "USER", "nobody")
    path = tmp_path / "backups/web00"
    for kind in ("data/ab", "index", "keys", "locks", "snapshots"):
        (path / kind).mkdir(parents=True)
    (path / "config").write_text("c")
    (path / "data/ab" / PACK).write_text("pack")
    (path / "index" / OTHER).write_text("index")
    roots = tmp_path / "roots"
    roots.mkdir(mode=0o700)
    for name in (PACK, OTHER, "config"):
        (roots / name).write_text("of root")
    give(path.parent)
    return Repository("web00", path, "word")


def give(folder: Path) -> None:
    """Give a tree to the server's user: what root linked in a folder of root's would be followed."""
    for one in (folder, *folder.rglob("*")):
        os.chown(one, NOBODY, -1, follow_symlinks=False)


def roots(repository: Repository) -> dict[str, str]:
    folder = repository.path.parents[1] / "roots"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    return {path.name: path.read_text() for path in folder.iterdir()}


def lead_astray(repository: Repository, name: str) -> None:
    """Put a link to root's folder in the place of a folder of the server's user."""
    place = repository.path.parent / name
    if place.exists():
        place.rename(Path(tempfile.mkdtemp(dir=repository.path.parents[1])) / "away")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(repository.path.parents[1] / "roots")
    give(repository.path.parent)


WORKS: list[tuple[str, Callable[[Repository], object]]] = [
    ("web00/data/ab", lambda one: bins.put(one, bins.TRASH, {"data": [PACK]})),
    (".trash", lambda one: bins.put(one, bins.TRASH, {"data": [PACK]})),
    (".trash/web00", lambda one: bins.put(one, bins.TRASH, {"data": [PACK]})),
    ("web00/index", lambda one: bins.put(one, bins.ASIDE, {"index": [OTHER]})),
    (".work", lambda one: view.view(one, OTHER).__enter__()),
    ("web00/index", lambda one: view.view(one, OTHER, index=[OTHER]).__enter__()),
    ("web00", lambda one: view.view(one, OTHER).__enter__()),
    (".work", view.sweep),
    ("web00/data/ab", lambda one: one.files("data")),
    ("web00/locks", lambda one: quota._watch_locks(one.path / "locks")),
]


@pytest.mark.parametrize(("place", "work"), WORKS, ids=lambda one: one if isinstance(one, str) else "")
def test_a_link_in_the_place_of_a_folder_is_refused(
    repository: Repository, place: str, work: Callable[[Repository], object]
) -> None:
    before = roots(repository)
    lead_astray(repository, place)
    with pytest.raises(Failure, match="is a link or no folder"):
        work(repository)
    assert roots(repository) == before


def test_what_was_put_away_does_not_come_back_over_a_link(repository: Repository) -> None:
    bins.put(repository, bins.TRASH, {"data": [PACK], "index": [OTHER]})
    before = roots(repository)
    lead_astray(repository, "web00/data/ab")
    with pytest.raises(Failure):
        bins.put_back(repository, bins.TRASH)
    assert roots(repository) == before
    (repository.path / "data/ab").unlink()
    (repository.path / "data/ab").mkdir()
    assert bins.put_back(repository, bins.TRASH) == 2
    assert (repository.path / "data/ab" / PACK).read_text() == "pack"
    assert bins.stamps(repository, bins.TRASH) == []


def test_a_stamp_that_is_a_link_is_removed_itself(repository: Repository) -> None:
    bins.put(repository, bins.TRASH, {"data": [PACK]})
    before = roots(repository)
    lead_astray(repository, ".trash/web00/2020-01-01T000000Z")
    bins.expire(repository, 1, 4e9)
    assert bins.stamps(repository, bins.TRASH) == []
    assert roots(repository) == before
    assert bins.size(repository, bins.TRASH) == 0


def test_modes_of_what_a_link_names_stay(repository: Repository) -> None:
    lead_astray(repository, "web00/snapshots")
    lead_astray(repository, "web00/data/ab")
    quota._allow(repository.path, 0o500)
    assert roots(repository)
    assert stat.S_IMODE((repository.path / "data").stat().st_mode) == 0o500
    assert stat.S_IMODE((repository.path / "locks").stat().st_mode) != 0o500
    lead_astray(repository, "web00")
    quota._allow(repository.path, 0o755)
    assert roots(repository)


def test_nothing_of_roots_is_emptied(repository: Repository) -> None:
    before = roots(repository)
    folder = repository.path.parents[1] / "roots"
    lead_astray(repository, "web00/data/ab")
    quota._empty(repository.path / "data/ab" / PACK)
    (repository.path / "index/link").symlink_to(folder / PACK)
    quota._empty(repository.path / "index/link")
    os.link(folder / PACK, repository.path / "index/second")
    quota._empty(repository.path / "index/second")
    os.mkfifo(repository.path / "index/pipe")
    quota._empty(repository.path / "index/pipe")
    assert roots(repository) == before
    quota._empty(repository.path / "index" / OTHER)
    assert (repository.path / "index" / OTHER).read_bytes() == b""


def test_a_view_has_second_names_of_links_and_not_of_what_they_name(repository: Repository) -> None:
    (repository.path / "config").unlink()
    (repository.path / "config").symlink_to(repository.path.parents[1] / "roots/config")
    with view.view(repository, OTHER, index=[OTHER], packs=[PACK]) as seen:
        assert (seen.path / "config").is_symlink()
        assert seen.place("data", PACK).read_text() == "pack"
        assert seen.place("index", OTHER).samefile(repository.place("index", OTHER))
        assert len(list((seen.path / "data").iterdir())) == 256
        assert not list((seen.path / "keys").iterdir())  # what is missing is left out
        owner = (seen.path / "data").stat().st_uid
        assert owner != 0
    assert list((repository.path.parent / view.WORK).iterdir()) == []


def test_a_view_without_packs_reads_those_of_the_repository(repository: Repository) -> None:
    with view.view(repository, OTHER) as seen:
        assert (seen.path / "data").readlink() == repository.path / "data"
