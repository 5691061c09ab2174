# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs from end to end: exporters have what is drawn, Prometheus records it, and the pages show it.

Components owe their own graphs by their contract; here Redis stands for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import real_exporters
from ringmaster.status.graphs import catalogue
from ringmaster.status.graphs.kinds import Graph
from testinfra.host import Host

SITE = "/var/lib/ringmaster-status/site"
#: No backups are made in this scenario; that of backups looks at theirs.
NOT_HERE = {"backup"}
SERVICE_USERS = {graph.name for graph in catalogue.SERVICE_USERS}


@pytest.fixture(scope="module")
def ask(machine: Callable[[str], Host]) -> real_exporters.Ask:
    """Return a function that asks the platform's Prometheus."""
    server = machine("svc0")

    def query(expression: str) -> real_exporters.Series:
        command = "curl -sfG --data-urlencode %s http://127.0.0.1:9090/api/v1/query"
        return json.loads(server.check_output(command, f"query={expression}"))["data"]["result"]

    return query


def wanted(machine: str) -> list[Graph]:
    """Return the graphs that shall have figures of a machine."""
    found = [graph for graph in real_exporters.of_machines() if graph.name not in NOT_HERE]
    if machine == "svc0":
        return [graph for graph in found if graph.name not in SERVICE_USERS]
    return [*found, *real_exporters.of_component("redis")] if machine == "mon00" else found


@pytest.mark.parametrize("machine_name", ["mon00", "mon01", "svc0"])
def test_exporters_have_all_that_is_drawn(machine_name: str, ask: real_exporters.Ask) -> None:
    assert real_exporters.without_figures(wanted(machine_name), machine_name, ask, 120) == []


def test_each_graph_is_recorded_of_each_machine(ask: real_exporters.Ask, eventually: Callable[..., None]) -> None:
    owed = {
        (graph.record, name, band)
        for name in ("mon00", "mon01", "svc0")
        for graph in wanted(name)
        for band in graph.bands
    }

    def missing() -> set[tuple[str, str, str]]:
        found = ask('count by (__name__, instance, band) ({__name__=~"ringmaster:graph_.*"})')
        return owed - {tuple(one["metric"][label] for label in ("__name__", "instance", "band")) for one in found}

    eventually(lambda: not missing(), 400)


def test_their_pages_show_it(machine: Callable[[str], Host], eventually: Callable[..., None]) -> None:
    """As timers make them; those of the platform's machines are linked from the operators' page."""
    server = machine("svc0")
    assert server.check_output("systemctl is-active ringmaster-graphs.timer") == "active"

    def missing() -> set[str]:
        found = set()
        for name, place in (("svc0", "all"), ("mon00", "projects/mon")):
            told = json.loads(server.check_output(f"cat {SITE}/{place}/graphs/24h/{name}.json"))
            assert told["trouble"] == ""
            found |= {f"{graph.name} of {name}" for graph in wanted(name) if not told["graphs"][graph.name]["rows"]}
        return found

    eventually(lambda: not missing(), 400)
    assert 'href="graphs/24h/svc0.html"' in server.check_output(f"cat {SITE}/all/index.html")
