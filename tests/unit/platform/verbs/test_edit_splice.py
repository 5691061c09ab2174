# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes in the text of a YAML file: only the lines that must change do."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import schema
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import splice
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT = """\
---
# A project.
description: 'Shop: "the" one'   # shown on the status page

# Who may do what.
permissions:
  alice: [login,   wheel]  # until May
  # Bob is on leave.
  bob:
    - login
    # needs it for backups
    - sudo-srv

# Accounts that run it.
service_users: []  # none yet
contacts:
- a@example.org   # day
- b@example.org
firewall: {frontend: open, allow: [{from: any, to: 8080}]}
vms:
  # The first one.
  shop00: {memory: 2GiB, components: {redis: {}}}
  shop01:
    disk: "20GiB"   # grown in March
    components:
      redis:
      # postgresql: soon

# The end.
"""

CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("nothing", {}, []),
    ("the same value", {"vms": {"shop01": {"disk": "20GiB"}}}, []),
    (
        "a value with a comment",
        {"vms": {"shop01": {"disk": "30GiB"}}},
        ['-    disk: "20GiB"   # grown in March', "+    disk: 30GiB   # grown in March"],
    ),
    (
        "a new key, where the schema has it",
        {"vms": {"shop01": {"memory": "1GiB", "protected": True}}},
        ["+    memory: 1GiB", "+    protected: true"],
    ),
    ("a new person before the next comment", {"permissions": {"carol": ["login"]}}, ["+  carol: [login]"]),
    (
        "a list in brackets",
        {"permissions": {"alice": ["login", "wheel", "stats"]}},
        ["-  alice: [login,   wheel]  # until May", "+  alice: [login,   wheel, stats]  # until May"],
    ),
    ("an item of a list in lines", {"permissions": {"bob": ["login", "sudo-srv", "stats"]}}, ["+    - stats"]),
    ("an item less", {"permissions": {"bob": ["login"]}}, ["-    - sudo-srv"]),
    (
        "an item of a list without indentation",
        {"contacts": ["a@example.org", "b@example.org", "c@x.org"]},
        ["+- c@x.org"],
    ),
    ("an entry less", {"permissions": {"alice": None}}, ["-  alice: [login,   wheel]  # until May"]),
    (
        "an empty list",
        {"service_users": ["s-shop"]},
        ["-service_users: []  # none yet", "+service_users: [s-shop]  # none yet"],
    ),
    (
        "a map in brackets",
        {"vms": {"shop00": {"memory": "4GiB", "components": {"mysql": {"port": 1}}, "protected": True}}},
        [
            "-  shop00: {memory: 2GiB, components: {redis: {}}}",
            "+  shop00: {memory: 4GiB, components: {redis: {}, mysql: {port: 1}}, protected: true}",
        ],
    ),
    ("an empty value to lines", {"vms": {"shop01": {"components": {"redis": {"port": 1}}}}}, ["+        port: 1"]),
    (
        "a whole VM",
        {"vms": {"shop02": {"memory": "1GiB", "components": {"redis": {}}}}},
        ["+  shop02:", "+    memory: 1GiB", "+    components:", "+      redis: {}"],
    ),
    (
        "text that needs quotes",
        {"description": "a: b # c"},
        [
            "-description: 'Shop: \"the\" one'   # shown on the status page",
            "+description: 'a: b # c'   # shown on the status page",
        ],
    ),
    (
        "a key of its own line that comes first in a map in brackets",
        {"firewall": {"frontend": None}},
        [
            "-firewall: {frontend: open, allow: [{from: any, to: 8080}]}",
            "+firewall: {allow: [{from: any, to: 8080}]}",
        ],
    ),
]


def changes(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize(("patch", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_only_what_must_change_does(patch: dict[str, Any], expected: list[str]) -> None:
    after = splice.merge(TEXT, patch, schema.PROJECT)
    assert changes(TEXT, after) == expected
    assert splice.merge(after, patch, schema.PROJECT) == after


@pytest.mark.parametrize(
    "text",
    [
        "vms:\n  a00: &size\n    cores: 1\n  a01: *size\n",
        "vms:\n  a00: &size {cores: 1}\n  a01:\n    <<: *size\n",
        "? vms\n: ? a01\n  : ? cores\n    : 1\n",
    ],
)
def test_what_cannot_be_done_safely_is_refused(text: str) -> None:
    with pytest.raises(splice.CannotSpliceError):
        splice.merge(text, {"vms": {"a01": {"cores": 2, "memory": "1GiB"}}}, schema.PROJECT)


def test_other_ways_to_write_a_file() -> None:
    assert splice.merge("{}", {"a": 1}) == "{a: 1}"
    assert splice.merge("{a: 1,}", {"b": [2]}) == "{a: 1, b: [2],}"
    assert splice.merge("a: 1", {"b": 2}) == "a: 1\nb: 2\n"
    assert splice.merge("a:\n    b: 1\n", {"c": {"d": {"e": 2}}}) == "a:\n    b: 1\nc:\n    d:\n        e: 2\n"
    assert splice.merge("a: >-\n  long\n  text\n\nb: 1\n", {"a": "short"}) == "a: short\n\nb: 1\n"
    assert splice.merge("ä: ö\nb: ü # ß\n", {"b": "é"}) == "ä: ö\nb: é # ß\n"
    assert splice.merge("a: {}  # none\nb: 1\n", {"a": {"c": {"d": 1}}}) == "a:  # none\n  c:\n    d: 1\nb: 1\n"


WORDS = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.one_of(
    st.integers(-5, 5),
    st.booleans(),
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(SCALARS, min_size=1, max_size=4, unique_by=repr), st.dictionaries(WORDS, inner, min_size=1)
    ),
    max_leaves=8,
)


def pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: kept for key, item in value.items() if (kept := pruned(item)) not in (None, [])}
    return value


def merged(data: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(data) if isinstance(data, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(WORDS, VALUES, min_size=2),
    st.dictionaries(WORDS, st.one_of(st.none(), VALUES), min_size=1, max_size=2),
    st.sampled_from([True, False, None]),
)
def test_any_patch_of_any_data_gives_what_the_standard_says(data: Any, patch: Any, flow: bool | None) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    try:
        after = splice.merge(text, patch)
    except splice.CannotSpliceError:
        assert not merged(data, patch)
        return
    assert pruned(yaml.safe_load(after)) == pruned(merged(data, patch))
