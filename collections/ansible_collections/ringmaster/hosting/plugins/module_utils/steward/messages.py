# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes through the queue, read strictly: requests, questions, and what the steward reports. Pure.

Both sides read by the same code, and neither trusts the other: the queue may be broken into, and whoever asks may send
anything. A proof is not looked into here; whether it holds, ``platform/proofs`` says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ..platform.proofs.canonical import DEEPEST, LARGEST
from ..platform.proofs.judge import MOST_CHANGES
from . import states

REQUEST_BYTES = 64 * 1024
"""A submitted request."""
ANSWER_BYTES = 256 * 1024
"""The answer to a question."""
REPORT_BYTES = 1024 * 1024
"""What the steward says at once."""
CHANGES, EXPECTED, ARGUMENTS, PROOFS = MOST_CHANGES, 50, 60, MOST_CHANGES + 1
"""How many there may be in one request."""
SENTENCE = 4000
"""Characters of a text for people."""

_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_WORD = re.compile(r"[a-z][a-z_]{0,39}")
_ARGUMENT = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FILE = re.compile(r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64})?\.yml")
_COMMIT = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})?")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_PLACE = re.compile(r"[A-Za-z0-9._:-]{0,80}")


class MessageError(ValueError):
    """What came is not of the form that is taken: the place in it as a JSON pointer, what was found and is allowed."""

    def __init__(self, pointer: str, message: str, found: str = "", allowed: str = "") -> None:
        """Keep all of it."""
        super().__init__(f"{pointer or 'the message'}: {message}" + (f"; allowed is {allowed}" if allowed else ""))
        self.pointer, self.message, self.found, self.allowed = pointer, message, found, allowed

    def as_dict(self) -> dict[str, str]:
        """Return it as an entry of ``errors`` of an answer for people."""
        more = {"found": self.found, "allowed": self.allowed}
        return {"pointer": self.pointer, "message": self.message, **{key: text for key, text in more.items() if text}}


class TooLongError(MessageError):
    """More bytes came than are taken."""


def parse(raw: bytes, most: int) -> Any:
    """Return the value of JSON: no key twice, whole numbers only, not too deep, no half characters, not too long."""
    if len(raw) > most:
        raise TooLongError("", f"has {len(raw)} bytes", allowed=f"at most {most}")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_int=_integer,
            parse_float=_refused,
            parse_constant=_refused,
        )
        _check_depth(value, 0)
    except MessageError:
        raise
    except RecursionError:
        raise MessageError("", "is nested too deep", allowed=f"{DEEPEST} times") from None
    except ValueError:
        raise MessageError("", "is no JSON in UTF-8") from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MessageError("", "has a key twice")
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST:
        raise MessageError("", "has a number that is too large", text[:40], f"-{LARGEST} to {LARGEST}")
    return int(text)


def _refused(text: str) -> NoReturn:
    raise MessageError("", "has a number with a point, or none", text[:40], "whole numbers")


def _check_depth(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise MessageError("", "is nested too deep", allowed=f"{DEEPEST} times")
    if isinstance(value, str) and not value.isascii():
        value.encode("utf-8")
    elif isinstance(value, list):
        for item in value:
            _check_depth(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_depth(key, depth + 1)
            _check_depth(item, depth + 1)


@dataclass(frozen=True)
class Change:
    """A verb with its arguments, of which nothing was judged."""

    verb: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """What whoever asks has seen at a place of the description."""

    file: str
    path: tuple[str | int, ...]
    value: Any


@dataclass(frozen=True)
class Submission:
    """A request as it was handed in: ``request`` is what is signed, word for word; a newcomer's has no changes."""

    request: Mapping[str, Any]
    changes: tuple[Change, ...] = ()
    expect: tuple[Expected, ...] = ()
    proofs: tuple[Mapping[str, Any], ...] = ()
    newcomer: Mapping[str, Any] | None = None


def submission(value: Any) -> Submission:
    """Return a submitted request; raises MessageError."""
    if isinstance(value, dict) and "newcomer" in value:
        keys(value, ("newcomer",))
        given = keys(value["newcomer"], ("full_name", "invitation", "possession"), pointer="/newcomer")
        text(given["full_name"], "/newcomer/full_name", 200)
        for name in ("invitation", "possession"):
            _map(given[name], f"/newcomer/{name}")
        return Submission({}, newcomer=given)
    given = keys(value, ("request", "proofs"))
    request = given["request"]
    changes, expect = wanted(request)
    proofs = _list(given["proofs"], "/proofs", PROOFS)
    if not proofs:
        raise MessageError("/proofs", "there is none", allowed="one session or request, and what keys need")
    return Submission(
        request, changes, expect, tuple(_map(proof, f"/proofs/{number}") for number, proof in enumerate(proofs))
    )


def wanted(request: Any) -> tuple[tuple[Change, ...], tuple[Expected, ...]]:
    """Return the changes of a request, and what they rest upon; raises MessageError."""
    keys(request, ("changes",), ("expect",), pointer="/request")
    changes = _list(request["changes"], "/request/changes", CHANGES)
    if not changes:
        raise MessageError("/request/changes", "there is none", allowed=f"1 to {CHANGES} changes")
    expect = _list(request.get("expect", []), "/request/expect", EXPECTED)
    return (
        tuple(_change(item, f"/request/changes/{number}") for number, item in enumerate(changes)),
        tuple(_expected(item, f"/request/expect/{number}") for number, item in enumerate(expect)),
    )


def _change(item: Any, pointer: str) -> Change:
    keys(item, ("verb", "arguments"), pointer=pointer)
    verb = _match(_WORD, item["verb"], f"{pointer}/verb", "the name of a verb")
    arguments = _map(item["arguments"], f"{pointer}/arguments")
    if len(arguments) > ARGUMENTS:
        raise MessageError(f"{pointer}/arguments", f"there are {len(arguments)}", allowed=f"at most {ARGUMENTS}")
    for name in arguments:
        _match(_ARGUMENT, name, f"{pointer}/arguments", "the name of an argument")
    return Change(verb, arguments)


def _expected(item: Any, pointer: str) -> Expected:
    keys(item, ("file", "path", "value"), pointer=pointer)
    file = _match(_FILE, item["file"], f"{pointer}/file", "a file of the description")
    path = _list(item["path"], f"{pointer}/path", DEEPEST)
    for step in path:
        if not isinstance(step, (str, int)) or isinstance(step, bool):
            raise MessageError(f"{pointer}/path", "a step is neither a key nor a number", str(step)[:40])
    return Expected(file, tuple(path), item["value"])


@dataclass(frozen=True)
class Report:
    """What the steward says of a request; ``number`` counts up, so that an old one that comes late changes nothing."""

    id: str
    number: int
    state: str
    about: str = ""
    person: str = ""
    subject: str = ""
    problem: str = ""
    reasons: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    commit: str = ""
    left: int | None = None
    undo: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is sent."""
        return {**self.__dict__, "reasons": list(self.reasons), "waits_for": list(self.waits_for)}


def report(value: Any, pointer: str = "") -> Report:
    """Return what the steward reports; raises MessageError."""
    keys(value, tuple(Report.__dataclass_fields__), pointer=pointer)
    state = value["state"]
    if state not in states.STATES:
        raise MessageError(f"{pointer}/state", "is no state", str(state)[:40], ", ".join(states.STATES))
    undo = value["undo"]
    if undo is not None:
        wanted(undo)
    left = value["left"]
    return Report(
        id=identifier(value["id"], f"{pointer}/id"),
        number=number(value["number"], f"{pointer}/number"),
        state=state,
        **{name: text(value[name], f"{pointer}/{name}", SENTENCE) for name in ("about", "subject", "problem")},
        person="" if value["person"] == "" else _match(_NAME, value["person"], f"{pointer}/person", "a person"),
        reasons=tuple(text(one, f"{pointer}/reasons", SENTENCE) for one in _list(value["reasons"], pointer, 50)),
        waits_for=tuple(_match(_NAME, one, pointer, "a person") for one in _list(value["waits_for"], pointer, 1000)),
        commit=_match(_COMMIT, value["commit"], f"{pointer}/commit", "a commit"),
        left=None if left is None else number(left, f"{pointer}/left"),
        undo=undo,
    )


STEP_STATES = ("running", "ok", "failed")


@dataclass(frozen=True)
class Step:
    """A step of a request that is applied, in people's words; ``host`` may be empty. Nothing of a result is in it."""

    id: str
    n: int
    text: str
    host: str
    state: str
    ms: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is sent."""
        return dict(self.__dict__)


def step(value: Any, pointer: str = "") -> Step:
    """Return a step that the steward reports; raises MessageError."""
    keys(value, tuple(Step.__dataclass_fields__), pointer=pointer)
    if value["state"] not in STEP_STATES:
        raise MessageError(f"{pointer}/state", "is no state of a step", allowed=", ".join(STEP_STATES))
    return Step(
        id=identifier(value["id"], f"{pointer}/id"),
        n=number(value["n"], f"{pointer}/n"),
        text=text(value["text"], f"{pointer}/text", 200),
        host=_match(_PLACE, value["host"], f"{pointer}/host", "a machine"),
        state=value["state"],
        ms=number(value["ms"], f"{pointer}/ms"),
    )


def delivery(value: Any, pointer: str) -> tuple[str, str]:
    """Return id and text of what the queue hands to the steward, as it came in; raises MessageError."""
    keys(value, ("id", "body"), pointer=pointer)
    body = value["body"]
    if not isinstance(body, str) or len(body) > REQUEST_BYTES:
        raise MessageError(f"{pointer}/body", "is no text", allowed=f"at most {REQUEST_BYTES} characters")
    return identifier(value["id"], f"{pointer}/id"), body


def identifier(value: Any, pointer: str = "") -> str:
    """Return the id of a request; raises MessageError."""
    return _match(_ID, value, pointer, "the id of a request")


def items(value: Any, name: str, most: int, read: Callable[[Any, str], Any]) -> list[Any]:
    """Return the entries of a list in a map, each read by a function of value and pointer; none where it is absent."""
    return [read(one, f"/{name}/{n}") for n, one in enumerate(_list(value.get(name, []), f"/{name}", most))]


def keys(value: Any, needed: tuple[str, ...], optional: tuple[str, ...] = (), *, pointer: str = "") -> dict[str, Any]:
    """Return a map that has all keys that are needed, and no other than those that may be; raises MessageError."""
    found = _map(value, pointer)
    lacking, odd = [name for name in needed if name not in found], found.keys() - {*needed, *optional}
    if lacking or odd:
        said = ", ".join(lacking) if lacking else ", ".join(sorted(odd))[:200]
        allowed = ", ".join([*needed, *(f"{name} or not" for name in optional)])
        raise MessageError(pointer, f"{'lacks' if lacking else 'has beside'} {said}", allowed=allowed)
    return found


def _map(value: Any, pointer: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MessageError(pointer, "is no map", str(value)[:40])
    return value


def _list(value: Any, pointer: str, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise MessageError(pointer, "is no list, or too long", allowed=f"a list of at most {most}")
    return value


def text(value: Any, pointer: str, most: int = SENTENCE) -> str:
    """Return a text that is not too long; raises MessageError."""
    if not isinstance(value, str) or len(value) > most:
        raise MessageError(pointer, "is no text, or too long", allowed=f"at most {most} characters")
    return value


def _match(pattern: re.Pattern[str], value: Any, pointer: str, what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MessageError(pointer, f"is not {what}", str(value)[:60])
    return value


def number(value: Any, pointer: str) -> int:
    """Return a whole number that is not negative; raises MessageError."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise MessageError(pointer, "is no number", str(value)[:40], "a whole number")
    return value
