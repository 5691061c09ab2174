# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that change nothing: list backups, what a change would do, what is left of a platform. Pure.

A question has a schema of its own. An answer is a page of rows and where the next one begins; every text in it is
escaped, because much of it comes from machines that somebody may have broken into, and it fits into ANSWER_BYTES.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import one_line

from ..platform import people, placement
from ..platform.language import names
from ..platform.language.errors import DescriptionError
from ..platform.model import Description, Options
from ..platform.verbs import policy
from ..services import what_if
from .messages import ANSWER_BYTES, Change, MessageError, keys, number, wanted

ROWS = 200
"""Rows of a page at most."""
CELL = 4000
"""Characters of a text in an answer."""


class QuestionError(ValueError):
    """A question that is not answered: why, in a sentence for who asks."""


@dataclass(frozen=True)
class Question:
    """A question that was read: its kind, its arguments, and at which row the answer begins."""

    kind: str
    arguments: Mapping[str, Any]
    after: int = 0


def question(value: Any) -> Question:
    """Return a question of known form; raises MessageError."""
    given = keys(value, ("kind", "arguments"), ("after",))
    kind = given["kind"]
    if not isinstance(kind, str) or kind not in KINDS:
        raise MessageError("/kind", "is no kind of question", str(kind)[:40], ", ".join(KINDS))
    if not isinstance(given["arguments"], dict):
        raise MessageError("/arguments", "is no map")
    arguments = KINDS[kind].read(given["arguments"])
    return Question(kind, arguments, number(given.get("after", 0), "/after"))


def _vm(arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        keys(arguments, ("vm",))
    except MessageError as error:
        raise MessageError("/arguments", error.message, allowed="vm") from None
    if not isinstance(arguments["vm"], str) or not names.is_valid("VM", arguments["vm"]):
        raise MessageError("/arguments/vm", "is no name of a VM", str(arguments["vm"])[:40], names.RULES["VM"][1])
    return arguments


def _request(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"changes": wanted(arguments)[0]}


def _nothing(arguments: dict[str, Any]) -> dict[str, Any]:
    return keys(arguments, ())


Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Means:
    """What answers need beside the description: where it lies, and what runs a playbook and gives back its rows."""

    options: Options
    backups: Callable[[str], Rows]


def _list_backups(description: Description, person: str, arguments: Mapping[str, Any], means: Means) -> Rows:
    seen = people.visible(description, person)
    vm = seen.vm(arguments["vm"])
    if vm is None or not (seen.is_operator or seen.has(vm.project, "sudo-srv", "wheel", "manager")):
        raise QuestionError(f"the VM '{arguments['vm']}' is not known")
    return means.backups(vm.name)


def _what_if(description: Description, person: str, arguments: Mapping[str, Any], means: Means) -> Rows:
    changes: tuple[Change, ...] = arguments["changes"]
    for change in changes:
        verdict = policy.judge(description, person, change.verb, change.arguments)
        if verdict.answer == policy.REFUSE:
            raise QuestionError("; ".join(verdict.reasons))
    try:
        with what_if.of_changes(means.options, [(one.verb, one.arguments) for one in changes]) as proposed:
            found = what_if.between(means.options, proposed)
    except DescriptionError as error:
        raise QuestionError("; ".join(mistake.sentence() for mistake in error.mistakes)) from None
    is_operator = people.visible(description, person).is_operator
    # How full a hypervisor is concerns operators.
    return what_if.as_data([one for one in found if is_operator or one.kind != "room"])


def _capacity(description: Description, person: str, _arguments: Mapping[str, Any], _means: Means) -> Rows:
    if not people.visible(description, person).is_operator:
        raise QuestionError("what is left of hypervisors is for operators only")
    rooms = placement.rooms(description.hypervisors, description.ledger.placements, description.vms.values())
    for name, room in sorted(rooms.items()):
        yield {
            "hypervisor": name,
            "memory_mib": room.memory_mib,
            "used_memory_mib": room.used_memory_mib,
            "disk_mib": room.disk_mib,
            "used_disk_mib": room.used_disk_mib,
        }


@dataclass(frozen=True)
class Kind:
    """A kind of question: what reads its arguments, and what gives the rows of the answer."""

    read: Callable[[dict[str, Any]], dict[str, Any]]
    answer: Callable[[Description, str, Mapping[str, Any], Means], Rows]


KINDS: Mapping[str, Kind] = {
    "list_backups": Kind(_vm, _list_backups),
    "what_if": Kind(_request, _what_if),
    "capacity": Kind(_nothing, _capacity),
}


def answer(description: Description, person: str, asked: Question, means: Means) -> dict[str, Any]:
    """Return a page: ``items``, and ``next``, the row where the next page begins, or null.

    Raises QuestionError.
    """
    if not people.is_active(description, person):
        raise QuestionError(f"{person} has no account that can be used")
    rows = list(KINDS[asked.kind].answer(description, person, asked.arguments, means))
    items: list[Any] = []
    room = ANSWER_BYTES - 200
    for row in rows[asked.after : asked.after + ROWS]:
        item = escaped(row)
        room -= len(json.dumps(item)) + 2
        if room < 0 and items:
            break
        items.append(item if room >= 0 else {"too_long": True})
    end = asked.after + len(items)
    return {"items": items, "next": end if end < len(rows) else None}


def escaped(value: Any) -> Any:
    """Return a value in which each text is fit for people, and is not too long."""
    if isinstance(value, str):
        return one_line(value[:CELL])
    if isinstance(value, Mapping):
        return {one_line(str(key)[:CELL]): escaped(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [escaped(item) for item in value]
    return value
