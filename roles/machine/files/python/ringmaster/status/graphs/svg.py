# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A graph as SVG: bands, lines, gaps as gaps, limits, and what happened. Colours come from the style sheet.

A point is one unit wide and the scale 200 units high; so a path needs four bytes a point. It is stretched to its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from math import isnan
from typing import NamedTuple

from ringmaster.look.blocks import text
from ringmaster.status.graphs import units
from ringmaster.status.graphs.events import WORDS, Event
from ringmaster.status.graphs.kinds import DAY, HOUR, Graph, Span, Time

WIDTH, HEIGHT = 360, 132
LEFT, RIGHT, TOP, BOTTOM = 44, 4, 14, 18
BROAD, HIGH = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
UNITS = 200
MARKS = 20
"""Marks of one kind in a graph; what happens at the same place is one. Of more than these there is but a tick each."""
WAYS = {
    forward: {way: f"{forward}{way}" if way < 0 else f"{forward} {way}" for way in range(-UNITS, UNITS + 1)}
    for forward in (1, -1)
}
"""Each way from one point to the next, forward and up or down."""
Row = Sequence[float]


class Drawn(NamedTuple):
    """One line: its name, its mean, and its lowest and highest where a band is drawn."""

    name: str
    mean: Row
    low: Row | None
    high: Row | None


class Level(NamedTuple):
    """A limit of a check on this graph: ``warning`` or ``critical``, and its value."""

    name: str
    value: float


def draw(graph: Graph, time: Time, lines: Sequence[Drawn], limits: Sequence[Level], events: Iterable[Event]) -> str:
    """Return the SVG."""
    top = scale(graph, lines, limits)
    parts = [*_grid(graph, time, top), *_marks(time, events)]
    points = time.span.points
    curves = []
    for number, line in enumerate(lines):
        heights = _heights(line.mean, top)
        if line.low is not None and line.high is not None:
            curves.append(_band(_heights(line.low, top), _heights(line.high, top)))
        curves.append(f'<path class="line l{number}" d="{_path(heights)}"/>')
    parts.append(
        f'<svg x="{LEFT}" y="{TOP}" width="{BROAD}" height="{HIGH}" viewBox="0 0 {max(1, points - 1)} {UNITS}" '
        f'preserveAspectRatio="none">{"".join(curves)}</svg>'
    )
    parts += _limits(graph, limits, top)
    label = f"{graph.title}, {time.span.title}: {summary(graph, lines)}"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(label)}">{"".join(parts)}</svg>'


def summary(graph: Graph, lines: Sequence[Drawn]) -> str:
    """Say the newest and the highest value of each line."""
    told = []
    for line in lines:
        last, highest = newest(line.mean), peak([line.high or line.mean])
        if highest is not None:
            now = units.shown(last, graph.unit) if last is not None else "no figure"
            named = f"{line.name} " if line.name else ""
            told.append(f"{named}{now} now, {units.shown(highest, graph.unit)} at most")
    return "; ".join(told) or "no figures"


def newest(row: Row) -> float | None:
    """Return the last value, or None where it is missing."""
    return row[-1] if len(row) and not isnan(row[-1]) else None


def peak(rows: Iterable[Row]) -> float | None:
    """Return the highest value of all rows, None where there is none."""
    return max((max(found) for row in rows if (found := known(row))), default=None)


def known(row: Row) -> Row:
    """Return the values of a row that are not missing."""
    # Most rows have no gap, and a sum says so in a twentieth of the time.
    return row if not isnan(sum(row)) else [value for value in row if not isnan(value)]


def scale(graph: Graph, lines: Sequence[Drawn], limits: Sequence[Level]) -> float:
    """Return the value at the upper edge: that of the graph, else a round one above all, and limits that are near."""
    if graph.top is not None:
        return graph.top
    highest = max(0.0, peak(row for line in lines for row in (line.mean, line.high) if row is not None) or 0.0)
    near = [limit.value for limit in limits if limit.value <= 3 * highest]
    return units.ceiling(max([highest, *near]), graph.unit)


def _heights(row: Row, top: float) -> list[int | None]:
    """Return how far from above each point lies; None is a gap."""
    factor = UNITS / top
    found = known(row)
    if len(found) == len(row) and row and min(row) >= 0 and max(row) <= top:
        return [UNITS - int(factor * value + 0.5) for value in row]
    return [
        (UNITS - int(factor * value + 0.5) if 0 <= value <= top else 0 if value > top else UNITS)
        if not isnan(value)
        else None
        for value in row
    ]


def _runs(heights: Sequence[int | None]) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield the pieces between gaps, each with the number of its first point."""
    if heights and None not in heights:
        yield 0, heights  # type: ignore[misc]
        return
    run: list[int] = []
    for number, height in enumerate(heights):
        if height is not None:
            run.append(height)
        elif run:
            yield number - len(run), run
            run = []
    if run:
        yield len(heights) - len(run), run


def _path(heights: Sequence[int | None]) -> str:
    parts = []
    for begin, run in _runs(heights):
        # A point between two gaps is a dot: a line of almost no length, with round ends.
        parts.append(f"M{begin} {run[0]}" + ("l" + _steps(run, 1) if len(run) > 1 else "h.01"))
    return "".join(parts)


def _steps(run: Sequence[int], forward: int) -> str:
    """Return the ways from each point to the next; a minus parts numbers as well as a space."""
    written = WAYS[forward]
    return " ".join([written[after - before] for before, after in pairwise(run)])


def _band(low: Sequence[int | None], high: Sequence[int | None]) -> str:
    both = [value if low[number] is not None else None for number, value in enumerate(high)]
    parts = []
    for begin, run in _runs(both):
        if len(run) > 1:
            under = [value for value in low[begin : begin + len(run)] if value is not None][::-1]
            parts.append(f"M{begin} {run[0]}l{_steps(run, 1)}V{under[0]}l{_steps(under, -1)}z")
    return f'<path class="band" d="{"".join(parts)}"/>' if parts else ""


def _grid(graph: Graph, time: Time, top: float) -> Iterator[str]:
    """Yield lines with numbers: three of values, and some of time."""
    for share in (0.0, 0.5, 1.0):
        y = TOP + HIGH * (1 - share)
        yield f'<path class="grid" d="M{LEFT} {y:g}h{BROAD}"/>'
        told = text(units.shown(share * top, graph.unit))
        yield f'<text x="{LEFT - 4}" y="{y + 3.5:g}" text-anchor="end">{told}</text>'
    yield _of_time(time)


@cache
def _of_time(time: Time) -> str:
    """Return what is the same in all graphs of a time."""
    parts = []
    for moment, label in units.ticks(time.first, time.end, _between(time.span)):
        x = _x(time, moment)
        anchor = "middle" if LEFT + 12 < x < WIDTH - RIGHT - 12 else "start" if x <= LEFT + 12 else "end"
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP}v{HIGH}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 5}" text-anchor="{anchor}">{text(label)}</text>')
    return "".join(parts)


def _between(span: Span) -> int:
    return {DAY: 6 * HOUR, 7 * DAY: DAY}.get(span.seconds, 15 * DAY)


def _x(time: Time, moment: float) -> float:
    share = (moment - time.first) / (time.end - time.first)
    return LEFT + BROAD * min(1.0, max(0.0, share))


def _limits(graph: Graph, limits: Iterable[Level], top: float) -> Iterator[str]:
    for limit in limits:
        if 0 <= limit.value <= top:
            y = TOP + HIGH * (1 - limit.value / top)
            told = f"{limit.name} from {units.shown(limit.value, graph.unit)}"
            yield f'<path class="limit {limit.name}" d="M{LEFT} {y:.1f}h{BROAD}"><title>{text(told)}</title></path>'


def _marks(time: Time, events: Iterable[Event]) -> Iterator[str]:
    """Yield what happened: a shade for what lasted, a line for what did not; what falls together is one mark."""
    places: dict[tuple[int, int, str], list[Event]] = {}
    for event in events:
        last = event.begin if event.end is None else event.end
        if last >= time.first and event.begin <= time.end:
            here, there = (round(_x(time, moment)) for moment in (event.begin, last))
            places.setdefault((here, there - here, event.kind), []).append(event)
    many = Counter(kind for _x, _wide, kind in places)
    for kind in [kind for kind in many if many[kind] > MARKS]:
        ticks = "".join(f"M{x} {TOP + HIGH}v-5" for x, _wide, one in sorted(places) if one == kind)
        title = f"<title>{text(WORDS[kind])}, {many[kind]} times: the list says when</title>"
        yield f'<path class="event often {kind}" d="{ticks}">{title}</path>'
    for (x, wide, kind), found in sorted(places.items()):
        if many[kind] > MARKS:
            continue
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        title = f"<title>{text(found[0].told + more)}</title>"
        if found[0].end is not None:
            yield f'<rect class="event {kind}" x="{x}" y="{TOP}" width="{max(2, wide)}" height="{HIGH}">{title}</rect>'
        else:
            yield f'<path class="event {kind}" d="M{x} {TOP - 2}v{HIGH + 2}"/>'
            yield f'<path class="mark {kind}" d="{SHAPES[kind].format(x=x, y=TOP - 6)}">{title}</path>'


SHAPES = {
    "restart": "M{x} {y}m-4 -4h8l-4 8z",  # a triangle
    "change": "M{x} {y}m0 -4.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z",  # a diamond
    "backup": "M{x} {y}m-3 -3h6v6h-6z",  # a square
    "alert": "M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",  # a circle
    "maintenance": "M{x} {y}m-4 0h8",
}
"""What stands above the line of each kind, told apart by shape as well as by colour."""
