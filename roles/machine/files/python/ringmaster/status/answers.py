# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one judge of what machines answer: form, types, ranges, lengths, counts. What passes can be shown.

A machine speaks for itself: whose results they are is known from where they were asked for, and a name in them is not
looked at.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ringmaster.status.fetch import NotAgreed

CHECKS_LIMIT = 1000
PLANNED_LIMIT = 200
VMS_LIMIT = 2000
PENDING_LIMIT = 50
TEXT_LIMIT = 1000
NODES_LIMIT = 100_000
DEPTH_LIMIT = 8
DIGITS_LIMIT = 20
SURE = 2
"""From this attempt on a check's state is certain; machines of before attempts were counted say nothing of it."""
LATEST = 4102444800.0
"""2100-01-01, the last moment that anybody means."""
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
DIGEST = re.compile(r"[0-9a-f]{16,64}")
COMMIT = re.compile(r"([0-9a-f]{7,64}[+]?)?")
# Control characters, line separators, what turns the direction of writing, halves of characters, what is no character.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def parse(content: bytes, nodes: int = NODES_LIMIT) -> Any:
    """Return what strict JSON holds; raise NotAgreed for infinite numbers, too, for what is there twice, or deep.

    :param nodes: parts that it may have: values, and keys of objects.
    """
    try:
        found = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_whole,
        )
    except UnicodeDecodeError as error:
        raise NotAgreed("it is not UTF-8") from error
    except RecursionError as error:
        raise NotAgreed("it is nested too deeply") from error
    except ValueError as error:
        raise NotAgreed("it is no JSON") from error
    for number, (text, depth) in enumerate(_nodes(found)):
        if number >= nodes:
            raise NotAgreed(f"it has more than {nodes} parts")
        if depth > DEPTH_LIMIT:
            raise NotAgreed("it is nested too deeply")
        if text and UNPRINTABLE.search(text):
            raise NotAgreed("it has characters that cannot be shown")
    return found


class Judged(dict[str, Any]):
    """What passed, so that nobody judges it again."""


def results(answer: Any) -> Judged:
    """Return ``{time, checks, planned, convergence}`` of a machine's results, with nothing that was not judged."""
    if isinstance(answer, Judged):
        return answer
    _agree(isinstance(answer, Mapping), "the results are no object")
    _agree(answer.get("format", 1) == 1, "the results are in an unknown form")
    checks = answer.get("checks")
    _agree(isinstance(checks, list), "'checks' is no list")
    _agree(len(checks) <= CHECKS_LIMIT, f"there are more than {CHECKS_LIMIT} checks")
    found = [_check(number, check) for number, check in enumerate(checks, start=1)]
    names = [(check["component"], check["check"]) for check in found]
    _agree(len(names) == len(set(names)), "a check is there twice")
    return Judged(
        time=_moment("'time'", answer.get("time")),
        checks=found,
        planned=_planned(answer),
        convergence=_convergence(answer),
    )


def vms(answer: Any) -> dict[str, dict[str, Any]]:
    """Return VM -> ``{pending_restart}`` of what a hypervisor says of its VMs."""
    _agree(isinstance(answer, Mapping), "the list of VMs is no object")
    found = answer.get("vms")
    _agree(isinstance(found, Mapping), "'vms' is no object")
    _agree(len(found) <= VMS_LIMIT, f"there are more than {VMS_LIMIT} VMs")
    return {_text("the name of a VM", name): _vm(name, record) for name, record in found.items()}


def _check(number: int, check: Any) -> dict[str, Any]:
    where = f"check {number}"
    _agree(isinstance(check, Mapping), f"{where} is no object")
    for key in ("component", "check"):
        value = check.get(key)
        _agree(isinstance(value, str) and NAME.fullmatch(value), f"'{key}' of {where} is no name")
    status = check.get("status")
    _agree(
        isinstance(status, int) and not isinstance(status, bool) and 0 <= status <= 3,
        f"'status' of {where} is none of 0 to 3",
    )
    return {
        "component": check["component"],
        "check": check["check"],
        "status": status,
        "output": _text(f"'output' of {where}", check.get("output")),
        "since": _moment(f"'since' of {where}", check.get("since")),
        "attempt": _count(f"'attempt' of {where}", check.get("attempt", SURE)),
    }


def _count(what: str, value: Any) -> int:
    _agree(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**6, f"{what} is no number")
    return int(value)


def _planned(answer: Mapping[str, Any]) -> list[str]:
    planned = answer.get("planned", [])
    _agree(isinstance(planned, list), "'planned' is no list")
    _agree(len(planned) <= PLANNED_LIMIT, f"more than {PLANNED_LIMIT} things are planned")
    return [_text("what is planned", line) for line in planned]


def _convergence(answer: Mapping[str, Any]) -> dict[str, Any]:
    found = answer.get("convergence") or {}
    _agree(isinstance(found, Mapping), "'convergence' is no object")
    if not found:
        return {}
    digest, commit = found.get("digest"), found.get("commit", "")
    _agree(isinstance(digest, str) and DIGEST.fullmatch(digest), "the digest of what it was converged with is none")
    _agree(isinstance(commit, str) and COMMIT.fullmatch(commit), "the commit that it was converged at is none")
    return {"digest": digest, "commit": commit, "at": _moment("'at' of the convergence", found.get("at"))}


def _vm(name: Any, record: Any) -> dict[str, Any]:
    where = "the record of a VM"
    _agree(isinstance(record, Mapping), f"{where} is no object")
    pending = record.get("pending_restart", [])
    _agree(isinstance(pending, list) and len(pending) <= PENDING_LIMIT, f"what waits in {where} is no short list")
    return {"pending_restart": [_change(where, item) for item in pending]}


def _change(where: str, item: Any) -> dict[str, Any]:
    _agree(isinstance(item, Mapping), f"what waits for a restart in {where} is no object")
    found = {key: item.get(key, "") for key in ("field", "live", "wanted", "reason")}
    for key, value in found.items():
        if isinstance(value, str):
            _text(f"'{key}' of {where}", value)
        else:
            number = type(value) in (int, float) and math.isfinite(value) and abs(value) < 10**DIGITS_LIMIT
            short = isinstance(value, list) and len(value) <= PENDING_LIMIT and len(json.dumps(value)) <= TEXT_LIMIT
            _agree(value is None or isinstance(value, bool) or number or short, f"'{key}' of {where} is no value")
    return found


def _text(what: str, value: Any) -> str:
    _agree(isinstance(value, str), f"{what} is no text")
    _agree(len(value) <= TEXT_LIMIT, f"{what} is longer than {TEXT_LIMIT} characters")
    _agree(not UNPRINTABLE.search(value), f"{what} has characters that cannot be shown")
    return value


def _moment(what: str, value: Any) -> float:
    _agree(type(value) in (int, float) and 0 <= value <= LATEST, f"{what} is no moment")
    return float(value)


def _agree(holds: object, otherwise: str) -> None:
    if not holds:
        raise NotAgreed(otherwise)


def _nodes(found: Any) -> Iterator[tuple[str, int]]:
    """Yield every value and every key with its depth; a text as it is, other values as an empty one."""
    waiting = [(found, 0)]
    while waiting:
        value, depth = waiting.pop()
        yield (value if isinstance(value, str) else ""), depth
        if isinstance(value, dict):
            for key, item in value.items():
                yield key, depth + 1
                waiting.append((item, depth + 1))
        elif isinstance(value, list):
            waiting.extend((item, depth + 1) for item in value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotAgreed("it says something twice")
    return found


def _no_number(_name: str) -> Any:
    raise NotAgreed("it has a number that is none")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotAgreed("it has a number that is too large")
    return value


def _whole(text: str) -> int:
    if len(text) > DIGITS_LIMIT:
        raise NotAgreed("it has a number that is too large")
    return int(text)
