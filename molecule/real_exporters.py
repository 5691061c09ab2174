# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs asked of real exporters: whether all that the catalogue names is there, by the expressions that are recorded.

A Prometheus of the test's own, with the role's configuration, reads a machine every second. So a name or a label that
an exporter does not have, or has no longer, is found where the exporter is.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from own_prometheus import configure
from ringmaster.status.graphs import catalogue
from ringmaster.status.graphs.kinds import Graph

ADDRESS = "127.0.0.1:9190"
Series = list[dict[str, Any]]
Ask = Callable[[str], Series]
"""Of an expression, what Prometheus answers now."""


def of_component(name: str) -> list[Graph]:
    """Return the graphs that a component has of its own."""
    return [graph for graph in catalogue.GRAPHS if graph.component == name]


def of_machines() -> list[Graph]:
    """Return the graphs that every machine has."""
    return [graph for graph in catalogue.GRAPHS if not graph.component]


@contextmanager
def prometheus(folder: Path, machine: Mapping[str, Any]) -> Iterator[Ask]:
    """Read all exporters of a machine, of which these are the host variables; yield a function that asks.

    Left out where this machine has no Prometheus: a controller needs none.
    """
    if not shutil.which("prometheus"):
        pytest.skip("no prometheus (Debian: prometheus)")
    configure(folder, [machine], 1)
    argv = ["prometheus", f"--config.file={folder}/prometheus/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*argv, f"--web.listen-address={ADDRESS}"], stdout=log, stderr=log)
        try:
            yield _ask
        finally:
            process.kill()
            process.wait()


def without_figures(graphs: Iterable[Graph], instance: str, ask: Ask, seconds: float = 60.0) -> list[str]:
    """Return each line of these graphs that has no figure of a machine, with what was asked; wait some seconds.

    A figure is a number that can be drawn. Where a label tells lines apart, each of them has a name.
    """
    missing = [(graph, line) for graph in graphs for line in graph.lines]
    assert missing, "there are no such graphs"
    end = time.monotonic() + seconds
    while missing and time.monotonic() < end:
        time.sleep(1)
        missing = [(graph, line) for graph, line in missing if not _is_drawn(ask(line.recorded), instance, line.by)]
    return [f"{graph.name} {line.name}: {line.recorded}" for graph, line in missing]


def _is_drawn(found: Series, instance: str, by: str) -> bool:
    own = [one for one in found if one["metric"].get("instance") == instance]
    named = [one for one in own if not by or one["metric"].get("line")]
    return bool(own) and named == own and all(math.isfinite(float(one["value"][1])) for one in own)


def _ask(expression: str) -> Series:
    query = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"http://{ADDRESS}/api/v1/query?{query}", timeout=10) as answer:
            return json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{expression}: {error.read().decode()}") from error
    except OSError:  # it is not up yet
        return []
