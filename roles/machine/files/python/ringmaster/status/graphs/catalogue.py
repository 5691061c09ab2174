# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All graphs, once: what is drawn, of which machines, and which limits of checks stand in it.

Prometheus records each graph every five minutes for all machines together, under a name with colons, which no machine
can use. Every expression makes one series of a machine, or at most ``MOST`` of them that a label tells apart, and joins
only what it has summed up itself: whatever names, labels and values a machine answers, it spoils its own graphs only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ringmaster.status.graphs.kinds import STEP, Graph, Span
from ringmaster.status.graphs.of_components import MAILSERVER, MEMCACHED, MYSQL, POSTGRESQL, REDIS, WEBGATEWAY
from ringmaster.status.graphs.of_machines import HOST, SERVICE_USERS


def _with(component: str, graphs: Iterable[Graph]) -> Iterator[Graph]:
    return (replace(graph, component=component) for graph in graphs)


GRAPHS: tuple[Graph, ...] = (
    *HOST,
    *SERVICE_USERS,
    *_with("postgresql", POSTGRESQL),
    *_with("mysql", MYSQL),
    *_with("redis", REDIS),
    *_with("memcached", MEMCACHED),
    *_with("webgateway", WEBGATEWAY),
    *_with("mailserver", MAILSERVER),
)


def of(components: Mapping[str, Any]) -> list[Graph]:
    """Return the graphs of a machine with these components."""
    return [graph for graph in GRAPHS if not graph.component or graph.component in components]


def rules() -> dict[str, Any]:
    """Return what Prometheus records: a group for each graph, so that none waits for another or fails with it."""
    return {
        "groups": [
            {
                "name": f"graph {graph.name}",
                "interval": "5m",
                "rules": [
                    {
                        "record": graph.record,
                        "expr": f"{band}_over_time(({line.recorded})[5m:1m])",
                        "labels": {"band": band, **({"line": line.name} if line.name else {})},
                    }
                    for line in graph.lines
                    for band in graph.bands
                ],
            }
            for graph in GRAPHS
        ]
    }


def question(graph: Graph, span: Span) -> str:
    """Return the one expression that asks for a graph of all machines, each point of what was since the last one."""
    if span.step == STEP:
        return f"last_over_time({graph.record}[{STEP}s])"
    parts = [f'{band}_over_time({graph.record}{{band="{band}"}}[{span.step}s])' for band in graph.bands]
    return " or ".join(parts)
