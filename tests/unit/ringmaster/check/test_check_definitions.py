# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions of checks: what is accepted, and what is said of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.check import definitions

GOOD = {"component": "redis", "name": "login", "command": ["/usr/bin/true"]}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


def test_defaults() -> None:
    (found,) = definitions.parse(json.dumps(GOOD))
    assert (found.key, found.interval, found.timeout, found.user) == (
        "redis/login",
        60,
        10,
        "ringmaster-check",
    )
    assert found.command == ("/usr/bin/true",)


def test_list_and_function() -> None:
    text = json.dumps([GOOD, {**without("command"), "name": "x", "function": "redis:x", "arguments": {"a": 1}}])
    assert [one.key for one in definitions.parse(text)] == ["redis/login", "redis/x"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ('"text"', "check 1 is a str, not an object"),
        (json.dumps({**GOOD, "commmand": []}), "check 1 ('login') has the unknown key 'commmand'"),
        (json.dumps(without("component")), "'component' must be"),
        (json.dumps({**GOOD, "name": 'x"} 0\nevil{a="'}), "'name' must be"),
        (json.dumps(without("command")), "either 'command' or 'function'"),
        (json.dumps({**GOOD, "function": "a:b"}), "either 'command' or 'function'"),
        (json.dumps({**GOOD, "command": "/bin/true"}), "must be a list of words"),
        (json.dumps({**GOOD, "command": []}), "must be a list of words"),
        (json.dumps({**GOOD, "command": ["true"]}), "must begin with an absolute path"),
        (json.dumps({**GOOD, "arguments": {}}), "'arguments' belongs to 'function'"),
        (json.dumps({**without("command"), "function": "os.system"}), "must look like 'module:name'"),
        (json.dumps({**without("command"), "function": "a:b", "arguments": []}), "must be an object"),
        (json.dumps({**GOOD, "interval": 5}), "'interval' must be 60 to 604800 seconds, not 5"),
        (json.dumps({**GOOD, "interval": True}), "'interval' must be"),
        (json.dumps({**GOOD, "timeout": 0}), "'timeout' must be 1 to 300 seconds"),
        (json.dumps({**GOOD, "user": ""}), "'user' must be a user's name"),
        (json.dumps([GOOD, GOOD]), "redis/login is defined twice"),
    ],
)
def test_mistakes_are_named(text: str, told: str) -> None:
    with pytest.raises(definitions.DefinitionError) as caught:
        definitions.parse(text)
    assert told in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*definitions.KEYS, "x"]), inner),
    )
)
def test_any_json_is_accepted_or_refused_with_a_sentence(content: Any) -> None:
    try:
        definitions.parse(json.dumps(content))
    except definitions.DefinitionError as error:
        assert str(error)


def test_a_broken_file_is_left_out_alone(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(GOOD))
    (tmp_path / "b.json").write_text("[")
    (tmp_path / "c.json").write_text(json.dumps([{**GOOD, "name": "other"}, GOOD]))
    (tmp_path / "notes.txt").write_text("not looked at")
    found, problems = definitions.load_folder(tmp_path, root_owned=False)
    assert [one.key for one in found] == ["redis/login"]
    assert problems[0].startswith("b.json is left out: not valid JSON")
    assert problems[1] == "c.json is left out: redis/login is already defined in a.json."


def test_files_that_others_could_write_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(GOOD))
    path.chmod(0o666)
    (tmp_path / "l.json").symlink_to("/etc/passwd")
    found, problems = definitions.load_folder(tmp_path)
    assert not found
    assert "only root may own and write it" in problems[0]
    assert "l.json is left out" in problems[1]


def test_missing_folder_is_told(tmp_path: Path) -> None:
    assert definitions.load_folder(tmp_path / "none") == (
        [],
        [f"{tmp_path}/none cannot be read: No such file or directory."],
    )
