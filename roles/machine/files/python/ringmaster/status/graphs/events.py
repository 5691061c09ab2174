# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened to machines: restarts, maintenance, alerts, backups, changes of the description.

Each kind is one question about all machines, for the time since the last one; what it answered is kept.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ringmaster.core import files
from ringmaster.status.graphs import query, units
from ringmaster.status.graphs.kinds import DAY, STEP
from ringmaster.status.graphs.query import Labels

KEPT = 90 * DAY
MOST = 200
"""Events of one machine that are kept, for each kind; what comes too often says nothing."""
ALERTS = 4
"""Alerts of a machine that count at one moment, for how much one question may cost."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_:-]{0,80}")
COMMIT = re.compile(r"[0-9a-f]{7,64}\+?")
WORDS = {
    "restart": "Restart",
    "maintenance": "Maintenance",
    "alert": "Alert",
    "backup": "Backup",
    "change": "Description applied",
}


@dataclass(frozen=True)
class Event:
    """Something that happened at a moment, or lasted until ``end``. ``kind`` is one of ``WORDS``."""

    kind: str
    begin: float
    end: float | None = None
    words: str = ""

    @property
    def told(self) -> str:
        """One line with what it was and when."""
        what = f"{WORDS[self.kind]}{': ' if self.words else ''}{self.words}"
        until = f" to {units.minute(self.end)}" if self.end is not None else ""
        return f"{what}, {units.minute(self.begin)}{until}"


QUESTIONS = {
    "restart": f"max by (instance) (last_over_time(node_boot_time_seconds[{STEP}s]))",
    "backup": f"max by (instance) (last_over_time(ringmaster_backup_last_success_timestamp_seconds[{STEP}s]))",
    "change": (
        "max by (instance, commit) "
        f'(last_over_time(ringmaster_converged_timestamp_seconds{{commit=~"[0-9a-f]{{0,64}}[+]?"}}[{STEP}s]))'
    ),
    "maintenance": f"max by (instance) (max_over_time(ringmaster_maintenance_running[{STEP}s])) == 1",
    "alert": (
        f"topk by (instance) ({ALERTS}, max by (instance, alertname, component, check) "
        f'(max_over_time(ALERTS{{alertstate="firing",severity=~"warning|critical"}}[{STEP}s])))'
    ),
}
"""Questions whose value is the moment itself, and then those that are answered while something lasts."""
LASTING = ("maintenance", "alert")
SAME = 60.0
"""Seconds by which a moment may differ and still be the same: the time of the start is computed from the clock."""
RELATED = {"alert": ALERTS, "change": 2}


class Events:
    """What is known of all machines, by machine."""

    def __init__(self, path: Path) -> None:
        """Read what is kept; what cannot be read is nothing."""
        self._path = path
        self.asked: dict[str, int] = {}
        self.of: dict[str, list[Event]] = {}
        try:
            content = json.loads(path.read_text())
            self.of = {str(machine): [_event(one) for one in found] for machine, found in content["events"].items()}
            self.asked = {kind: int(moment) for kind, moment in content["asked"].items() if kind in QUESTIONS}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.asked, self.of = {}, {}

    def refresh(self, endpoint: str, machines: Collection[str], now: int, has_time: Any) -> None:
        """Ask for what happened since the last time. Raises NoFigures."""
        end = now - now % STEP
        for kind, expression in QUESTIONS.items():
            begin = self.asked.get(kind, 0)
            begin = max(begin if begin <= end else 0, end - KEPT) + STEP
            while begin <= end and has_time():
                pieces = max(1, query.POINTS // max(1, RELATED.get(kind, 1) * len(machines)))
                count = min((end - begin) // STEP + 1, pieces, query.AT_ONCE)
                for labels, row in query.over(endpoint, expression, begin, count, STEP):
                    if labels.get("instance") in machines:
                        self._take(kind, labels, row, begin)
                begin += count * STEP
                self.asked[kind] = begin - STEP
        self.of = {
            machine: sorted(_newest(found, now - KEPT), key=lambda event: event.begin)
            for machine, found in self.of.items()
            if machine in machines
        }

    def keep(self) -> None:
        """Write it beside what is there, and exchange them."""
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        events = {machine: [asdict(event) for event in found] for machine, found in self.of.items()}
        files.replace(self._path, json.dumps({"asked": self.asked, "events": events}), group=None)

    def _take(self, kind: str, labels: Labels, row: Sequence[float], begin: int) -> None:
        known = self.of.setdefault(labels["instance"], [])
        if kind in LASTING:
            words = _alert(labels) if kind == "alert" else ""
            for first, last in _stretches(row, begin):
                _lengthen(known, Event(kind, first - STEP, last, words))
            return
        before = query.GAP
        for number, value in enumerate(row):
            same, before = value == before, value
            if not same and math.isfinite(value) and self._is_new(known, kind, value, begin + number * STEP):
                known.append(Event(kind, value, None, _commit(labels) if kind == "change" else ""))

    @staticmethod
    def _is_new(known: Iterable[Event], kind: str, value: float, moment: int) -> bool:
        # What lies ahead, or long back, is no moment that can be shown.
        if not moment - KEPT <= value <= moment + SAME:
            return False
        return all(abs(event.begin - value) > SAME for event in known if event.kind == kind)


def _event(one: Mapping[str, Any]) -> Event:
    begin, end = float(one["begin"]), one["end"]
    if one["kind"] not in WORDS or not math.isfinite(begin):
        raise ValueError("no event")
    return Event(one["kind"], begin, float(end) if end is not None else None, str(one["words"]))


def _newest(found: Iterable[Event], since: float) -> Iterator[Event]:
    for kind in WORDS:
        of_kind = [event for event in found if event.kind == kind and (event.end or event.begin) >= since]
        yield from sorted(of_kind, key=lambda event: event.begin)[-MOST:]


def _stretches(row: Sequence[float], begin: int) -> Iterator[tuple[int, int]]:
    """Yield first and last moment of each time in which there was an answer."""
    first = None
    for number, value in enumerate([*row, query.GAP]):
        moment = begin + number * STEP
        if not math.isnan(value) and first is None:
            first = moment
        elif math.isnan(value) and first is not None:
            yield first, moment - STEP
            first = None


def _lengthen(known: list[Event], event: Event) -> None:
    """Add what lasted, or lengthen what it goes on from."""
    for number, one in enumerate(known):
        if (one.kind, one.words) != (event.kind, event.words) or one.end is None or event.end is None:
            continue
        if event.begin <= one.end and one.begin <= event.end:
            known[number] = Event(one.kind, min(one.begin, event.begin), max(one.end, event.end), one.words)
            return
    known.append(event)


def _alert(labels: Labels) -> str:
    """Return the check that an alert stands for, else its own name."""
    component, check, name = (labels.get(label, "") for label in ("component", "check", "alertname"))
    if component and check and NAME.fullmatch(component) and NAME.fullmatch(check):
        return f"{component}/{check}"
    return name if NAME.fullmatch(name) else ""


def _commit(labels: Labels) -> str:
    commit = labels.get("commit", "")
    return f"commit {commit[:12]}" if COMMIT.fullmatch(commit) else ""
