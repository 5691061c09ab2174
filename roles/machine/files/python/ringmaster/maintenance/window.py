# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance windows: wall-clock times of a project's time zone, turned into moments. Pure.

A window begins at ``start`` on each of ``days`` and lasts ``hours`` real hours, also over a change of the clock. A
start that the clock skips is as many minutes after the change as it is after the gap's begin; of a start that comes
twice, the first counts. On excluded days no window begins. Machines that must not be worked on together share a window
by slots: equal parts of it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON_DAYS = 9  # a week, and what a window may reach into it from both sides


@dataclass(frozen=True)
class Span:
    """A time from ``begin`` until, not including, ``end``, both in UTC."""

    begin: datetime.datetime
    end: datetime.datetime

    def holds(self, moment: datetime.datetime) -> bool:
        """Whether the moment lies within."""
        return self.begin <= moment < self.end

    def overlaps(self, other: Span) -> bool:
        """Whether both have a moment in common."""
        return self.begin < other.end and other.begin < self.end


@dataclass(frozen=True)
class Window:
    """When a machine may be worked on."""

    days: tuple[str, ...]
    start: str
    hours: float
    timezone: str
    slot: int = 0
    slots: int = 1
    exclusions: tuple[tuple[str, str], ...] = ()
    """First and last days, such as 2026-12-21, on which no window begins."""

    @classmethod
    def from_mapping(cls, record: Mapping[str, Any]) -> Window:
        """Read what the description and the slots say."""
        return cls(
            days=tuple(record["days"]),
            start=str(record["start"]),
            hours=float(record["hours"]),
            timezone=str(record["timezone"]),
            slot=int(record.get("slot", 0)),
            slots=int(record.get("slots", 1)),
            exclusions=tuple((str(one["from"]), str(one["to"])) for one in record.get("exclusions") or ()),
        )

    def spans(self, moment: datetime.datetime) -> Iterator[Span]:
        """Yield this machine's parts of the windows that end after ``moment``, in order; a week ahead and a bit."""
        zone = ZoneInfo(self.timezone)
        hour, minute = map(int, self.start.split(":"))
        part = datetime.timedelta(hours=self.hours) / self.slots
        first = moment.astimezone(zone).date() - datetime.timedelta(days=2)
        for number in range(HORIZON_DAYS + 2):
            day = first + datetime.timedelta(days=number)
            if DAYS[day.weekday()] not in self.days or self._excludes(day):
                continue
            local = datetime.datetime.combine(day, datetime.time(hour, minute), tzinfo=zone)
            begin = local.astimezone(datetime.UTC) + self.slot * part
            if begin + part > moment:
                yield Span(begin, begin + part)

    def _excludes(self, day: datetime.date) -> bool:
        return any(first <= day.isoformat() <= last for first, last in self.exclusions)

    def current(self, moment: datetime.datetime) -> Span | None:
        """Return the window in which the moment lies."""
        return next((span for span in self.spans(moment) if span.holds(moment)), None)

    def following(self, moment: datetime.datetime) -> Span | None:
        """Return the next window that has not begun."""
        return next((span for span in self.spans(moment) if span.begin > moment), None)


def overlap(one: Window, other: Window, moment: datetime.datetime) -> Span | None:
    """Return a span of ``one`` that overlaps one of ``other`` within the week after ``moment``."""
    others = list(other.spans(moment))
    return next((span for span in one.spans(moment) if any(span.overlaps(found) for found in others)), None)
