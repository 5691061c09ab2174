# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a machine may be worked on: time zones, changes of the clock, windows over midnight, slots."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import pytest
from ringmaster.maintenance.window import Window, overlap

DAILY = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"{text}+00:00")


def window(
    days: tuple[str, ...] = DAILY, start: str = "02:00", hours: float = 4, timezone: str = "UTC", **more: Any
) -> Window:
    return Window(days, start, hours, timezone, **more)


BERLIN, NEW_YORK, KATHMANDU, LORD_HOWE = "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"


@pytest.mark.parametrize(
    ("what", "found", "moment", "begin", "end"),
    [
        ("UTC", window(), "2026-11-24T02:00", "2026-11-24T02:00", "2026-11-24T06:00"),
        ("winter", window(timezone=BERLIN), "2026-11-24T02:00", "2026-11-24T01:00", "2026-11-24T05:00"),
        ("summer", window(timezone=BERLIN), "2026-07-01T00:30", "2026-07-01T00:00", "2026-07-01T04:00"),
        ("west", window(timezone=NEW_YORK), "2026-11-24T08:00", "2026-11-24T07:00", "2026-11-24T11:00"),
        (
            "a quarter of an hour",
            window(timezone=KATHMANDU),
            "2026-11-23T20:20",
            "2026-11-23T20:15",
            "2026-11-24T00:15",
        ),
        # 29 March 2026: 02:00 to 03:00 is skipped. The window keeps its four real hours.
        (
            "begins before the gap",
            window(start="01:00", timezone=BERLIN),
            "2026-03-29T03:59",
            "2026-03-29T00:00",
            "2026-03-29T04:00",
        ),
        (
            "begins in the gap",
            window(start="02:30", timezone=BERLIN),
            "2026-03-29T01:30",
            "2026-03-29T01:30",
            "2026-03-29T05:30",
        ),
        # 25 October 2026: 02:00 to 03:00 comes twice; the first counts.
        (
            "begins twice",
            window(start="02:30", timezone=BERLIN),
            "2026-10-25T00:30",
            "2026-10-25T00:30",
            "2026-10-25T04:30",
        ),
        (
            "spans the hour that comes twice",
            window(start="01:00", timezone=BERLIN),
            "2026-10-25T02:59",
            "2026-10-24T23:00",
            "2026-10-25T03:00",
        ),
        (
            "half an hour of summer time",
            window(start="02:15", timezone=LORD_HOWE),
            "2026-10-03T15:45",
            "2026-10-03T15:45",
            "2026-10-03T19:45",
        ),
        (
            "over midnight, the day it began counts",
            window(("sat",), "23:00"),
            "2026-11-29T01:00",
            "2026-11-28T23:00",
            "2026-11-29T03:00",
        ),
        ("a whole day", window(("sat",), "00:00", 24), "2026-11-28T23:59", "2026-11-28T00:00", "2026-11-29T00:00"),
        ("first slot", window(slots=4), "2026-11-24T02:30", "2026-11-24T02:00", "2026-11-24T03:00"),
        ("last slot", window(slot=3, slots=4), "2026-11-24T05:30", "2026-11-24T05:00", "2026-11-24T06:00"),
    ],
)
def test_open(what: str, found: Window, moment: str, begin: str, end: str) -> None:
    current = found.current(utc(moment))
    assert current is not None, what
    assert (current.begin, current.end) == (utc(begin), utc(end)), what


@pytest.mark.parametrize(
    ("what", "found", "moment"),
    [
        ("its end is not within", window(), "2026-11-24T06:00"),
        ("another day", window(("sat",)), "2026-11-24T03:00"),
        ("the day is that of the time zone", window(("tue",), "00:30", 1, "Pacific/Auckland"), "2026-11-24T00:45"),
        ("another slot", window(slot=1, slots=2), "2026-11-24T02:30"),
        ("no days", window(()), "2026-11-24T03:00"),
    ],
)
def test_closed(what: str, found: Window, moment: str) -> None:
    assert found.current(utc(moment)) is None, what


@pytest.mark.parametrize(
    ("found", "moment", "begin"),
    [
        (window(), "2026-11-24T02:00", "2026-11-25T02:00"),
        (window(("sun",)), "2026-11-22T02:00", "2026-11-29T02:00"),
        (window(("sun",), timezone=BERLIN), "2026-10-24T12:00", "2026-10-25T00:00"),
        (window(("mon", "fri")), "2026-11-24T03:00", "2026-11-27T02:00"),
    ],
)
def test_next(found: Window, moment: str, begin: str) -> None:
    following = found.following(utc(moment))
    assert following is not None and following.begin == utc(begin)


@pytest.mark.parametrize("timezone", [BERLIN, NEW_YORK, KATHMANDU, LORD_HOWE, "UTC"])
def test_slots_of_one_window_never_meet_in_a_year(timezone: str) -> None:
    slots = [window(start="01:30", timezone=timezone, slot=number, slots=3) for number in range(3)]
    for day in range(0, 370, 5):
        moment = utc("2026-01-01T00:00") + datetime.timedelta(days=day)
        for one, other in itertools.permutations(slots, 2):
            assert overlap(one, other, moment) is None


def test_windows_of_different_zones_may_meet() -> None:
    assert overlap(window(timezone=BERLIN), window(), utc("2026-11-24T00:00")) is not None
    assert overlap(window(("mon",)), window(("tue",)), utc("2026-11-24T00:00")) is None


def test_no_window_begins_on_an_excluded_day_of_its_own_time_zone() -> None:
    found = window(timezone=NEW_YORK, start="23:00", exclusions=(("2026-12-24", "2026-12-26"),))
    begins = [f"{span.begin:%d %H}" for span in found.spans(utc("2026-12-23T12:00"))][:3]
    assert begins == ["24 04", "28 04", "29 04"]
    record = {"days": DAILY, "start": "23:00", "hours": 4, "timezone": NEW_YORK}
    assert Window.from_mapping({**record, "exclusions": [{"from": "2026-12-24", "to": "2026-12-26"}]}) == found
