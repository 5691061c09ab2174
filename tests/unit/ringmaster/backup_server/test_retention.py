# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention: what is kept by the time of arrival, and that dates which a machine claims change nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.backup_server.retention import RECENT, Arrival, bucket, to_forget

DAY = 86400
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
KEEP = {"daily": 14, "weekly": 8, "monthly": 12}


def nightly(days: int, until: float = NOW) -> list[Arrival]:
    return [Arrival(f"{number:064x}", until - number * DAY - 3600) for number in range(days)]


def kept(arrivals: list[Arrival], keep: dict[str, int], now: float = NOW) -> list[Arrival]:
    gone = {one.id for one in to_forget(arrivals, keep, now)}
    return [one for one in arrivals if one.id not in gone]


@pytest.mark.parametrize(
    ("keep", "days", "expected"),
    [
        ({"daily": 14, "weekly": 1, "monthly": 1}, 30, 14),
        ({"daily": 14, "weekly": 1, "monthly": 1}, 5, 5),
        # The first of the last 8 weeks and 12 months lie before the 14 days.
        (KEEP, 400, 14 + 6 + 10),
        ({"daily": 1, "weekly": 1, "monthly": 1}, 400, 2),
    ],
)
def test_a_backup_each_night(keep: dict[str, int], days: int, expected: int) -> None:
    assert len(kept(nightly(days), keep)) == expected


def test_several_of_one_day_stay_for_two_days() -> None:
    today = [Arrival(f"{number:064x}", NOW - number * 600) for number in range(20)]
    assert kept(today, KEEP) == today
    later = NOW + RECENT + DAY
    assert kept(today, {"daily": 1, "weekly": 1, "monthly": 1}, later) == today[:1]


def test_a_machine_that_went_silent_loses_nothing() -> None:
    silent = nightly(14, until=NOW - 500 * DAY)
    assert kept(silent, KEEP) == silent


def test_a_flood_of_one_day_takes_the_place_of_one_day_only() -> None:
    honest = nightly(20)
    flood = [Arrival(f"f{number:063x}", NOW - number) for number in range(1000)]
    survivors = kept(honest + flood, KEEP, NOW + 3 * DAY)
    assert {bucket("daily", one.time) for one in survivors if one in honest} >= {
        bucket("daily", one.time) for one in honest[1:13]
    }


@given(
    st.lists(st.integers(0, 800 * DAY), max_size=60, unique=True),
    st.fixed_dictionaries({period: st.integers(1, 20) for period in KEEP}),
)
def test_whatever_arrives(ages: list[int], keep: dict[str, int]) -> None:
    arrivals = [Arrival(f"{age:064x}", NOW - age) for age in ages]
    stay = kept(arrivals, keep)
    assert not arrivals or min(arrivals, key=lambda one: NOW - one.time) in stay
    # Doing it again changes nothing more.
    assert kept(stay, keep) == stay
    assert [one for one in arrivals if one.time > NOW - RECENT] == [one for one in stay if one.time > NOW - RECENT]
