# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups are kept. Counted by when they arrived here, which the server saw, and never by the time they claim.

A machine that was broken into can send backups with any date. Were that date believed, a handful of dated lies would
push the true ones out of every period, and the next pruning would do what the intruder may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

#: Everything that arrived within these seconds stays, also when there are several a day.
RECENT = 48 * 3600


@dataclass(frozen=True)
class Arrival:
    """One backup: its id and when its last file arrived, in seconds since 1970."""

    id: str
    time: float


def bucket(period: str, moment: float) -> tuple[int, int]:
    """Return the day, week or month of a moment (UTC)."""
    date = datetime.fromtimestamp(moment, UTC)
    if period == "daily":
        return date.year, date.timetuple().tm_yday
    if period == "weekly":
        return date.isocalendar()[:2]
    return date.year, date.month


def to_forget(arrivals: Sequence[Arrival], keep: Mapping[str, int], now: float) -> list[Arrival]:
    """Return what is beyond the retention, oldest first.

    Kept are the newest one of each of the last ``keep["daily"]`` days that have one, likewise of weeks and months, and
    all recent ones. Days without a backup do not count, so that a machine that went silent loses nothing.
    """
    newest_first = sorted(arrivals, key=lambda one: (-one.time, one.id))
    kept = {one.id for one in newest_first[:1]}
    kept |= {one.id for one in newest_first if one.time > now - RECENT}
    for period, number in keep.items():
        seen: set[tuple[int, int]] = set()
        for one in newest_first:
            place = bucket(period, one.time)
            if place in seen:
                continue
            if len(seen) == number:
                break
            seen.add(place)
            kept.add(one.id)
    return [one for one in reversed(newest_first) if one.id not in kept]
