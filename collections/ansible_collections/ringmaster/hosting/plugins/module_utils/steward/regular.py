# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that nobody asks for: accounts every ten minutes, everything at night, what is over. Pure.

They go through the same lanes as requests, and are the safety net below them. What did not happen is told.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..platform.verbs.effects import Run

PREFIX = "regular "
"""Begins the name of a regular run where jobs have the id of their request."""
PLAYBOOKS = ("accounts", "site", "delete_retired_vms", "certificates", "backup_platform")
SLACK = datetime.timedelta(hours=1)
"""How much longer than usual a run may take before it counts as one that did not happen."""
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class Regular:
    """A run with its playbook as name, ``every`` so long, or daily at hour and minute (UTC)."""

    playbook: str
    every: datetime.timedelta = datetime.timedelta(days=1)
    at: tuple[int, int] | None = None

    @property
    def run(self) -> Run:
        """The run."""
        return Run(self.playbook)

    @property
    def request(self) -> str:
        """What its jobs have in place of a request's id."""
        return PREFIX + self.playbook

    def is_due(self, began: datetime.datetime | None, now: datetime.datetime) -> bool:
        """Tell whether it is time; ``began`` is when it was run last."""
        if self.at is None:
            return began is None or now - began >= self.every
        last = now.replace(hour=self.at[0], minute=self.at[1], second=0, microsecond=0)
        if last > now:
            last -= datetime.timedelta(days=1)
        # One that was missed at night is made up for, by a steward that was away; a new one waits for its time.
        return began is not None and began < last

    def late(self, went_well: datetime.datetime | None, since: datetime.datetime, now: datetime.datetime) -> str:
        """Say that it did not happen, or not well; an empty text while all is well. ``since`` is when this began."""
        last = went_well or since
        if now - last <= self.every + max(SLACK, self.every / 10):
            return ""
        return f"{self.playbook} has not gone well since {last:%Y-%m-%d %H:%M} UTC"


def read(wanted: Any) -> list[Regular]:
    """Return regular runs: of each playbook ``10m``, ``6h`` or ``02:30``. Raises ValueError."""
    if not isinstance(wanted, Mapping):
        raise ValueError("regular: is no map of playbooks with times such as 10m, 6h or 02:30")
    return [_read(str(playbook), str(time)) for playbook, time in wanted.items()]


def _read(playbook: str, time: str) -> Regular:
    if playbook not in PLAYBOOKS:
        raise ValueError(f"regular: '{playbook[:40]}' is not run regularly; allowed are {', '.join(PLAYBOOKS)}")
    daily, often = _TIME.fullmatch(time), re.fullmatch(r"([1-9][0-9]{0,3})([mh])", time)
    if daily:
        return Regular(playbook, at=(int(daily[1]), int(daily[2])))
    if not often:
        raise ValueError(f"regular: {playbook}: '{time[:40]}' is no time such as 10m, 6h or 02:30 (UTC)")
    number = int(often[1])
    every = datetime.timedelta(minutes=number) if often[2] == "m" else datetime.timedelta(hours=number)
    return Regular(playbook, every)


@dataclass(frozen=True)
class Past:
    """What is known of a regular run: when it was first to be run, began last, and went well last; and its problem."""

    since: float
    began: float | None = None
    went_well: float | None = None
    problem: str = ""


def problems(wanted: Sequence[Regular], known: Mapping[str, Past], now: datetime.datetime) -> dict[str, str]:
    """Return for each regular run what is wrong with it; an empty text where nothing is."""
    found = {}
    for one in wanted:
        past = known.get(one.playbook)
        if past is None:
            found[one.playbook] = ""
            continue
        late = one.late(moment(past.went_well), moment(past.since) or now, now)
        found[one.playbook] = f"{late}: {past.problem}" if late and past.problem else late
    return found


def moment(seconds: float | None) -> datetime.datetime | None:
    """Return a time."""
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)
