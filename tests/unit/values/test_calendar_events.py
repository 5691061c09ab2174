# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendar events: what we take, systemd takes, and means by it what stands there."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import calendar_events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

GOOD = (
    *calendar_events.WORDS,
    "03:10",
    "03:10:30",
    "*:0/15",
    "Mon..Fri 07:30",
    "Sat,Sun 12:00",
    "*-*-01 04:00",
    "*-1,4,7,10-01 04:00",
    "2027-*-1..7 8:5",
    "Mon *-*-1..7 03:00",
)


@pytest.mark.parametrize("text", GOOD)
def test_taken(text: str) -> None:
    assert calendar_events.problem(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a time such as 03:10 is needed"),
        ("at night", "a time such as 03:10 is needed"),
        ("Mon", "a time such as 03:10 is needed"),
        ("Monday 03:10", "a time such as 03:10 is needed"),
        ("3", "has a time that is not hour:minute"),
        ("24:00", "has '24' as hour: 0 to 23 is possible"),
        ("03:60", "has '60' as minute"),
        ("*-13-01 03:10", "has '13' as month: 1 to 12"),
        ("*-01 03:10", "has a date that is not year-month-day"),
        ("*:*/5", "has '*/5' as minute: a step begins somewhere, as in 0/5"),
        ("*:0/0", "has a step of '0' as minute"),
        ("5..3:00", "has '5..3' as hour"),
        ("03:10 Europe/Berlin", "a time such as 03:10 is needed"),
        ("03:10; rm -rf /", "a time such as 03:10 is needed"),
        ("03:1x", "has '1x' as minute: a number"),
        ("03:", "has '' as minute: a number"),
    ],
)
def test_refused(text: str, said: str) -> None:
    assert said in calendar_events.problem(text)


PARTS = st.sampled_from(["*", "1", "3", "5,7", "2..9", "*/2", "1/3", "0", "77", "9..2", "", "x"])


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    day=st.sampled_from(["", "Mon ", "Mon..Wed,Sun "]),
    date=st.one_of(st.just(()), st.tuples(PARTS, PARTS, PARTS)),
    time=st.lists(PARTS, min_size=2, max_size=3),
)
def test_what_is_taken_systemd_takes(day: str, date: tuple[str, ...], time: list[str]) -> None:
    text = f"{day}{'-'.join(date)}{' ' if date else ''}{':'.join(time)}"
    if not calendar_events.problem(text):
        done = subprocess.run(["systemd-analyze", "calendar", text], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (text, done.stderr)
