# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions: what is asked of the steward, who gets an answer, and that it fits and is fit to be seen."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import arguments
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import messages, questions
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.messages import MessageError
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.questions import Means, QuestionError

sys.path.append(str(Path(__file__).parents[1] / "platform/verbs"))
import town

ID = "0123abcd" * 8
BACKUPS: list[dict[str, Any]] = [{"id": f"{n:08x}", "tags": ["a\x1b[2J", "\u202e"]} for n in range(450)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Description, Means]]:
    folder = tmp_path_factory.mktemp("town")
    (folder / "roles").mkdir()
    source = town.write(folder / "platform", town.PLATFORM, town.PROJECTS, town.PEOPLE)
    found = town.read(source, folder / "roles")
    yield found, Means(operations.options_of(source, folder / "roles"), runs)


def runs(playbook: str, words: Mapping[str, str]) -> Any:
    """Stand for the playbooks, whose variables are judged as those of any run are."""
    arguments.judge([playbook], dict(words))
    if playbook == "list_backups":
        return {"machines": {words["vm"]: {"backups": BACKUPS}}, "without_owner": []}
    first = int(words["after"])
    names = [f"file{number:04}" for number in range(1500)][first : first + 1000]
    where = unquote(words["folder"])
    return {"items": [{"name": name, "in": where} for name in names], "next": first + 1000 if first < 500 else None}


def listing(*rows: Any) -> Any:
    return lambda _playbook, _words: {"machines": {"shop00": {"backups": rows}}}


def ask(place: tuple[Description, Means], person: str, kind: str, after: int = 0, **arguments: Any) -> Any:
    asked = questions.question({"kind": kind, "arguments": arguments, "after": after})
    return questions.answer(place[0], person, asked, place[1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "secrets", "arguments": {}},
        {"kind": ["capacity"], "arguments": {}},
        {"kind": "capacity", "arguments": {"x": 1}},
        {"kind": "capacity"},
        {"kind": "capacity", "arguments": {}, "after": -1},
        {"kind": "list_backups", "arguments": {}},
        {"kind": "list_backups", "arguments": {"vm": "--help"}},
        {"kind": "list_backups", "arguments": {"vm": "{{ 1 }}"}},
        {"kind": "browse_backup", "arguments": {"vm": "shop00"}},
        {"kind": "browse_backup", "arguments": {"vm": "shop00", "backup": "--help00"}},
        {"kind": "browse_backup", "arguments": {"vm": "shop00", "backup": "0" * 65}},
        {"kind": "browse_backup", "arguments": {"vm": "shop00", "backup": ID, "folder": "--help"}},
        {"kind": "browse_backup", "arguments": {"vm": "shop00", "backup": ID, "folder": "/a\0b"}},
        {"kind": "browse_backup", "arguments": {"vm": "shop00", "backup": ID, "folder": "/\ud800"}},
        {"kind": "browse_backup", "arguments": {"vm": "shop00", "backup": ID, "folder": "/" * 4097}},
        {"kind": "browse_backup", "arguments": {"vm": "shop00", "backup": ID, "path": "/"}},
        {"kind": "what_if", "arguments": {"changes": []}},
        {"kind": "what_if", "arguments": {"changes": [{"verb": "order_vm"}]}},
    ],
)
def test_what_is_no_question_is_refused(wrong: Any) -> None:
    with pytest.raises(MessageError):
        questions.question(wrong)


def test_pages_of_backups_have_all_of_them_once_and_nothing_hidden(place: Any) -> None:
    found, after = [], 0
    while after is not None:
        page = ask(place, "mara", "list_backups", after, vm="shop00")
        assert len(page["items"]) <= questions.ROWS
        found += page["items"]
        after = page["next"]
    assert [one["id"] for one in found] == [one["id"] for one in BACKUPS]
    assert all(one["tags"] == ["a\\x1b[2J", "\\u202e"] for one in found)


def test_a_folder_of_a_backup_is_browsed_page_by_page_and_no_name_is_a_template(place: Any) -> None:
    folder = "/srv/{{ 7 * 7 }}/'; \u00fcber\n--help"
    found, after = [], 0
    while after is not None:
        page = ask(place, "wim", "browse_backup", after, vm="shop00", backup=ID, folder=folder)
        found += page["items"]
        after = page["next"]
    assert [one["name"] for one in found] == [f"file{number:04}" for number in range(1500)]
    assert {one["in"] for one in found} == {questions.escaped(folder)}


def test_what_the_backup_machine_cannot_say_is_a_sentence(place: Any) -> None:
    found, means = place
    broken = Means(means.options, lambda _playbook, words: {"machines": {words["vm"]: {"error": "it is \x1b damaged"}}})
    asked = questions.question({"kind": "list_backups", "arguments": {"vm": "shop00"}})
    with pytest.raises(QuestionError, match="the backups of shop00 cannot be read"):
        questions.answer(found, "mara", asked, broken)


def test_an_answer_fits(place: Any) -> None:
    found, means = place
    long = Means(means.options, listing(*[{"text": "x" * 4000, "more": ["y" * 4000] * 9}] * 100))
    asked = questions.question({"kind": "list_backups", "arguments": {"vm": "shop00"}})
    page = questions.answer(found, "mara", asked, long)
    assert 0 < len(page["items"]) < 100 and page["next"] == len(page["items"])
    assert len(json.dumps(page)) <= messages.ANSWER_BYTES
    huge = Means(means.options, listing({"more": ["y" * 4000] * 100}, {"id": "next"}))
    page = questions.answer(found, "mara", asked, huge)
    assert page == {"items": [{"too_long": True}], "next": 1}, "one that does not fit does not hide the next"


@pytest.mark.parametrize(
    ("person", "kind", "arguments"),
    [
        ("eve", "list_backups", {"vm": "shop00"}),
        ("stan", "list_backups", {"vm": "shop00"}),
        ("lock", "list_backups", {"vm": "shop00"}),
        ("mara", "list_backups", {"vm": "shop99"}),
        ("eve", "browse_backup", {"vm": "shop00", "backup": ID}),
        ("stan", "browse_backup", {"vm": "shop00", "backup": ID}),
        ("sue", "browse_backup", {"vm": "shop00", "backup": ID}),
        ("mike", "browse_backup", {"vm": "shop00", "backup": ID}),
        ("olga", "browse_backup", {"vm": "shop99", "backup": ID}),
        ("mara", "capacity", {}),
        ("eve", "what_if", {"changes": [{"verb": "order_vm", "arguments": {"project": "shop"}}]}),
        ("mara", "what_if", {"changes": [{"verb": "change_vm", "arguments": {"vm": "shop00", "disk": "5GiB"}}]}),
    ],
)
def test_who_may_not_know_is_told_nothing(place: Any, person: str, kind: str, arguments: Any) -> None:
    with pytest.raises(QuestionError):
        ask(place, person, kind, **arguments)


def test_what_would_follow_and_what_is_left(place: Any) -> None:
    order = [{"verb": "order_vm", "arguments": {"project": "shop"}}]
    kinds = {
        person: {one["kind"] for one in ask(place, person, "what_if", changes=order)["items"]}
        for person in ("mara", "olga")
    }
    assert "creates" in kinds["mara"] and "room" not in kinds["mara"]
    assert "room" in kinds["olga"]
    (hypervisor,) = ask(place, "olga", "capacity")["items"]
    assert hypervisor["hypervisor"] == "hv0" and 0 < hypervisor["used_memory_mib"] < hypervisor["memory_mib"]
