# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values and moments as people read them on a graph."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator
from functools import cache, lru_cache

from ringmaster.status.graphs.kinds import BYTE_RATE, BYTES, DAY, SECONDS, SHARE

POWERS = ("", "k", "M", "G", "T", "P")


@lru_cache(maxsize=1 << 15)
def shown(value: float, unit: str) -> str:
    """Return a value with its unit, in three digits at most."""
    if unit == SHARE:
        return f"{_short(100 * value)} %"
    if unit == SECONDS:
        return f"{_short(value)} s" if value >= 1 or not value else f"{_short(1000 * value)} ms"
    size = 1024.0 if unit in (BYTES, BYTE_RATE) else 1000.0
    power = 0
    while abs(value) >= size * 0.9995 and power < len(POWERS) - 1:
        value, power = value / size, power + 1
    prefix = POWERS[power]
    if size == 1024 and power:
        prefix = f"{prefix.upper()}i"
    return f"{_short(value)} {prefix}{unit}".rstrip() if unit != "/s" else f"{_short(value)}{prefix and ' ' + prefix}/s"


def _short(value: float) -> str:
    value = float(f"{value:.3g}")
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"


def ceiling(highest: float, unit: str) -> float:
    """Return a round value that is not below the highest."""
    if highest <= 0:
        return {SHARE: 0.01, BYTES: 1024.0**2, BYTE_RATE: 1024.0}.get(unit, 1.0)
    base = 1.0
    if unit in (BYTES, BYTE_RATE):
        base = 1024.0 ** math.floor(math.log(highest, 1024)) if highest >= 1 else 1.0
    decade = base * 10.0 ** math.floor(math.log10(highest / base))
    found = next(step * decade for step in (1, 2, 4, 6, 8, 10) if step * decade >= highest * 0.9999)
    return min(1.0, found) if unit == SHARE and highest <= 1 else found


def ticks(begin: int, end: int, between: int) -> Iterator[tuple[int, str]]:
    """Yield moments and their names, in UTC."""
    for moment in range(begin + -begin % between, end + 1, between):
        at = datetime.datetime.fromtimestamp(moment, datetime.UTC)
        if between < DAY and moment % DAY:
            yield moment, at.strftime("%H:%M")
        elif between <= DAY:
            yield moment, at.strftime("%a %-d")
        else:
            yield moment, at.strftime("%-d %b")


@cache
def minute(moment: float) -> str:
    """Return a moment with its day."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


@cache
def beginning(moment: int, length: int) -> str:
    """Return when a part of the time of that length begins, as short as it is clear."""
    at = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    return at.strftime("%a %H:%M" if length < DAY else "%-d %b %H:%M")
