# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting restored files in place: newer files stay, links are not followed, and a large home is sampled."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ringmaster.backup import configuration, files, nightly, proof, state
from ringmaster.backup.configuration import Failure
from ringmaster.core import below


def merge(source: Path, target: Path, name: str, *, over: str = "older") -> files.Report:
    report = files.Report(str(target / name), "0")
    with files._opened(source) as ours, files._opened(target) as theirs:
        files._merge(ours, theirs, name, name, over=over, shown=str(target / name), report=report)
    return report


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    source, target = tmp_path / "staging", tmp_path / "live"
    (source / "home").mkdir(parents=True)
    target.mkdir()
    return source, target


def write(path: Path, text: str, age: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    return path


def test_what_is_gone_comes_back_as_a_whole(places) -> None:
    source, target = places
    write(source / "home/a/b", "backup", 10)
    assert merge(source, target, "home").kept == []
    assert (target / "home/a/b").read_text() == "backup"


@pytest.mark.parametrize(
    ("over", "expected", "kept"),
    [("nothing", ["new", "old"], "ab"), ("older", ["new", "backup"], "a"), ("everything", ["backup", "backup"], "")],
)
def test_newer_files_stay_unless_asked(places, over: str, expected: list[str], kept: str) -> None:
    source, target = places
    write(source / "home/a", "backup", 10)
    write(source / "home/b", "backup", 10)
    write(target / "home/a", "new", 0)
    write(target / "home/b", "old", 20)
    write(target / "home/c", "mine", 0)
    report = merge(source, target, "home", over=over)
    assert [(target / "home" / name).read_text() for name in "abc"] == [*expected, "mine"]
    assert sorted(report.kept) == [str(target / "home" / name) for name in kept]


def test_a_folder_is_never_replaced_by_a_file(places) -> None:
    source, target = places
    write(source / "home/a", "backup", 10)
    write(target / "home/a/precious", "mine", 20)
    assert merge(source, target, "home", over="everything").kept == [str(target / "home/a")]
    assert (target / "home/a/precious").read_text() == "mine"


def test_a_link_in_the_live_folder_is_replaced_and_not_followed(places, tmp_path: Path) -> None:
    source, target = places
    write(source / "home/a/passwd", "backup", 0)
    outside = tmp_path / "etc"
    write(outside / "passwd", "precious", 20)
    (target / "home").mkdir()
    (target / "home/a").symlink_to(outside)
    merge(source, target, "home", over="everything")
    assert (outside / "passwd").read_text() == "precious"
    assert not (target / "home/a").is_symlink()
    with pytest.raises(Failure, match="a link or no folder"), files._opened(_linked(tmp_path, outside)):
        pass


def _linked(folder: Path, target: Path) -> Path:
    folder.chmod(0o777)  # a link that root made in a folder of root's would be followed
    (folder / "link").symlink_to(target)
    return folder / "link"


def test_a_path_that_is_none(tmp_path: Path) -> None:
    for wrong in ("srv/x", "/", "/srv/a\nb", "."):
        with pytest.raises(Failure, match="not an absolute path"):
            files._absolute(wrong)
    with pytest.raises(Failure, match="does not exist; restore a folder above"), files._opened(tmp_path / "x/y"):
        pass


def test_a_large_home_is_sampled_within_the_limit() -> None:
    entries = [{"path": f"/srv/s-a/{number}", "size": 100} for number in range(50)]
    everything, is_part = proof.sample(entries, 5000)
    assert (len(everything), is_part) == (50, False)
    some, is_part = proof.sample(entries, 1000)
    assert (len(some), is_part) == (10, True)


def test_patterns_mean_one_file() -> None:
    assert proof.pattern("/srv/s-a", "/srv/s-a/x*[y]?\\z") == "/x[*][[]y][?]\\\\z"


def test_the_same_time_and_size_with_another_content_is_an_alarm(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", "abc", 5), write(tmp_path / "two", "abc", 5)
    assert proof.compare(one, two)
    assert not proof.compare(one, write(tmp_path / "three", "abd", 6))
    assert not proof.compare(one, tmp_path / "none")
    with pytest.raises(Failure, match="is the disk failing"):
        proof.compare(one, write(tmp_path / "four", "abd", 5))


def test_only_definitions_that_root_alone_can_write_count(tmp_path: Path) -> None:
    good = {"component": "redis", "dump": ["/bin/true", "{folder}"], "paths": ["/x"]}
    cases = {
        "good.json": (json.dumps(good), 0o644),
        "writable.json": (json.dumps(good), 0o666),
        "relative.json": (json.dumps(good | {"dump": ["true"]}), 0o644),
        "name.json": (json.dumps(good | {"component": "../x"}), 0o644),
        "broken.json": ("{", 0o644),
        "words.json": (json.dumps(good | {"prove": "rm -rf"}), 0o644),
    }
    for name, (text, mode) in cases.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    found, refused = configuration.definitions(tmp_path)
    assert [one.command(one.dump, Path("/d")) for one in found] == [["/bin/true", "/d"]]
    assert set(refused) == set(cases) - {"good.json"}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo '{\"bytes\": 3}'", {"bytes": 3}),
        ("echo first; echo '{\"bytes\": 3}'", {"bytes": 3}),
        ("echo no JSON", {}),
        ("echo oh no >&2; exit 1", "dump of x: oh no"),
        ("exit 7", "dump of x: exit code 7"),
        ("sleep 5", "not done within"),
    ],
)
def test_what_a_component_prints(script: str, expected: dict | str, tmp_path: Path) -> None:
    definition = configuration.Definition("x", dump=("/bin/sh", "-c", script))
    if isinstance(expected, dict):
        assert nightly.execute(definition, "dump", tmp_path, 1) == expected
    else:
        with pytest.raises(Failure, match=expected):
            nightly.execute(definition, "dump", tmp_path, 1)


def test_one_at_a_time(tmp_path: Path) -> None:
    with (
        state.locked("backup", tmp_path),
        pytest.raises(Failure, match="another backup is running: process"),
        state.locked("backup", tmp_path),
    ):
        pass
    with state.locked("backup", tmp_path):
        pass


def test_metrics_of_a_state() -> None:
    text = state.render({"run": {"result": "partial", "seconds": 2.5, "bytes": 7}, "last_success": 1.5})
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == [
        "ringmaster_backup_last_success_timestamp_seconds 1.5",
        "ringmaster_backup_last_run_success 0",
        "ringmaster_backup_duration_seconds 2.5",
        "ringmaster_backup_processed_bytes 7",
    ]


def test_a_live_file_that_became_a_pipe_or_a_link_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the reading, its owner exchanges it."""
    restored, live, secret = tmp_path / "restored", tmp_path / "live", tmp_path / "secret"
    for path in (restored, live, secret):
        path.write_text("same size")
        os.utime(path, (1, 1))
    status = live.lstat()
    monkeypatch.setattr(Path, "lstat", lambda _path: status)
    live.unlink()
    os.mkfifo(live)
    assert not proof.compare(restored, live)
    live.unlink()
    live.symlink_to(secret)
    assert not proof.compare(restored, live)


def test_a_tree_too_deep_for_functions_is_listed_counted_and_removed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    here = os.getcwd()  # noqa: PTH109
    try:
        os.chdir(top)
        for _ in range(1500):
            Path("d").mkdir()
            os.chdir("d")
        Path("file").write_text("four")
    finally:
        os.chdir(here)
    assert len(list(proof.files_of(top))) == 1
    report = files.Report("place", "snapshot")
    files._count(top, report)
    assert (report.files, report.bytes) == (1, 4)
    below.remove(top)
    assert not top.exists()


def test_files_arrive_below_no_folder_that_others_can_exchange(tmp_path: Path) -> None:
    """A folder of root's inside a home is no place for root's work: its parent may be renamed."""
    home = tmp_path / "home"
    (home / "roots").mkdir(parents=True)
    home.chmod(0o777)
    with files._staging(home / "roots/target") as staging:
        assert not staging.is_relative_to(home)
