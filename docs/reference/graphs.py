# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of all graphs, the rules by which Prometheus records them, and the limits of checks that stand in them."""

from __future__ import annotations

import json
from pathlib import Path

import tables
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from ringmaster.status.graphs import catalogue
from ringmaster.status.graphs.events import WORDS
from ringmaster.status.graphs.kinds import BYTE_RATE, BYTES, COUNT, MOST, RATE, SECONDS, SHARE, SPANS, Graph

ROLES = Path(__file__).resolve().parents[2] / "roles"
PAGE = "graphs.md"
RULES = "roles/monitoring/files/graphs.rules.yml"
CATALOGUE = "../../roles/machine/files/python/ringmaster/status/graphs/catalogue.py"
LIMITS = "roles/machine/files/python/ringmaster/status/graphs/limits.json"
UNITS = {SHARE: "%", BYTES: "bytes", BYTE_RATE: "bytes a second", RATE: "a second", COUNT: "number", SECONDS: "seconds"}
PARTED = {
    "user": "service user",
    "datname": "database",
    "code": "class of status",
    "proxy": "backend",
    "status": "outcome",
    "by": "who refuses",
}
"""What a label parts that has lines of its own."""
HEAD = """<!-- Made by docs/reference/generate: changes made here will be overwritten. -->
# Graphs

Each VM has a page of graphs, for each of {spans}; the VM's own page links to them.
Hypervisors and service machines have them as well, linked from the operators' page.
They need no script and are also in the copy elsewhere.

- A single line stands in a **band** from the lowest to the highest value, so that a short peak is seen in a long span.
- A **gap** is a time without figures.
- A **limit** of a check is drawn from the same setting; one far above all figures stands in the legend only.
- **Marks** are what happened: {events}.
  Each says what it was when you point at it; the list below the graphs says the same.
- Each graph has a **table** that says the same, and each page a twin in JSON (`.json` instead of `.html`).

Prometheus records each graph every five minutes under the name in the last column.
Its [rules](../../{rules}) are made from the [catalogue]({catalogue}), and so is this page.
"""


class Indented(yaml.SafeDumper):
    """Writes lists as the other files of the house have them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Put the items of a list below its name."""
        super().increase_indent(flow, indentless=False)


def page() -> str:
    """Return the page."""
    groups: dict[str, list[Graph]] = {}
    for graph in catalogue.GRAPHS:
        groups.setdefault(graph.component, []).append(graph)
    spans, events = ", ".join(span.title for span in SPANS), ", ".join(WORDS.values()).lower()
    text = HEAD.format(spans=spans, events=events, rules=RULES, catalogue=CATALOGUE)
    for component, graphs in groups.items():
        rows = (
            (
                graph.title.rpartition(": ")[2].capitalize() if component else graph.title,
                UNITS[graph.unit],
                _lines(graph),
                f"`{graph.check}`" if graph.check else "",
                graph.about,
                f"`{graph.record}`",
            )
            for graph in graphs
        )
        title = COMPONENTS[component].title if component else "Every VM"
        text += f"\n## {title}\n\n" + tables.table(
            ("graph", "unit", "lines", "limits of", "what it says", "recorded as"), rows
        )
    return text


def _lines(graph: Graph) -> str:
    if graph.is_single:
        return "one, with a band"
    named = [line.name for line in graph.lines if line.name]
    return ", ".join(named) if named else f"one for each {PARTED[graph.lines[0].by]}, {MOST} at most"


def rules() -> str:
    """Return the file of rules."""
    head = "# Made by docs/reference/generate from the catalogue of graphs: changes made here will be overwritten.\n"
    head += "# Expressions are as Prometheus shows them, each in one line.\n# yamllint disable rule:line-length\n---\n"
    return head + yaml.dump(catalogue.rules(), Dumper=Indented, sort_keys=False, width=1000)


def limits() -> str:
    """Return what limits are where nobody sets other ones: the defaults of the roles whose checks they are."""
    defaults: dict[str, object] = {}
    for path in sorted(ROLES.glob("*/defaults/main.yml")):
        defaults |= yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    wanted = sorted({limit.variable for graph in catalogue.GRAPHS for limit in graph.limits})
    return json.dumps({name: defaults[name] for name in wanted}, indent=1) + "\n"
