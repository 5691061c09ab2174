# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people sign: its one form, its words, its times."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
import signers
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import canonical, statements
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.statements import ProofError
from hypothesis import given
from hypothesis import strategies as st
from signers import HOST, NOW, altered

HOUR = datetime.timedelta(hours=1)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_a_value_has_one_text_and_comes_back(value: Any) -> None:
    text = canonical.write(value)
    assert canonical.read(text) == value
    assert text.isascii() and text.isprintable() and "'" not in text
    assert canonical.write(json.loads(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"b":1,"a":1}',
        '{"a":1,"a":1}',
        '{"a":1}\n',
        ' {"a":1}',
        '{"a":1.0}',
        '{"a":1e2}',
        '{"a":NaN}',
        '{"a":-0}',
        '{"a":01}',
        '{"a":9007199254740992}',
        '{"a":"\\ud800"}',
        '{"a":"\u00e4"}',
        '{"a":"\\u00E4"}',
        '{"a":"\\/"}',
        '{"a":"\'"}',
        '"\\u0041"',
        "",
        "{",
        "[" * 22 + "]" * 22,
        "[" * 30000 + "]" * 30000,
        '"' + "a" * 70000 + '"',
    ],
)
def test_no_other_spelling_is_taken(text: str) -> None:
    with pytest.raises(canonical.CanonicalError):
        canonical.read(text)


@pytest.mark.parametrize("value", [1.5, {1: 2}, {"a": {2, 3}}, b"x", float("nan"), 2**53, "\ud800", {"\ud800": 1}])
def test_values_that_have_no_text_are_refused(value: Any) -> None:
    with pytest.raises(canonical.CanonicalError):
        canonical.write(value)


def test_statements_begin_with_what_they_are_about() -> None:
    asked = signers.asks(
        ("order_vm", {"project": "myapp", "memory": "2GiB", "comment": "it's for {{ tests }}"}),
        ("change_vm", {"vm": "myapp00", "comment": "x" * 300}),
    )
    request = signers.request(asked)
    assert request.text.startswith('{"about":"alice asks: order_vm comment=')
    assert request["about"] == (
        'alice asks: order_vm comment="it\\u0027s for {{ tests }}" memory=2GiB project=myapp; '
        f'change_vm comment="{"x" * 199}... (302 characters) vm=myapp00'
    )
    assert signers.session()["about"] == f"sign in as alice at {HOST} until 2026-11-30T20:00:00Z"
    told = {"email": "eve@example.org", "project": "myapp", "permissions": ["login", "wheel"]}
    invitation = statements.make(statements.INVITATION, HOST, "alice", now=NOW, **told)
    assert invitation["about"] == "alice invites eve@example.org to myapp as login, wheel"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "token"}, "form"),
        ({"kind": "request"}, "form"),
        ({"kind": None}, "form"),
        ({"more": "x"}, "form"),
        ({"nonce": None}, "form"),
        ({"nonce": "short"}, "form"),
        ({"nonce": "a" * 30 + " "}, "form"),
        ({"nonce": "a" * 65}, "form"),
        ({"person": 7}, "form"),
        ({"person": ["alice"]}, "form"),
        ({"person": "a" * 65}, "form"),
        ({"made": "2026-11-30T08:00:00+00:00"}, "form"),
        ({"made": "2026-11-30 08:00:00"}, "form"),
        ({"made": "2026-11-30T8:00:00Z"}, "form"),
        ({"made": "2026-13-30T08:00:00Z"}, "form"),
        ({"not_after": "tomorrow"}, "form"),
    ],
)
def test_the_form_is_strict(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(ProofError) as refused:
        statements.read(altered(signers.session(), **fields))
    assert refused.value.code == code


@pytest.mark.parametrize("text", ["", "[]", "null", "7", '"session"', b"{}", None, 7, {}, '{"kind":["session"]}'])
def test_what_is_no_statement_is_refused(text: Any) -> None:
    with pytest.raises(ProofError):
        statements.read(text)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"host": "evil.example", "about": "sign in as alice at evil.example until 2026-11-30T20:00:00Z"}, "host"),
        ({"host": HOST.upper(), "about": f"sign in as alice at {HOST.upper()} until 2026-11-30T20:00:00Z"}, "host"),
        ({"about": "restart a VM"}, "request"),
        ({"person": "bob"}, "request"),
    ],
)
def test_words_and_host_are_checked(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(ProofError) as refused:
        statements.check(statements.read(altered(signers.session(), **fields)), ["session"], HOST, NOW)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("hours", "is_good"), [(-1, False), (-0.1, False), (-0.08, True), (0, True), (1, True), (12, True), (12.01, False)]
)
def test_a_clock_that_is_off_by_an_hour_is_found(hours: float, is_good: bool) -> None:
    """A statement of eight o'clock, looked at so many hours later."""
    statement = signers.session()
    try:
        statements.check(statement, ["session"], HOST, NOW + hours * HOUR)
    except ProofError as refused:
        assert (refused.code, is_good) == ("time", False)
        assert "2026-11-30T" in str(refused)
    else:
        assert is_good


@pytest.mark.parametrize("kind", statements.KINDS)
def test_no_statement_lasts_longer_than_its_kind_may(kind: str) -> None:
    longest = statements.KINDS[kind].longest
    more: dict[str, Any] = {name: [] if what is list else "x" for name, what in statements.KINDS[kind].fields.items()}
    fine = statements.make(kind, HOST, "alice", now=NOW, **more)
    statements.check(fine, [kind], HOST, NOW)
    for lasts in (longest + datetime.timedelta(seconds=1), datetime.timedelta(0)):
        with pytest.raises(ProofError) as refused:
            statements.check(statements.make(kind, HOST, "alice", now=NOW, lasts=lasts, **more), [kind], HOST, NOW)
        assert refused.value.code == "time"
    other = [one for one in statements.KINDS if one != kind]
    with pytest.raises(ProofError) as refused:
        statements.check(fine, other, HOST, NOW)
    assert refused.value.code == "kind"


def test_each_statement_is_another_one() -> None:
    assert len({signers.session().digest for _number in range(50)}) == 50
