# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms of components and verbs: each option has its field, what is there comes back, mistakes stand at fields."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.component_options import Roles
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.common import COMPONENTS
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import forms

ROLES = Roles(Path(__file__).parents[4] / "roles")
KEPT: list[tuple[str, dict[str, Any]]] = [
    ("redis", {"appendonly": False, "maxmemory_policy": "allkeys-lru", "memory_share": 0.5, "memory_warning": 70}),
    ("redis", {"users": [{"name": "app", "role": "owner", "keys": ["a:*", "b:*"]}, {"name": "reader"}]}),
    ("redis", {"settings": {"timeout": "30", "tcp-keepalive": "60"}}),
    ("postgresql", {"version": 16, "databases": [{"name": "app", "extensions": ["hstore"]}], "pitr": True}),
    ("memcached", {"item_kib": 2048}),
    ("mysql", {"slow_query_seconds": 0.25, "databases": [{"name": "shop", "character_set": "utf8mb4"}]}),
    ("webgateway", {"listen": ["fe", "srv"], "vhosts": [{"name": "a.shop.example", "locations": [{"path": "/x"}]}]}),
    ("mailserver", {"domains": [{"name": "shop.example", "catch_all": ["a@shop.example"]}], "greylisting": False}),
]


def sent(filled: Iterable[forms.Filled]) -> dict[str, str]:
    """Return what a browser sends for a form that nobody has changed."""
    found = {}
    for one in filled:
        if one.field.kind == forms.ROWS:
            for row in one.rows:
                found |= sent(row)
        else:
            found[one.name] = one.text
    return found


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_option_of_each_component_has_its_field(component: str) -> None:
    fields = forms.of_component(ROLES, component)
    assert {one.name for one in fields} == set(ROLES.options(component) or {})
    for one in fields:
        assert one.help and "C(" not in one.help and "`" not in one.help, one.name
        assert (one.kind == forms.CHOICE) == bool(one.choices and one.spec.get("type") != "list"), one.name
    commons = [one.is_less_common for one in fields]
    assert commons == sorted(commons), "what few people need comes last"


@pytest.mark.parametrize("component", COMPONENTS)
def test_an_empty_form_is_no_option_and_no_mistake(component: str) -> None:
    fields = forms.of_component(ROLES, component)
    assert forms.read(fields, sent(forms.filled(fields, {}, "p.")), "p.") == {}


@pytest.mark.parametrize(("component", "values"), KEPT)
def test_what_is_there_comes_back_as_it_was(component: str, values: dict[str, Any]) -> None:
    fields = forms.of_component(ROLES, component)
    assert forms.read(fields, sent(forms.filled(fields, values, "p.")), "p.") == values
    assert forms.changed(values, values) == {}


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"o.memory_share": "7"}, "o.memory_share", "at most 1"),
        ({"o.memory_share": "much"}, "o.memory_share", "number in digits"),
        ({"o.memory_warning": "99"}, "o.memory_warning", "warns later"),
        ({"o.maxmemory_policy": "forget"}, "o.maxmemory_policy", "noeviction"),
        ({"o.appendonly": "perhaps"}, "o.appendonly", "on or off"),
        ({"o.settings": "a: [b"}, "o.settings", "no YAML"),
        ({"o.settings": "just words"}, "o.settings", "no YAML"),
        ({"o.users.0.role": "owner"}, "o.users.0.name", "missing"),
        ({"o.users.1.name": "x", "o.users.1.role": "king"}, "o.users.0.role", "owner"),
    ],
)
def test_a_mistake_stands_at_its_field_with_what_would_be_right(given: dict[str, str], place: str, words: str) -> None:
    fields = forms.of_component(ROLES, "redis")
    wrong = forms.judged(ROLES, "redis", forms.read(fields, given, "o."), "o.")
    assert list(wrong) == [place] and words in wrong[place]
    assert "None" not in wrong[place] and wrong[place].endswith((".", "?"))
    shown = forms.filled(fields, forms.read(fields, given, "o."), "o.", wrong)
    assert [one.name for one in shown if one.is_wrong] == [".".join(place.split(".")[:2])]


def test_what_is_cleared_goes_and_what_is_nothing_stays() -> None:
    before = {"appendonly": False, "save": "", "memory_warning": 70}
    assert forms.changed(before, {"memory_warning": 80}) == {"appendonly": None, "memory_warning": 80}


def test_what_was_typed_and_is_no_value_is_shown_again() -> None:
    fields = forms.of_component(ROLES, "redis")
    values = forms.read(fields, {"o.memory_share": "much"}, "o.")
    assert {one.name: one.text for one in forms.filled(fields, values, "o.")}["o.memory_share"] == "much"


def test_rows_have_an_end() -> None:
    fields = forms.of_component(ROLES, "redis")
    given = {f"o.users.{number}.name": "x" for number in range(999)} | {"o.users.1e9.name": "x"}
    assert len(forms.read(fields, given, "o.")["users"]) == forms.MOST_ROWS


@pytest.mark.parametrize(
    ("given", "values", "wrong"),
    [
        ({"memory": "2GiB", "cores": " 2 "}, {"memory": "2GiB", "cores": 2}, {}),
        ({"memory": "lots"}, {}, {"memory": "GiB"}),
        ({"cores": "0"}, {}, {"cores": "1"}),
        ({"frontend_ipv4": "on"}, {"frontend_ipv4": True}, {}),
        ({"comment": "two\nlines"}, {}, {"comment": "line"}),
    ],
)
def test_arguments_of_a_verb(given: dict[str, str], values: dict[str, Any], wrong: dict[str, str]) -> None:
    fields = forms.of_verb("order_vm", ("memory", "cores", "frontend_ipv4", "comment"))
    found, mistakes = forms.arguments("order_vm", fields, given)
    assert found == values
    assert mistakes.keys() == wrong.keys() and all(wrong[name] in mistakes[name] for name in wrong)
