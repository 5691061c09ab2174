# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken descriptions by the thousand: never a traceback, never a change, always a file and a line."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description, inventory, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.thorough

FILES = ("platform.yml", "users/alice.yml", "users/bob.yml", "projects/myapp.yml", "allocations.yml")
JUNK = st.one_of(
    st.sampled_from(
        [
            "",
            "null",
            "~",
            "0",
            "-1",
            "99999999999999999999",
            "1e400",
            ".nan",
            "true",
            "[]",
            "{}",
            "[[]]",
            "{a: b}",
            "[1, 1]",
            "? x",
            "&a [*a]",
            "*b",
            "!!binary x",
            "!!set {a}",
            "!vault x",
            "2026-13-45",
            "0x10",
            "0b1",
            "<<: {a: 1}",
            "---",
            "...",
            "%YAML 3",
            "\t",
            "\u0000",
            "\ud7ff",
            "'",
            '"',
            "|",
            ">-",
            "#",
            "@",
            "`",
            "- ",
            ": ",
            "{{ 1 }}",
            "bob",
            "alice",
            "hv0",
            "svc0",
            "myapp",
            "myapp00",
            "s-myapp",
            "any",
            "::/0",
            "0.0.0.0/0",
            "::1",
            "10GiB",
            "0GiB",
            "9" * 9 + "TiB",
            "a" * 300,
            "10.0.0.0/8",
            "172.20.0.20",
            "ssh-rsa AAAA",
            "ssh-ed25519 AAAA",
        ]
    ),
    st.text(max_size=12),
)


@st.composite
def text_mutation(draw: st.DrawFn) -> tuple[str, int, int, str, str]:
    """Return (kind, line, column, junk, file) of a change to the text of a file."""
    kind = draw(st.sampled_from(["drop", "repeat", "value", "insert", "cut", "indent", "key"]))
    return kind, draw(st.integers(0, 60)), draw(st.integers(0, 80)), draw(JUNK), draw(st.sampled_from(FILES))


def mutate_text(text: str, kind: str, line: int, column: int, junk: str) -> str:
    lines = text.splitlines()
    if not lines:
        return junk
    line %= len(lines)
    old = lines[line]
    column = min(column, len(old))
    match kind:
        case "drop":
            del lines[line]
        case "repeat":
            lines.insert(line, old)
        case "value":
            lines[line] = re.sub(r":( .*)?$", lambda _: f": {junk}", old, count=1)
        case "insert":
            lines[line] = old[:column] + junk + old[column:]
        case "cut":
            return "\n".join(lines[:line])
        case "indent":
            lines[line] = "  " + old
        case "key":
            lines[line] = re.sub(r"[a-z_0-9-]+:", lambda _: f"{junk}:", old, count=1)
    return "\n".join(lines) + "\n"


@st.composite
def data_mutation(draw: st.DrawFn) -> tuple[str, list[int], Any]:
    """Return (file, way down the tree, value to put there): the YAML stays sound, its meaning does not."""
    value = draw(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=8),
            st.lists(st.integers(0, 3), max_size=3),
            st.dictionaries(st.text("abc", max_size=3), st.none() | st.integers(0, 3), max_size=3),
            st.sampled_from(["bob", "myapp00", "hv0", "1GiB", "10.0.0.0/8", "172.20.0.20", "2001:db8:3::1000"]),
        )
    )
    return draw(st.sampled_from(FILES)), draw(st.lists(st.integers(0, 12), max_size=6)), value


def mutate_data(data: Any, way: list[int], value: Any) -> Any:
    if not way or not isinstance(data, (dict, list)) or not data:
        return value
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    key = keys[way[0] % len(keys)]
    data[key] = mutate_data(data[key], way[1:], value)
    return data


def check(platform) -> None:
    """Validate, read and allocate a description that may be broken in any way."""
    before = platform.snapshot()
    try:
        options = platform.options
    except DescriptionError:
        return
    outcome = operations.validate(options)
    assert platform.snapshot() == before
    for mistake in outcome.mistakes:
        assert mistake.file
        assert mistake.line >= 1
        assert mistake.column >= 1
        assert mistake.message
        assert "\x00" not in mistake.render()
    try:
        built = inventory.build(description.read_valid(options))
    except DescriptionError as error:
        assert error.mistakes
        with pytest.raises(DescriptionError):
            operations.allocate(options)
        assert platform.snapshot() == before
        return
    json.dumps([built.groups, built.hosts])
    try:
        operations.allocate(options)
    except DescriptionError:
        assert platform.snapshot() == before
        return
    for name in ("allocations.yml", "known_hosts"):
        (platform.folder / name).write_bytes(before[str(platform.folder / name)])


@pytest.fixture
def originals(platform) -> dict[str, str]:
    platform.allocate()
    return {name: (platform.folder / name).read_text() for name in FILES}


def run_text(platform, originals: dict[str, str], mutations: list[tuple[str, int, int, str, str]]) -> None:
    for name, text in originals.items():
        (platform.folder / name).write_text(text)
    for kind, line, column, junk, name in mutations:
        path = platform.folder / name
        path.write_text(mutate_text(path.read_text(), kind, line, column, junk), encoding="utf-8", newline="")
    check(platform)


def run_data(platform, originals: dict[str, str], mutations: list[tuple[str, list[int], Any]]) -> None:
    changed = {name: yaml.safe_load(text) for name, text in originals.items()}
    for name, way, value in mutations:
        changed[name] = mutate_data(changed[name], way, value)
    for name, data in changed.items():
        (platform.folder / name).write_text(yaml.safe_dump(data, allow_unicode=True))
    check(platform)


RULES = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
TEXT = st.lists(text_mutation(), min_size=1, max_size=3)
DATA = st.lists(data_mutation(), min_size=1, max_size=3)


@settings(max_examples=200, **RULES)
@given(mutations=TEXT)
def test_broken_text(platform, originals, mutations) -> None:
    run_text(platform, originals, mutations)


@settings(max_examples=200, **RULES)
@given(mutations=DATA)
def test_broken_data(platform, originals, mutations) -> None:
    run_data(platform, originals, mutations)


@pytest.mark.slow
@settings(max_examples=3000, **RULES)
@given(mutations=TEXT)
def test_thousands_of_broken_texts(platform, originals, mutations) -> None:
    run_text(platform, originals, mutations)


@pytest.mark.slow
@settings(max_examples=3000, **RULES)
@given(mutations=DATA)
def test_thousands_of_broken_data(platform, originals, mutations) -> None:
    run_data(platform, originals, mutations)
