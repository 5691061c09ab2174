# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes through the queue is of its form, or is refused with its place; nothing else is ever raised."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import ids, messages
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.messages import MessageError
from hypothesis import given
from hypothesis import strategies as st

REQUEST: dict[str, Any] = {
    "request": {
        "changes": [{"verb": "change_vm", "arguments": {"vm": "shop00", "memory": "2GiB"}}],
        "expect": [{"file": "projects/shop.yml", "path": ["vms", "shop00", "memory"], "value": "1GiB"}],
    },
    "proofs": [{"statement": "", "signature": {}}],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["request", "proofs", "a"]), inner),
    max_leaves=10,
)


def test_a_request_is_read() -> None:
    found = messages.submission(messages.parse(json.dumps(REQUEST).encode(), messages.REQUEST_BYTES))
    assert found.changes == (messages.Change("change_vm", {"vm": "shop00", "memory": "2GiB"}),)
    assert found.expect == (messages.Expected("projects/shop.yml", ("vms", "shop00", "memory"), "1GiB"),)
    assert found.request == REQUEST["request"]
    newcomer = {"newcomer": {"full_name": "Ada", "invitation": {}, "possession": {}}}
    assert messages.submission(newcomer).newcomer == newcomer["newcomer"]


def changed(path: str, value: Any) -> Any:
    """Return the request with another value at a place; without the last step where the value is an ellipsis."""
    copy = json.loads(json.dumps(REQUEST))
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    inside = copy
    for step in steps:
        inside = inside[step]
    if value is ...:
        del inside[last]
    else:
        inside[last] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        ("proofs", [], "/proofs"),
        ("proofs", ..., ""),
        ("proofs", [{}] * 52, "/proofs"),
        ("proofs/0", "x", "/proofs/0"),
        ("person", "olga", ""),
        ("request/changes", [], "/request/changes"),
        ("request/changes", [REQUEST["request"]["changes"][0]] * 51, "/request/changes"),
        ("request/changes/0/verb", "Order VM", "/request/changes/0/verb"),
        ("request/changes/0/verb", None, "/request/changes/0/verb"),
        ("request/changes/0/arguments", None, "/request/changes/0/arguments"),
        (
            "request/changes/0/arguments",
            {f"a_{'b' * n}": 1 for n in range(39)} | {"x" * 41: 1},
            "/request/changes/0/arguments",
        ),
        ("request/changes/0/arguments/ansible_host", 1, None),
        ("request/changes/0/more", 1, "/request/changes/0"),
        ("request/expect/0/file", "../../etc/passwd.yml", "/request/expect/0/file"),
        ("request/expect/0/file", "secrets/a/b.yml", "/request/expect/0/file"),
        ("request/expect/0/path", [True], "/request/expect/0/path"),
        ("request/expect/0/path", ["a"] * 21, "/request/expect/0/path"),
        ("newcomer", {}, ""),
    ],
)
def test_what_is_wrong_is_named_with_its_place(path: str, value: Any, pointer: str | None) -> None:
    if pointer is None:
        assert messages.submission(changed(path, value)), "whether an argument is known, the verb says"
        return
    with pytest.raises(MessageError) as caught:
        messages.submission(changed(path, value))
    assert caught.value.pointer == pointer


@given(JSON)
def test_whatever_comes_nothing_else_is_raised(value: Any) -> None:
    for read in (messages.submission, messages.report, messages.step):
        with pytest.raises(MessageError):
            read(value)


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:0123456789.eE-\\u truefalsn', max_size=60).map(str.encode))
def test_bytes_are_json_or_refused(raw: bytes) -> None:
    try:
        found = messages.parse(raw, 50)
    except MessageError:
        return
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("text", ['"\\ud83d"', '{"\\udc00": 1}', '["a", "\\ud800"]'])
def test_half_a_character_is_none(text: str) -> None:
    with pytest.raises(MessageError, match="UTF-8"):
        messages.parse(text.encode(), 100)


def test_a_report_comes_back_as_it_was_sent() -> None:
    undo = {"changes": [{"verb": "start_vm", "arguments": {"vm": "shop00"}}]}
    sent = messages.Report(ids.new(), 7, "failed", "a", "mara", "b", "c", ("d",), ("mike",), "e" * 40, 12, undo)
    assert messages.report(json.loads(json.dumps(sent.as_dict()))) == sent
    step = messages.Step(ids.new(), 0, "Starting", "hv0", "ok", 1500)
    assert messages.step(json.loads(json.dumps(step.as_dict()))) == step


def test_ids_are_unlike_and_sort_by_time() -> None:
    made = [ids.new() for _time in range(1000)]
    assert len(set(made)) == 1000
    assert all(messages.identifier(one) == one for one in made)
    assert [one[:9] for one in made] == sorted(one[:9] for one in made)
