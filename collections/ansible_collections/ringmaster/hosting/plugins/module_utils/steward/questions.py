# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that change nothing: backups and what is in them, what a change would do, what is left of a platform. Pure.

A question has a schema of its own. An answer is a page of rows and where the next one begins; every text in it is
escaped, because much of it comes from machines that somebody may have broken into, and it fits into ANSWER_BYTES.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import one_line

from ..platform import people, placement
from ..platform.language import names
from ..platform.language.errors import DescriptionError
from ..platform.model import Description, Options
from ..platform.proofs import statements
from ..platform.verbs import policy
from ..services import what_if
from .messages import ANSWER_BYTES, Change, MessageError, keys, number, wanted

ROWS = 200
"""Rows of a page at most."""
CELL = 4000
"""Characters of a text in an answer."""
PART_OF_ID = re.compile(r"[0-9a-f]{8,64}")
LONGEST_PATH = 4096


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


def _named(arguments: dict[str, Any], needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return arguments that have these names; raises MessageError, which says what names there are."""
    try:
        return keys(arguments, needed, optional)
    except MessageError as error:
        raise MessageError("/arguments", error.message, allowed=", ".join((*needed, *optional))) from None


def _vm(arguments: dict[str, Any]) -> dict[str, Any]:
    _named(arguments, ("vm",))
    if not isinstance(arguments["vm"], str) or not names.is_valid("VM", arguments["vm"]):
        raise MessageError("/arguments/vm", "is no name of a VM", str(arguments["vm"])[:40], names.RULES["VM"][1])
    return arguments


def _folder(arguments: dict[str, Any]) -> dict[str, Any]:
    _named(arguments, ("vm", "backup"), ("folder",))
    backup, folder = arguments["backup"], arguments.get("folder", "/")
    if not isinstance(backup, str) or not PART_OF_ID.fullmatch(backup):
        raise MessageError("/arguments/backup", "is no id of a backup", str(backup)[:70], "8 to 64 digits from 0 to f")
    if not isinstance(folder, str) or not folder.startswith("/") or "\0" in folder or len(folder) > LONGEST_PATH:
        allowed = f"a path from / on, of at most {LONGEST_PATH} characters"
        raise MessageError("/arguments/folder", "is no folder", str(folder)[:70], allowed)
    try:
        folder.encode()
    except UnicodeEncodeError:
        raise MessageError("/arguments/folder", "is no text that a path may be") from None
    return {**_vm({"vm": arguments["vm"]}), "backup": backup, "folder": folder}


def _request(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"changes": wanted(arguments)[0]}


def _nothing(arguments: dict[str, Any]) -> dict[str, Any]:
    return keys(arguments, ())


Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Means:
    """What answers need beside the description: where it lies, and what runs a playbook that answers.

    ``runs`` takes the playbook and its variables, and returns what it hands over; raises QuestionError.
    """

    options: Options
    runs: Callable[[str, Mapping[str, str]], Any]


@dataclass(frozen=True)
class Part:
    """Rows of an answer from the row ``begin`` on, and whether there are more behind the last of these."""

    rows: Rows
    begin: int = 0
    has_more: bool = False


def _list_backups(description: Description, person: str, asked: Question, means: Means) -> Part:
    vm = _seen(description, person, asked, "sudo-srv", "wheel", "manager")
    found = means.runs("list_backups", {"vm": vm})["machines"].get(vm, {})
    if found.get("error"):
        raise QuestionError(f"the backups of {vm} cannot be read: {found['error']}")
    return Part([{**one, "arrived": _moment(one.get("arrived"))} for one in found.get("backups", [])])


def _moment(seconds: float | None) -> str | None:
    """Return a time as the protocol has it, which knows no fractions of numbers."""
    return None if seconds is None else statements.written(datetime.datetime.fromtimestamp(seconds, datetime.UTC))


def _browse_backup(description: Description, person: str, asked: Question, means: Means) -> Part:
    # Whoever is root on the VM may read all of it anyway; names of files are nobody else's matter.
    vm = _seen(description, person, asked, "wheel")
    words = {
        "vm": vm,
        "backup": asked.arguments["backup"],
        # What people typed reaches no variable but as letters, digits and signs that mean nothing to a template.
        "folder": quote(asked.arguments["folder"], safe="/"),
        "after": str(asked.after),
    }
    found = means.runs("browse_backup", words)
    return Part(found["items"], asked.after, found["next"] is not None)


def _seen(description: Description, person: str, asked: Question, *permissions: str) -> str:
    """Return the VM that a question is about, for operators and who has one of the permissions in its project."""
    seen = people.visible(description, person)
    vm = seen.vm(asked.arguments["vm"])
    if vm is None or not (seen.is_operator or seen.has(vm.project, *permissions)):
        raise QuestionError(f"the VM '{asked.arguments['vm']}' is not known, or this is not for you to see")
    return vm.name


def _what_if(description: Description, person: str, asked: Question, means: Means) -> Part:
    changes: tuple[Change, ...] = asked.arguments["changes"]
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
    return Part(what_if.as_data([one for one in found if is_operator or one.kind != "room"]))


def _capacity(description: Description, person: str, _asked: Question, _means: Means) -> Part:
    if not people.visible(description, person).is_operator:
        raise QuestionError("what is left of hypervisors is for operators only")
    rooms = placement.rooms(description.hypervisors, description.ledger.placements, description.vms.values())
    return Part(
        [
            {
                "hypervisor": name,
                "memory_mib": room.memory_mib,
                "used_memory_mib": room.used_memory_mib,
                "disk_mib": room.disk_mib,
                "used_disk_mib": room.used_disk_mib,
            }
            for name, room in sorted(rooms.items())
        ]
    )


@dataclass(frozen=True)
class Kind:
    """A kind of question: what reads its arguments, and what gives the rows of the answer."""

    read: Callable[[dict[str, Any]], dict[str, Any]]
    answer: Callable[[Description, str, Question, Means], Part]


KINDS: Mapping[str, Kind] = {
    "list_backups": Kind(_vm, _list_backups),
    "browse_backup": Kind(_folder, _browse_backup),
    "what_if": Kind(_request, _what_if),
    "capacity": Kind(_nothing, _capacity),
}


def answer(description: Description, person: str, asked: Question, means: Means) -> dict[str, Any]:
    """Return a page: ``items``, and ``next``, the row where the next page begins, or null.

    Raises QuestionError.
    """
    if not people.is_active(description, person):
        raise QuestionError(f"{person} has no account that can be used")
    part = KINDS[asked.kind].answer(description, person, asked, means)
    rows, first = list(part.rows), asked.after - part.begin
    items: list[Any] = []
    room = ANSWER_BYTES - 200
    for row in rows[first : first + ROWS]:
        item = escaped(row)
        room -= len(json.dumps(item)) + 2
        if room < 0 and items:
            break
        items.append(item if room >= 0 else {"too_long": True})
    end = asked.after + len(items)
    return {"items": items, "next": end if part.has_more or end < part.begin + len(rows) else None}


def escaped(value: Any) -> Any:
    """Return a value in which each text is fit for people, and is not too long."""
    if isinstance(value, str):
        return one_line(value[:CELL])
    if isinstance(value, Mapping):
        return {one_line(str(key)[:CELL]): escaped(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [escaped(item) for item in value]
    return value
