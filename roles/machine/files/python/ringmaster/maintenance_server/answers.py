# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What machines say is judged here before anything else sees it: names, numbers and texts of known form and size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ringmaster.core.report import printable
from ringmaster.maintenance_server.model import Need

UNIT = re.compile(r"[A-Za-z0-9:_.@\\+ -]{1,200}")
CHECK = re.compile(r"[a-z][a-z0-9_-]{0,62}/[a-z0-9][a-z0-9_-]{0,62}")
VERSIONS = re.compile(r"[0-9a-f]{0,64}")
PERSON = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,62}")
MOST_UNITS, MOST_CHECKS = 50, 200
LONGEST = 300
HIGHEST = 10**9


class Refused(Exception):
    """What a machine said is none of what it may say; the text says why."""


@dataclass(frozen=True)
class Report:
    """What a machine says when it asks: what it needs, if anything, and how it is."""

    need: Need | None
    critical: frozenset[str]
    holding: int
    """The turn that it believes to have; 0 is none."""
    highest: int
    """The highest turn it has ever had."""


def report(body: Any, now: float) -> Report:
    """Read a report; raises Refused."""
    said = _record(body)
    needs = said.get("need")
    return Report(
        need=None if needs is None else _need(_record(needs), now),
        critical=frozenset(_texts(said.get("critical", []), CHECK, MOST_CHECKS, "a check")),
        holding=_number(said.get("holding", 0), HIGHEST),
        highest=_number(said.get("highest", 0), HIGHEST),
    )


def _need(said: dict[str, Any], now: float) -> Need:
    since = said.get("since", now)
    if isinstance(since, bool) or not isinstance(since, int | float):
        raise Refused("since is no number")
    units = tuple(sorted(_texts(said.get("units", []), UNIT, MOST_UNITS, "a unit")))
    reboot = said.get("reboot") is True
    if not units and not reboot:
        raise Refused("nothing is needed")
    (versions,) = _texts([said.get("versions", "")], VERSIONS, 1, "a digest")
    # Nobody has waited since before the day of this program, or since tomorrow.
    return Need(
        since=min(max(float(since), now - 400 * 86400), now),
        units=units,
        reboot=reboot,
        reason=sentence(said.get("reason", "")),
        versions=versions,
        security=said.get("security") is True,
    )


def sentence(value: Any) -> str:
    """Return a text of a machine as people may see it: one short line; raises Refused."""
    if not isinstance(value, str):
        raise Refused("a text is none")
    return printable(value, " ").strip()[:LONGEST]


def person(value: Any) -> str:
    """Return the name of an account; raises Refused."""
    if not isinstance(value, str) or not PERSON.fullmatch(value):
        raise Refused("that is no account")
    return value


def _record(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused("it is no object")
    return value


def _texts(value: Any, pattern: re.Pattern[str], most: int, what: str) -> list[str]:
    if not isinstance(value, list) or len(value) > most:
        raise Refused(f"a list has at most {most} entries")
    for one in value:
        if not isinstance(one, str) or not pattern.fullmatch(one):
            raise Refused(f"an entry is not {what}")
    return value


def _number(value: Any, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Refused(f"a number is not between 0 and {most}")
    return value
