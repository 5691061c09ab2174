# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the pages of graphs that are due: those of a day every five minutes, those of longer spans less often.

They lie in a folder of their own, from which each new site takes them, so that no page of states waits for a graph.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ringmaster.core.files import publish
from ringmaster.status.graphs import catalogue, frame, query
from ringmaster.status.graphs.events import Events
from ringmaster.status.graphs.figures import Rows
from ringmaster.status.graphs.frame import Machine, Moment
from ringmaster.status.graphs.kinds import SPANS, Graph, Span, Time
from ringmaster.status.graphs.store import Key, Series

FOLDER = "graphs"
"""Where all of it lies, below the folder of the site."""
BUDGET = 60.0
"""Seconds in which questions are asked; what has not been asked by then is asked the next time."""
LATE = 30
"""Seconds after which what was recorded of a moment is surely there."""
AGAIN = 300.0
"""Seconds between two attempts when something was missing."""
DEFAULTS = Path(__file__).with_name("limits.json")
CATCHING_UP = "what was before is still asked for"


def machines(described: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Machine]:
    """Return the machines that have pages of graphs: VMs that shall run, and the platform's own."""
    found = [
        Machine(
            vm["name"],
            project["name"],
            vm["components"],
            {**defaults, **_declared(vm["components"]), **vm.get("limits", {})},
        )
        for project in described["projects"]
        for vm in project["vms"]
        if vm["state"] == "running"
    ]
    own = described["machines"]
    return [*found, *(Machine(one["name"], "", {}, {**defaults, **one.get("limits", {})}) for one in own)]


def _declared(components: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{name}_{option}": value for name, options in components.items() for option, value in options.items()}


def put(folder: Path, site: Path, platform: Mapping[str, Any]) -> None:
    """Put the pages of machines that are shown into a new site, as links to the same files."""
    shown = [("all", machine["name"]) for machine in platform["machines"]]
    shown += [(f"projects/{project['name']}", vm["name"]) for project in platform["projects"] for vm in project["vms"]]
    folders = {f"{below}/{frame.FOLDER}/{span.name}" for below, _name in shown for span in SPANS}
    for place in folders:
        if (folder / "pages" / place).is_dir():
            (site / place).mkdir(parents=True, exist_ok=True)
    # Some thousands of files: their paths are put together as text.
    for below, name in shown:
        for span in SPANS:
            for ending in ("html", "json"):
                path = f"{below}/{frame.FOLDER}/{span.name}/{name}.{ending}"
                with contextlib.suppress(FileNotFoundError):
                    os.link(f"{folder}/pages/{path}", f"{site}/{path}")


def run(described: Mapping[str, Any], folder: Path, endpoint: str, now: float) -> str:
    """Make what is due in ``folder``; return what was missing, empty when nothing was."""
    known = machines(described, json.loads(DEFAULTS.read_text()))
    # Whose pages there are, with which graphs and limits: when that changes, all are made again.
    who = [[one.folder, one.name, sorted(one.components)] for one in known]
    maker = Maker(folder, endpoint, known)
    made = _read(folder / "made.json")
    missing = ""
    for span in SPANS:
        when = Time(span, int(now - LATE) // span.step * span.step)
        last = made.get(span.name)
        last = last if isinstance(last, dict) else {}
        pause = min(span.pause, AGAIN) if last.get("missing") else span.pause
        is_old = not 0 <= now - last.get("at", 0.0) < pause
        if (last.get("end"), last.get("who")) == (when.end, who) and not is_old:
            continue
        why = maker.make(when, Moment(now, described["domain"]))
        made[span.name] = {"end": when.end, "who": who, "at": now, "missing": why}
        publish(folder / "made.json", json.dumps(made))
        missing = missing or why
    return missing


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class Maker:
    """Asks for figures, and writes pages."""

    def __init__(self, folder: Path, endpoint: str, known: Sequence[Machine]) -> None:
        """Take the folder of all of it, ``address:port`` of Prometheus, and all machines."""
        self._folder, self._endpoint, self._known = folder, endpoint, known
        self._deadline = time.monotonic() + BUDGET

    def make(self, when: Time, moment: Moment) -> str:
        """Ask for what is new in a span and write all of its pages; return what was missing."""
        found = {graph.name: self._kept(graph, when.span) for graph in catalogue.GRAPHS}
        events = Events(self._folder / "events.json")
        missing = ""
        try:
            complete = [self._refresh(graph, found[graph.name], when) for graph in catalogue.GRAPHS]
            events.refresh(self._endpoint, {one.name for one in self._known}, int(moment.made) - LATE, self._has_time)
            events.keep()
            missing = "" if all(complete) else CATCHING_UP
        except query.NoFigures as reason:
            missing = str(reason)
        self._write(when, found, events, Moment(moment.made, moment.domain, missing))
        return missing

    def _kept(self, graph: Graph, span: Span) -> Series:
        return Series(self._folder / "series" / span.name / f"{graph.name}.bin", span.points, span.step)

    def _has_time(self) -> bool:
        return time.monotonic() < self._deadline

    def _refresh(self, graph: Graph, series: Series, when: Time) -> bool:
        """Ask for the points that are missing, in pieces of a bounded cost; return whether all are there."""
        concerned = {one.name for one in self._known if not graph.component or graph.component in one.components}
        if not concerned:
            return True
        piece = max(1, query.POINTS // (len(graph.bands) * graph.most * len(concerned)))
        expression = catalogue.question(graph, when.span)
        asked = series.missing(when.end)
        while (missing := series.missing(when.end)) and self._has_time():
            begin, count = when.end - (missing - 1) * when.span.step, min(piece, missing)
            answer = query.over(self._endpoint, expression, begin, count, when.span.step)
            series.add(begin, count, dict(_keyed(graph, answer, concerned)))
        if missing < asked:
            series.forget_all_but(concerned)
            series.keep()
        return not missing

    def _write(self, when: Time, found: Mapping[str, Series], events: Events, moment: Moment) -> None:
        rows = {name: _by_machine(series, when) for name, series in found.items()}
        for machine in self._known:
            graphs = catalogue.of(machine.components)
            own = ((graph, _lists(rows[graph.name].get(machine.name, {}))) for graph in graphs)
            html, told = frame.page(machine, when, own, events.of.get(machine.name, ()), moment)
            place = self._folder / "pages" / machine.folder / frame.FOLDER / when.span.name
            publish(place / f"{machine.name}.html", html)
            publish(place / f"{machine.name}.json", json.dumps(told))


def _keyed(
    graph: Graph, answer: Iterable[tuple[query.Labels, list[float]]], concerned: set[str]
) -> Iterator[tuple[Key, list[float]]]:
    """Yield what belongs to a machine that is asked for, and is recorded of the graph."""
    lines = {line.name for line in graph.lines if line.name}
    for labels, row in answer:
        machine, line, band = (labels.get(name, "") for name in ("instance", "line", "band"))
        if machine in concerned and band in graph.bands and (line in lines or not lines):
            yield (machine, line, band), row


def _lists(rows: Rows) -> Rows:
    """Return the rows as lists, which are quicker to read and larger: of one machine at a time."""
    return {key: list(row) for key, row in rows.items()}


def _by_machine(series: Series, when: Time) -> dict[str, Rows]:
    """Return the rows of each machine, moved to where they belong when the newest points are missing."""
    late = series.missing(when.end)
    gaps = [query.GAP] * late
    result: dict[str, dict[tuple[str, str], Sequence[float]]] = {}
    for (machine, line, band), row in series.rows.items():
        result.setdefault(machine, {})[line, band] = [*row[late:], *gaps] if late else row
    return dict(result)
