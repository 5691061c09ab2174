# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge what a machine says a module has answered, before Ansible acts on it.

Ansible takes a result for more than data: ``ansible_facts`` become variables that stand above the inventory's,
``add_host`` and ``add_group`` change the inventory, ``_ansible_*`` steer it, warnings and differences are shown as they
are, and objects of its own (``__ansible_type``) are made. What is left here is plain JSON that is safe to show.
"""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.json_utils import _filter_non_json_lines
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_script import MARKER, line_of
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import (
    DEPTH,
    SHOWN,
    AnswerError,
    one_line,
    parse,
    visible,
)

LINES = 200_000
"""Lines of all texts of an answer: Ansible makes lists of them and copies those several times."""
UNREADABLE = 64 * 1024
"""Characters that are kept of an answer that is no result at all."""
MESSAGE = 100_000
"""Characters of a message, which is for people."""
KEY = 1000
"""Characters that a name in an answer may have."""
WARNINGS = 50
COMPARED = 1_000_000
"""Lines before times lines after, without what is the same at both ends: what comparing two texts may cost."""

STEERS = ("add_host", "add_group", "ansible_stats")
"""What Ansible would act upon, and no module of a machine answers."""
OWN = ("_ansible_", "__ansible_")
"""How names begin that are Ansible's own."""
ALLOWED_OWN = "_ansible_suppress_tmpdir_delete"
"""What async_wrapper answers; it concerns the folder on the machine."""
TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("changed", "failed", "skipped", "unreachable"), (bool,)),
    **dict.fromkeys(("stdout", "stderr", "module_stdout", "module_stderr"), (str, type(None))),
    **dict.fromkeys(("stdout_lines", "stderr_lines"), (list,)),
    "rc": (int, type(None)),
    "invocation": (dict,),
    "diff": (dict, list, type(None)),
}
"""What Ansible reads without asking what it is."""


def judged(stdout: bytes, machine: str, *, take_facts: bool = False) -> bytes:
    """Return the answer of a module as Ansible may have it; raises AnswerError.

    What is no result is returned in a form that can be shown: Ansible then says that there is none. The line that
    answers on the quick way of ``files`` is whole and escaped, and nothing beside it; the action judges it.
    """
    text = visible(stdout.decode(errors="backslashreplace"))
    try:
        found, _junk = _filter_non_json_lines(text, objects_only=True)
    except ValueError:
        return (line_of(text) or text[:UNREADABLE]).encode()
    answer = parse(found, machine=machine, what="the answer of a module")
    return json.dumps(_Judge(machine).result(answer, take_facts)).encode() + b"\n"


def is_result(answer: bytes) -> bool:
    """Return whether what ``judged`` returned is the result of a module."""
    return answer.startswith((b"{", MARKER.encode()))


def check_lines(output: bytes, machine: str) -> None:
    """Raise AnswerError where an output has so many lines that lists of them would take much memory."""
    if output.count(b"\n") > LINES:
        raise AnswerError(machine, "what a command printed", output, f"at most {LINES} lines")


class _Judge:
    def __init__(self, machine: str) -> None:
        self.machine = machine
        self.lines = 0

    def refuse(self, came: object, expected: str) -> AnswerError:
        return AnswerError(self.machine, "the answer of a module", came, expected)

    def result(self, answer: Any, take_facts: bool) -> dict[str, Any]:
        if not isinstance(answer, dict):
            raise self.refuse(answer, "a map")
        messages = {name: answer.pop(name, None) for name in ("warnings", "deprecations", "exception")}
        allowed = answer.pop(ALLOWED_OWN, None)
        facts = answer.pop("ansible_facts", None)
        for name in answer:
            if name in STEERS:
                raise self.refuse(name, "data, and nothing that changes the inventory or the run")
        taken: dict[str, Any] = self.value(answer, 0)
        for name, types in TYPES.items():
            if name in taken and (type(taken[name]) not in types):
                raise self.refuse({name: taken[name]}, f"{name} as {' or '.join(one.__name__ for one in types)}")
        if isinstance(taken.get("msg"), str):
            taken["msg"] = taken["msg"][:MESSAGE]
        if taken.get("diff"):
            taken["diff"] = [_difference(one) for one in _list(taken["diff"]) if isinstance(one, dict)]
        if messages["warnings"]:
            taken["warnings"] = [visible(_message(one)) for one in _list(messages["warnings"])[:WARNINGS]]
        if messages["exception"]:
            taken["exception"] = visible(_message(messages["exception"]))
        if allowed is not None:
            taken[ALLOWED_OWN] = bool(allowed)
        if facts:
            taken["ansible_facts"] = self.facts(facts, take_facts)
        return taken

    def facts(self, facts: Any, take: bool) -> dict[str, Any]:
        if not take or not isinstance(facts, dict):
            raise self.refuse(
                {"ansible_facts": facts},
                "no facts, which would stand above the inventory's variables; where you gather facts of machines that"
                " you trust, set ringmaster_take_facts",
            )
        return {name: one for name, one in self.value(facts, 1).items() if name.startswith("ansible_")}

    def value(self, value: Any, depth: int) -> Any:
        """Return a plain copy of any value."""
        if isinstance(value, str):
            value = visible(value)
            self.lines += value.count("\n")
            if self.lines > LINES:
                raise self.refuse(value, f"at most {LINES} lines")
            return value
        if depth > DEPTH:
            raise self.refuse("…", f"at most {DEPTH} levels")
        if isinstance(value, list):
            return [self.value(one, depth + 1) for one in value]
        if isinstance(value, dict):
            if "__ansible_type" in value and "value" in value:  # a value with a remark of Ansible's: without it
                return self.value(value["value"], depth + 1)
            return {self.key(name): self.value(one, depth + 1) for name, one in value.items()}
        return value

    def key(self, name: str) -> str:
        if name.startswith(OWN) or len(name) > KEY:
            raise self.refuse(name, "no name that is Ansible's own, nor one of more than 1000 characters")
        return one_line(name)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _message(value: Any) -> str:
    """Return the text of a message, in any of the forms that ansible-core gives it."""
    for name in ("event", "msg"):
        while isinstance(value, dict) and name in value:
            value = value[name]
    return (value if isinstance(value, str) else "a message that is no text")[: 100 * SHOWN]


def _difference(difference: dict[str, Any]) -> dict[str, Any]:
    """Return before and after as text, unless comparing them would take long: Ansible compares where it shows."""
    taken: dict[str, Any] = {
        name: one for name, one in difference.items() if isinstance(one, str | int | float | bool | dict | list)
    }
    for name in ("before_header", "after_header", "prepared"):
        if name in taken:
            taken[name] = str(taken[name])
    pair = [taken.get(name, "") for name in ("before", "after")]
    lines = [(one if isinstance(one, str) else json.dumps(one, indent=1)).splitlines() for one in pair]
    if _effort(*lines) > COMPARED:
        taken["before"] = f"{len(lines[0])} lines\n"
        taken["after"] = f"{len(lines[1])} lines, too different to be compared here\n"
    return taken


def _effort(before: list[str], after: list[str]) -> int:
    """Return the product of the lines that remain when those that are the same at both ends are left out."""
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = next((at for at in range(shorter - head) if before[-1 - at] != after[-1 - at]), shorter - head)
    return (len(before) - head - tail) * (len(after) - head - tail)
