# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of what machines answer: what it takes, what it refuses, and what it shows of it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import (
    DEPTH,
    AnswerError,
    Choice,
    Flag,
    Kind,
    ListOf,
    MapOf,
    Maybe,
    Number,
    Record,
    Text,
    judge,
    one_line,
    parse,
    shown,
    visible,
)
from hypothesis import given
from hypothesis import strategies as st

NAME = Text(r"[a-z]{1,5}", 5, "a name")

TAKEN: list[tuple[Kind, Any]] = [
    (Text(), "Grüße, Ω 漢字"),
    (NAME, "abc"),
    (Number(), 5),
    (Number(0, 1, fraction=True), 0.5),
    (Flag(), False),
    (Choice(("a", None)), None),
    (Maybe(NAME), None),
    (Maybe(NAME), "a"),
    (ListOf(NAME), ["a", "b"]),
    (MapOf(NAME, Number()), {"a": 1}),
    (Record({"a": Flag()}, {"b": NAME}), {"a": True}),
]
REFUSED: list[tuple[Kind, Any]] = [
    (Text(), 5),
    (Text(), None),
    (NAME, "abcdef"),
    (NAME, "abc\n"),
    (NAME, "ABC"),
    (Text(r".*"), "a\x1b[2J"),
    (Text(r"(?s).*"), "a\u202eb"),
    (Text(r"(?s).*", most=10**7), "x" * (10**7 + 1)),
    (Number(), True),
    (Number(), 1.0),
    (Number(), "1"),
    (Number(0, 1, fraction=True), float("nan")),
    (Number(0, 1, fraction=True), float("inf")),
    (Number(0), -1),
    (Number(), 10**30),
    (Flag(), 1),
    (Flag(), "yes"),
    (Choice(("a",)), "b"),
    (Choice(("a",)), None),
    (Choice(("a",)), ["a"]),
    (Maybe(NAME), ""),
    (ListOf(NAME), "abc"),
    (ListOf(NAME, most=1), ["a", "b"]),
    (ListOf(NAME), [["a"]]),
    (MapOf(NAME, Number()), {"A": 1}),
    (MapOf(NAME, Number(), most=0), {"a": 1}),
    (MapOf(NAME, Number()), [1]),
    (Record({"a": Flag()}), {}),
    (Record({"a": Flag()}), []),
    (Record({"a": Flag()}), None),
    (Record({"a": Flag()}), {"a": True, "add_host": {"host_name": "hv0"}}),
    (Record({"a": Flag()}), {"a": True, "ansible_facts": {}}),
]


@pytest.mark.parametrize(("kind", "value"), TAKEN)
def test_what_was_expected_is_taken_as_a_copy(kind: Kind, value: Any) -> None:
    taken = judge(kind, value, machine="web00")
    assert taken == value
    assert taken is not value or not isinstance(value, list | dict)


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_anything_else_is_refused(kind: Kind, value: Any) -> None:
    with pytest.raises(AnswerError, match=r"web00: the answer.* is not taken: '.*'; expected is .+"):
        judge(kind, value, machine="web00", what="the answer")


def test_an_error_names_the_place() -> None:
    kind = Record({"mail": ListOf(Record({"name": NAME}))})
    with pytest.raises(AnswerError) as caught:
        judge(kind, {"mail": [{"name": "a"}, {"name": "A\x1b]0;x\x07"}]}, machine="web00", what="its records")
    assert str(caught.value) == (r"web00: its records, mail, 1, name is not taken: 'A\x1b]0;x\x07'; expected is a name")


def test_unknown_names_are_left_out_where_that_is_asked_for() -> None:
    assert judge(Record({"a": Flag()}, lenient=True), {"a": True, "b": 1}, machine="m") == {"a": True}


def test_text_for_people_is_escaped_and_cut() -> None:
    assert judge(Text(most=5), "ab\x1b[31mred", machine="m") == "ab\\x1b[3…"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": NaN}',
        "[Infinity]",
        "[-Infinity]",
        "[1e999]",
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        f"[{'9' * 5000}]",
        f"[{'9' * 21}]",
        "[" + "[]," * 1_000_000 + "[]]",
        b"\xff\xfe{}",
        "{} {}",
    ],
)
def test_what_is_not_sane_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(AnswerError) as caught:
        parse(text, machine="web00")
    assert len(str(caught.value)) < 500


def test_a_deep_answer_that_the_parser_takes_is_refused_by_the_judge() -> None:
    kind: Kind = Flag()
    value: Any = True
    for _level in range(DEPTH + 1):
        kind, value = ListOf(kind), [value]
    with pytest.raises(AnswerError, match="levels"):
        judge(kind, parse(json.dumps(value), machine="m"), machine="m")


@given(st.text(st.characters(codec=None, categories=None), max_size=50))
def test_nothing_hidden_reaches_a_terminal(text: str) -> None:
    for made in (visible(text), shown(text), str(AnswerError(text, text, text, "text"))):
        assert not [sign for sign in made if sign not in "\n\t" and unicodedata.category(sign)[0] == "C"]
        made.encode()


def test_a_space_that_is_no_blank_is_seen_in_a_sentence() -> None:
    assert one_line("a\u00a0b c\u2003d\n") == "a\\xa0b c\\u2003d\\n"
    assert visible("a\u00a0b\tc\n") == "a\u00a0b\tc\n"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("dos\r\nline", "dos\nline"),
        ("over\rwritten", "over\\rwritten"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("\u2028\u200b\ufeff", "\\u2028\\u200b\\ufeff"),
        ("\ud800", "\\ud800"),
        ("ü€漢😀", "ü€漢😀"),
    ],
)
def test_escapes(text: str, made: str) -> None:
    assert visible(text) == made


@pytest.mark.parametrize("value", [object(), b"\xff" * 1000, {"a": object()}, [1] * 10_000, None, {1: {2: 3}}])
def test_anything_can_be_shown(value: object) -> None:
    assert len(shown(value)) <= 123
