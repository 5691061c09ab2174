# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks in /etc/local/checks: what is taken in, and that nobody gets more rights by one."""

from __future__ import annotations

import json
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
        ("local/queue", "ringmaster-check", 60),
        ("local/port", "ringmaster-check", 300),
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
