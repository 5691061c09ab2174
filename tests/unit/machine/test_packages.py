# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module packages: what is missing, when lists are fetched, what is said of a failure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import packages


class Apt:
    """Answers in place of dpkg and apt, and remembers what was asked."""

    def __init__(self, installed: str = "", fail: Sequence[int] = ()) -> None:
        self.installed = installed
        self.codes = list(fail)
        self.verbs: list[str] = []

    def __call__(self, argv: Sequence[str]) -> tuple[int, str, str]:
        if argv[0] == "dpkg-query":
            return 1, self.installed, "dpkg-query: no packages found matching b"
        self.verbs.append("update" if "update" in argv else "install")
        return (self.codes.pop(0) if self.codes else 0), "", "E: one\nE: two"


def test_missing() -> None:
    apt = Apt("installed a\nconfig-files b\nnot-installed c\n")
    assert packages.missing(apt, ["d", "c", "b", "a", "d"]) == ["d", "c", "b"]


@pytest.mark.parametrize(
    ("update", "fail", "verbs"),
    [
        (False, [], ["install"]),
        (True, [], ["update", "install"]),
        (False, [100, 0, 0], ["install", "update", "install"]),
    ],
)
def test_lists_are_fetched_when_old_or_when_they_do_not_serve(update: bool, fail: list[int], verbs: list[str]) -> None:
    apt = Apt(fail=fail)
    packages.install(apt, ["a"], recommends=False, update=update)
    assert apt.verbs == verbs


@pytest.mark.parametrize(
    ("fail", "told"), [([100], "apt-get update: E: one E: two"), ([0, 100], "apt-get install a: E: one")]
)
def test_failure_is_told(fail: list[int], told: str) -> None:
    with pytest.raises(packages.PackageError) as caught:
        packages.install(Apt(fail=fail), ["a"], recommends=False, update=True)
    assert str(caught.value).startswith(told)


LOCKED = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1398 (apt-get)\n"


def test_lists_that_could_not_be_fetched_are_the_cause_that_is_told() -> None:
    """apt ends well when an archive does not answer, and then does not know the package."""
    failed = (
        "W: Failed to fetch http://archive.example/dists/x/InRelease  Could not resolve\nW: Some index files failed\n"
    )
    answers = [(0, "", failed), (100, "", "E: Unable to locate package a\n")]
    with pytest.raises(packages.PackageError) as error:
        packages.install(lambda _argv: answers.pop(0), ["a"], recommends=False, update=True)
    assert str(error.value).startswith("apt-get update could not fetch everything: W: Failed to fetch http://archive")
    assert str(error.value).endswith("Therefore apt-get install a: E: Unable to locate package a")


def test_another_apt_that_fetches_lists_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0, 10, 20, 30, packages.LOCK_SECONDS + 31])
    monkeypatch.setattr(packages.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(packages.time, "sleep", lambda seconds: None)
    answers = [(100, "", LOCKED), (100, "", LOCKED), (0, "", ""), (0, "", "")]
    packages.install(lambda argv: answers.pop(0), ["a"], recommends=False, update=True)
    assert answers == []
    with pytest.raises(packages.PackageError, match="held by process 1398"):
        packages.install(lambda argv: (100, "", LOCKED), ["a"], recommends=False, update=True)


@pytest.mark.parametrize(
    ("state", "files", "told"),
    [
        ("inactive\n", [], ""),
        ("failed\n", [], ""),
        ("", [], ""),  # without systemd, nothing runs
        ("active\n", [], "old.service runs on this machine, so nothing was changed: take it away."),
        ("activating\n", [], "old.service runs on this machine"),
        ("inactive\n", ["dump.rdb"], "data holds data, so nothing was changed: take it away."),
    ],
)
def test_what_must_not_be_left_behind(tmp_path: Path, state: str, files: list[str], told: str) -> None:
    data = tmp_path / "data"
    asked = []

    def run(argv: Sequence[str]) -> tuple[int, str, str]:
        asked.append(list(argv))
        return 3, state, ""

    def refused() -> str:
        try:
            packages.refuse_beside(run, "old.service", data, "take it away.")
        except packages.PackageError as error:
            return str(error)
        return ""

    assert files or told in refused()  # a folder that is missing holds nothing
    data.mkdir()
    for name in files:
        (data / name).touch()
    assert (told in refused()) if told else (refused() == "")
    assert asked[0] == ["systemctl", "is-active", "--", "old.service"]


@pytest.mark.parametrize(
    ("here", "states", "told"),
    [
        ([], "", ""),
        (["15/main/PG_VERSION"], "", "15/main holds data, so nothing was changed: 17 would be empty."),
        (["15/main/PG_VERSION", "16/main/PG_VERSION"], "", "16/main hold data"),
        (["15/main/PG_VERSION"], "inactive\nactive\n", "db@*.service runs on this machine and "),
        (["15/rolled-back/PG_VERSION"], "inactive\nfailed\n", ""),
        (["15/main/PG_VERSION", "17/main/PG_VERSION"], "active\n", ""),
    ],
)
def test_another_version_beside_what_is_there(tmp_path: Path, here: list[str], states: str, told: str) -> None:
    for name in here:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    asked: list[str] = []

    def refused() -> str:
        def run(argv: Sequence[str]) -> tuple[int, str, str]:
            asked.extend(argv)
            return 0, states, ""

        try:
            packages.refuse_beside(
                run, "db@*.service", tmp_path / "*/main", "17 would be empty.", unless=tmp_path / "17/main"
            )
        except packages.PackageError as error:
            return str(error)
        return ""

    assert (told in refused()) if told else (refused() == "")
    assert ("db@*.service" in asked) == ((tmp_path / "17").exists() is False)


def test_a_package_that_no_source_has_is_named() -> None:
    said = (
        "E: Unable to locate package postgresql-16\nE: Package 'postgresql-16-pgvector' has no installation candidate\n"
    )
    answers = [(0, "", ""), (100, "", said)]
    with pytest.raises(packages.PackageError) as error:
        packages.install(lambda _argv: answers.pop(0), ["postgresql-16"], recommends=False, update=True)
    told = "no apt source of this machine has postgresql-16, postgresql-16-pgvector, so nothing was installed: add one"
    assert str(error.value).startswith(told)


def test_units_held_back_by_a_killed_run_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.service").symlink_to(os.devnull)
    (tmp_path / "b.service").symlink_to("/etc/passwd")
    assert packages.held_back(["a.service", "b.service", "c.service"], tmp_path) == ["a.service"]


def test_age_of_the_lists(tmp_path: Path) -> None:
    assert packages.lists_are_older_than(10, tmp_path)
    (tmp_path / "mirror_dists_trixie_main_binary-amd64_Packages").touch()
    os.utime(tmp_path, (1000, 1000))
    assert not packages.lists_are_older_than(10, tmp_path, now=1005)
    assert packages.lists_are_older_than(10, tmp_path, now=1011)
