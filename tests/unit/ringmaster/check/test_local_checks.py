# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks in /etc/local/checks: what is taken in, and that nobody gets more rights by one."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from ringmaster.check import local

GOOD = {"name": "queue", "command": ["/bin/true"]}


def put(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def test_no_folder_is_nothing_to_say(tmp_path: Path) -> None:
    assert local.load(tmp_path / "missing") == ([], None)


def test_taken_in(tmp_path: Path) -> None:
    put(tmp_path, "a.json", GOOD)
    put(tmp_path, "b.json", [{"name": "port", "command": ["/bin/true", "x"], "interval": 300, "timeout": 5}])
    put(tmp_path, "README", "not JSON")
    found, report = local.load(tmp_path)
    assert [(one.key, one.user, one.interval) for one in found] == [
        ("local/queue", "ringmaster-drop-in", 60),
        ("local/port", "ringmaster-drop-in", 300),
    ]
    assert report is not None and report[0] == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({**GOOD, "user": "root"}, "the user 'root' is no service user"),
        ({**GOOD, "user": "nobody-there"}, "is no service user"),
        ({**GOOD, "component": "host"}, "the key 'component' is not allowed here"),
        ({"name": "x", "function": "host:firewall"}, "the key 'function' is not allowed here"),
        ({**GOOD, "command": "/bin/true"}, "must be a list of words"),
        ({**GOOD, "command": ["true"]}, "must begin with an absolute path"),
        ({**GOOD, "interval": 1}, "must be 60 to"),
        ({**GOOD, "name": "drop-ins"}, "the name 'drop-ins' is taken"),
        ("{", "it is not valid JSON"),
        ("[1]", "a check must be an object"),
    ],
)
def test_refused_and_the_others_go_on(tmp_path: Path, content: Any, why: str) -> None:
    put(tmp_path, "a.json", {"name": "good", "command": ["/bin/true"]})
    put(tmp_path, "b.json", content)
    found, report = local.load(tmp_path)
    assert [one.key for one in found] == ["local/good"]
    assert report is not None and report[0] == 1
    assert "b.json: " in report[1] and why in report[1]


def test_a_file_is_taken_as_a_whole_or_not(tmp_path: Path) -> None:
    put(tmp_path, "a.json", [GOOD, {**GOOD, "name": "evil", "user": "root"}])
    assert local.load(tmp_path)[0] == []


def test_links_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "real", GOOD)
    (tmp_path / "a.json").symlink_to(tmp_path / "real")
    assert local.load(tmp_path)[0] == []


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
OTHERS = ("daemon", "bin", "nobody")


def give(path: Path, owner: str, mode: int = 0o644) -> None:
    os.chown(path, pwd.getpwnam(owner).pw_uid, -1)
    path.chmod(mode)


@needs_root
@pytest.mark.parametrize("owner", OTHERS)
@pytest.mark.parametrize("named", [None, "owner", "ringmaster-check"])
def test_a_drop_in_runs_as_the_owner_of_its_file(tmp_path: Path, owner: str, named: str | None) -> None:
    user = {} if named is None else {"user": owner if named == "owner" else named}
    put(tmp_path, "a.json", {**GOOD, **user})
    give(tmp_path / "a.json", owner)
    assert [one.user for one in local.load(tmp_path)[0]] == [owner]


@needs_root
@pytest.mark.parametrize("user", ["root", "bin", "0", "ringmaster-drop-in", "s-other", "\udc80", "daemon\n", "a\x00b"])
def test_nobody_but_root_names_another_account(tmp_path: Path, user: str) -> None:
    put(tmp_path, "a.json", {**GOOD, "user": user})
    give(tmp_path / "a.json", "daemon")
    found, report = local.load(tmp_path)
    assert found == [] and report is not None and report[0] == 1
    assert "it belongs to 'daemon' and cannot run as" in report[1]


@needs_root
def test_root_names_a_service_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_is_service_user", lambda user: user == "bin")
    put(tmp_path, "a.json", {**GOOD, "user": "bin"})
    put(tmp_path, "b.json", {**GOOD, "name": "no", "user": "daemon"})
    assert [one.user for one in local.load(tmp_path)[0]] == ["bin"]


@needs_root
@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o620])
@pytest.mark.parametrize("owner", ["root", "daemon"])
def test_a_file_that_others_may_write_speaks_for_nobody(tmp_path: Path, owner: str, mode: int) -> None:
    put(tmp_path, "a.json", GOOD)
    give(tmp_path / "a.json", owner, mode)
    found, report = local.load(tmp_path)
    assert found == [] and report is not None and "others than its owner may write it" in report[1]


@needs_root
def test_an_owner_without_an_account_runs_nothing(tmp_path: Path) -> None:
    put(tmp_path, "a.json", GOOD)
    os.chown(tmp_path / "a.json", 4242424, -1)
    found, report = local.load(tmp_path)
    assert found == [] and report is not None and "has the number 4242424 and no account" in report[1]


@needs_root
def test_nobody_takes_a_name_from_another_in_silence(tmp_path: Path) -> None:
    for name, owner in (("0.json", "daemon"), ("queue.json", "bin")):
        put(tmp_path, name, GOOD)
        give(tmp_path / name, owner)
    put(tmp_path, "other.json", {**GOOD, "name": "other"})
    found, report = local.load(tmp_path)
    assert [one.name for one in found] == ["other"]
    assert report == (1, "Files of several owners name the same checks, and none of them runs: queue.")
    put(tmp_path, "z.json", GOOD)  # root's
    found, report = local.load(tmp_path)
    assert {(one.name, one.user) for one in found} == {
        ("other", "ringmaster-drop-in"),
        ("queue", "ringmaster-drop-in"),
    }


@needs_root
def test_many_files_and_checks_of_one_owner_leave_room_for_others(tmp_path: Path) -> None:
    for number in range(70):
        put(tmp_path, f"a{number:02}.json", {**GOOD, "name": f"a{number}"})
        give(tmp_path / f"a{number:02}.json", "daemon")
    put(tmp_path, "z.json", [{**GOOD, "name": f"z{number}"} for number in range(100)])
    give(tmp_path / "z.json", "bin")
    found, report = local.load(tmp_path)
    assert sum(one.user == "daemon" for one in found) == 50 and sum(one.user == "bin" for one in found) == 100
    assert report is not None and "20 files" in report[1] and len(report[1]) < 1000


def test_hard_links_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "real", GOOD)
    (tmp_path / "a.json").hardlink_to(tmp_path / "real")
    assert local.load(tmp_path)[0] == []
