# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of graphs, one for each machine and span: ``graphs/<span>/<machine>.html`` in the machine's folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ringmaster.look.blocks import NOTHING, box, inner, table, text
from ringmaster.status import markup
from ringmaster.status.graphs import figures, units
from ringmaster.status.graphs.events import WORDS, Event
from ringmaster.status.graphs.figures import Rows
from ringmaster.status.graphs.kinds import SPANS, Graph, Time
from ringmaster.status.graphs.svg import SHAPES

FOLDER = "graphs"
SHEET = "graphs.css"
TOLD = 30
"""What happened last, one by one."""
FRESH = 3
"""So many times in a row a page may fail to be renewed before it says so."""


def links(machine: str, up: str, here: str = "") -> str:
    """Return links to the pages of all spans; the one ``here`` is none. ``up`` leads to the machine's own folder."""
    found = [
        f"<b>{text(span.title)}</b>"
        if span.name == here
        else f'<a href="{up}{FOLDER}/{span.name}/{text(machine)}.html">{text(span.title)}</a>'
        for span in SPANS
    ]
    return f"<p>{' · '.join(found)}</p>"


@dataclass(frozen=True)
class Machine:
    """One machine; ``project`` is empty for the platform's own. ``settings`` are what limits of checks come from."""

    name: str
    project: str
    components: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """Where its pages lie below the site."""
        return f"projects/{self.project}" if self.project else "all"

    def way(self) -> tuple[tuple[str, str], ...]:
        """Return the pages above its graphs."""
        if self.project:
            top = (("Platform", "../../../../"), ("Projects", "../../../../#projects"))
            return (*top, (self.project, "../../"), (self.name, f"../../{self.name}.html"))
        return (("Platform", "../../../"), ("All projects", "../../"), (self.name, f"../../#machine-{self.name}"))


@dataclass(frozen=True)
class Moment:
    """When a page is made, what is missing then, and the platform's domain."""

    made: float
    domain: str
    trouble: str = ""


def page(
    machine: Machine, time: Time, found: Iterable[tuple[Graph, Rows]], events: Sequence[Event], now: Moment
) -> tuple[str, dict[str, Any]]:
    """Return the page, and what programs read of it."""
    span, way = time.span, machine.way()
    since = [event for event in events if (event.begin if event.end is None else event.end) >= time.first]
    groups: dict[tuple[str, str], list[str]] = {}
    told: dict[str, Any] = {
        "machine": machine.name,
        "span": span.name,
        "end": time.end,
        "trouble": now.trouble,
        "graphs": {},
    }
    for graph, rows in found:
        html, told["graphs"][graph.name] = figures.figure(graph, time, rows, machine.settings, since)
        groups.setdefault(_group(graph), []).append(html)
    told["events"] = [{"kind": one.kind, "begin": one.begin, "end": one.end, "words": one.words} for one in since]
    content = links(machine.name, "../../", span.name)
    for (identifier, title), drawings in groups.items():
        content += box(identifier, title, inner(f'<div class="graphs">{"".join(drawings)}</div>'))
    content += box("events", "What happened", _events(since))
    return (
        markup.page(
            f"{machine.name}, {span.title}",
            content,
            {"domain": now.domain, "trouble": now.trouble, "state": ""},
            now.made,
            way=way,
            twin=f"{machine.name}.json",
            fresh=FRESH * span.pause // 60,
            refresh=span.pause,
            sheets=(SHEET,),
        ),
        told,
    )


def _group(graph: Graph) -> tuple[str, str]:
    if graph.component:
        return graph.component, graph.title.partition(":")[0]
    return ("users", "Service users") if graph.name.startswith("users_") else ("machine", "Machine")


def _events(events: Sequence[Event]) -> str:
    """Say what the marks are, and list what happened, the newest first."""
    keys = "".join(f'<li class="{kind}">{_shape(kind)} {text(word)}</li>' for kind, word in WORDS.items())
    lines = [
        (text(units.minute(event.begin)), text(WORDS[event.kind]), text(event.words) or NOTHING, _length(event))
        for event in sorted(events, key=lambda event: -event.begin)[:TOLD]
    ]
    more = f"<p>The {TOLD} newest of {len(events)}.</p>" if len(events) > TOLD else ""
    nothing = "<p>Nothing that would be marked in the graphs.</p>"
    listed = table("What happened", ("When", "What", "Which", "How long"), lines) if lines else nothing
    return inner(f'<ul class="legend marks">{keys}</ul>{listed}{more}')


def _shape(kind: str) -> str:
    return (
        f'<svg class="key" viewBox="0 0 12 12" aria-hidden="true">'
        f'<path class="mark {kind}" d="{SHAPES[kind].format(x=6, y=6)}"/></svg>'
    )


def _length(event: Event) -> str:
    if event.end is None:
        return NOTHING
    minutes = round((event.end - event.begin) / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"
