# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One graph of one machine as HTML: the drawing, its legend, and a table that says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ringmaster.look.blocks import NOTHING, table, text
from ringmaster.status.graphs import svg, units
from ringmaster.status.graphs.events import Event
from ringmaster.status.graphs.kinds import MOST, Graph, Limit, Span, Time
from ringmaster.status.graphs.svg import Drawn, Level

Rows = Mapping[tuple[str, str], Sequence[float]]
"""Points by line and band."""
WITHOUT_A_NAME = "others"


def lines_of(graph: Graph, rows: Rows) -> list[Drawn]:
    """Return what is drawn, the lines as the graph names them, or the ``MOST`` highest of those that a label parts."""
    if graph.is_single:
        mean, low, high = (rows.get(("", band)) for band in ("avg", "min", "max"))
        return [Drawn("", mean, low, high)] if mean is not None else []
    found = {name: row for (name, band), row in rows.items() if band == "avg"}
    named = [line.name for line in graph.lines if line.name]
    order = [name for name in named if name in found]
    if not named:
        order = sorted(sorted(found, key=lambda name: -(svg.peak([found[name]]) or 0.0))[:MOST])
    return [Drawn(name or WITHOUT_A_NAME, found[name], None, None) for name in order]


def limits_of(graph: Graph, settings: Mapping[str, Any]) -> list[Level]:
    """Return the limits of the check; a setting that is no number draws none."""
    found = []
    for limit in graph.limits:
        setting = settings.get(limit.variable)
        if isinstance(setting, (int, float)) and not isinstance(setting, bool) and _counts(limit, settings):
            found.append(Level(limit.level, limit.value(setting)))
    return found


def _counts(limit: Limit, settings: Mapping[str, Any]) -> bool:
    """Whether the check looks at it at all."""
    return all(settings.get(variable, value) == value for variable, value in limit.only)


def figure(
    graph: Graph, time: Time, rows: Rows, settings: Mapping[str, Any], events: Sequence[Event]
) -> tuple[str, dict[str, Any]]:
    """Return HTML of one graph, and what programs read of it; without any figure it is a line that says so."""
    lines = [line for line in lines_of(graph, rows) if svg.peak([line.mean]) is not None]
    limits = limits_of(graph, settings)
    columns = _columns(lines)
    values = list(_table(time, columns))
    told = {
        "title": graph.title,
        "unit": graph.unit,
        "limits": {limit.name: limit.value for limit in limits},
        "columns": [name for name, _row, _how in columns],
        "rows": [[moment, *shown] for moment, shown in values],
    }
    if not lines:
        none = f"<b>{text(graph.title)}</b> <small>no figures of these {text(time.span.title)}</small>"
        return f'<figure class="graph" id="{graph.name}"><figcaption>{none}</figcaption></figure>', told
    drawing = svg.draw(graph, time, lines, limits, events)
    about = f"<p>{text(graph.about)}</p>" if graph.about else ""
    return (
        f'<figure class="graph" id="{graph.name}"><figcaption><b>{text(graph.title)}</b> {_newest(graph, lines)}'
        f"</figcaption>{drawing}{_legend(graph, lines, limits)}"
        f"<details><summary>As a table</summary>{about}{_html(graph, time.span, columns, values)}</details></figure>",
        told,
    )


Column = tuple[str, Sequence[float], Callable[[Sequence[float]], float]]
"""Its name, its points, and how many of them become one."""


def _columns(lines: Sequence[Drawn]) -> list[Column]:
    if len(lines) == 1 and lines[0].low is not None and lines[0].high is not None:
        line = lines[0]
        return [("lowest", lines[0].low, min), ("mean", line.mean, _mean), ("highest", lines[0].high, max)]
    return [(line.name or "mean", line.mean, _mean) for line in lines]


def _table(time: Time, columns: Sequence[Column]) -> Iterator[tuple[int, list[float | None]]]:
    """Yield the moment at which each part of the time begins, the newest first, and a value of each column."""
    span, before = time.span, time.first - time.span.step
    many = span.row // span.step
    parts = [(max(0, last - many), last) for last in range(span.points, 0, -many)]
    found = [_of_parts(how, row, parts) for _name, row, how in columns]
    for (first, _last), *values in zip(parts, *found, strict=True):
        if any(value is not None for value in values):
            yield before + first * span.step, values


def _of_parts(
    how: Callable[[Sequence[float]], float], row: Sequence[float], parts: Iterable[tuple[int, int]]
) -> list[float | None]:
    if svg.known(row) is row:
        return [float(f"{how(row[first:last]):.4g}") for first, last in parts]
    known = (svg.known(row[first:last]) for first, last in parts)
    return [float(f"{how(some):.4g}") if some else None for some in known]


def _mean(points: Sequence[float]) -> float:
    return sum(points) / len(points)


def _html(graph: Graph, span: Span, columns: Sequence[Column], found: Iterable[tuple[int, list[float | None]]]) -> str:
    # A value with its unit is no text from outside.
    lines = [
        (
            text(units.beginning(moment, span.row)),
            *(NOTHING if value is None else units.shown(value, graph.unit) for value in values),
        )
        for moment, values in found
    ]
    return table(graph.title, ("From, UTC", *(name for name, _row, _how in columns)), lines)


def _newest(graph: Graph, lines: Sequence[Drawn]) -> str:
    """Say of a single line what it is now and was at most; the others say it in the legend."""
    if not graph.is_single:
        return ""
    last, highest = svg.newest(lines[0].mean), svg.peak([lines[0].high or lines[0].mean])
    now = units.shown(last, graph.unit) if last is not None else NOTHING
    most = f" <small>at most {text(units.shown(highest, graph.unit))}</small>" if highest is not None else ""
    return f"<span>{text(now)}</span>{most}"


def _legend(graph: Graph, lines: Sequence[Drawn], limits: Iterable[Level]) -> str:
    entries = []
    if not graph.is_single:
        for number, line in enumerate(lines):
            last = svg.newest(line.mean)
            value = units.shown(last, graph.unit) if last is not None else NOTHING
            entries.append(f'<li class="l{number}">{text(line.name)} <b>{text(value)}</b></li>')
    entries += [
        f'<li class="limit {limit.name}">{limit.name} from {text(units.shown(limit.value, graph.unit))}</li>'
        for limit in limits
    ]
    return f'<ul class="legend">{"".join(entries)}</ul>' if entries else ""
