# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Prometheus that answers questions about graphs with made-up figures, by real HTTP.

Called with a folder, it fills it with a whole site to be looked at: ``python graph_samples.py FOLDER``.
"""

from __future__ import annotations

import functools
import json
import math
import re
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import status_samples
from ringmaster.status import main
from ringmaster.status.graphs import make
from ringmaster.status.graphs.catalogue import GRAPHS
from ringmaster.status.graphs.kinds import BYTE_RATE, BYTES, DAY, HOUR, RATE, SECONDS, SHARE, Graph

BY_RECORD = {graph.record: graph for graph in GRAPHS}
NAMES = {
    "user": ("s-myapp", "s-jobs"),
    "datname": ("app", "shop", "postgres"),
    "code": ("2xx", "3xx", "4xx", "5xx"),
    "proxy": ("app", "static"),
    "status": ("sent", "deferred", "bounced"),
    "by": ("filter", "policy"),
}
HIGHEST = {SHARE: 0.8, BYTES: 3.2e9, BYTE_RATE: 6e6, RATE: 240.0, SECONDS: 0.4}
NOW = status_samples.NOW
BROKEN = (NOW - 9 * HOUR, NOW - 8.2 * HOUR)
"""When the machines did not answer."""

Answer = Callable[[str, list[int]], list[dict[str, Any]]]


@functools.cache
def wave(seed: int, moment: int) -> float:
    """Return a share: a day's wave, some noise, and a peak each night."""
    day = 0.5 - 0.5 * math.cos((moment % DAY - 3 * HOUR) / DAY * 2 * math.pi)
    noise = (math.sin(moment / 937 + seed) + math.sin(moment / 411 + 2 * seed) + math.sin(moment / 5003)) / 24
    night = 0.55 * math.exp(-(((moment % DAY - 2 * HOUR) / 1500) ** 2))
    return max(0.0, min(1.0, (0.12 + 0.45 * day * (1 + seed % 3) / 3 + noise + night)))


def series(
    graph: Graph, machine: str, moments: list[int], step: int
) -> Iterator[tuple[dict[str, str], dict[int, float]]]:
    """Yield labels and figures of a graph of one machine."""
    by = graph.lines[0].by
    for number, line in enumerate(NAMES[by] if by else [one.name for one in graph.lines]):
        seed = len(graph.name) % 3 + 5 * number + len(machine) % 3
        highest = HIGHEST.get(graph.unit, 40.0) / (1 + 2 * number)
        if graph.name in ("swap", "memory_waiting", "disk_waiting"):
            highest /= 20
        for band in graph.bands:
            scale = {"avg": 1.0, "min": 0.85, "max": 1.0 + 0.3 * min(1.0, step / HOUR)}[band]
            found = {at: scale * highest * wave(seed, at) for at in moments if not BROKEN[0] < at < BROKEN[1]}
            top = {SHARE: 1.0}.get(graph.unit, math.inf)
            yield (
                {"instance": machine, "band": band, **({"line": line} if line else {})},
                {at: min(top, figure) for at, figure in found.items()},
            )


def answered(machines: list[str]) -> Answer:
    """Return what answers questions about these machines."""

    def answer(query: str, moments: list[int]) -> list[dict[str, Any]]:
        found: list[tuple[dict[str, str], dict[int, float]]] = []
        step = moments[1] - moments[0] if len(moments) > 1 else 300
        for machine in machines:
            if match := re.search(r"ringmaster:graph_\w+:5m", query):
                found += series(BY_RECORD[match[0]], machine, moments, step)
            else:
                found += happened(query, machine, moments)
        return [
            {"metric": labels, "values": [[at, f"{figure:.10g}"] for at, figure in sorted(values.items())]}
            for labels, values in found
            if values
        ]

    return answer


def happened(query: str, machine: str, moments: list[int]) -> Iterator[tuple[dict[str, str], dict[int, float]]]:
    """Yield labels and figures of what happened."""
    labels = {"instance": machine}
    if "boot_time" in query:
        times = (NOW - 80 * DAY, NOW - 6 * DAY, BROKEN[1])
        yield labels, {at: next(one for one in reversed(times) if one <= at) for at in moments if at >= times[0]}
    elif "backup" in query:
        yield labels, {at: at - (at - 22.5 * HOUR) % DAY for at in moments}
    elif "converged" in query:
        for begin, end, commit in (
            (NOW - 30 * DAY, NOW - 4 * HOUR, "3f2c1d0a9b8e77"),
            (NOW - 4 * HOUR, NOW, "8be1f00dcafe11"),
        ):
            yield {**labels, "commit": commit}, {at: begin for at in moments if begin <= at < end}
    elif "maintenance" in query:
        yield labels, {at: 1.0 for at in moments if at % (7 * DAY) // HOUR == 3 or BROKEN[0] < at < BROKEN[1]}
    elif "ALERTS" in query:
        alert = {"alertname": "CheckCritical", "component": "redis", "check": "memory"}
        yield {**labels, **alert}, {at: 1.0 for at in moments if NOW - 16 * HOUR < at < NOW - 14 * HOUR}
        yield {**labels, "alertname": "MachineUnreachable"}, {at: 1.0 for at in moments if at % (20 * DAY) < 900}


class Prometheus:
    """A server of answers; ``asked`` are the questions with their moments, ``body`` replaces what is sent."""

    def __init__(self, answer: Answer) -> None:
        """Begin to answer on a port of loopback."""
        self.answer = answer
        self.asked: list[tuple[str, list[int]]] = []
        self.body: bytes | None = None
        own = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                begin, end, step = (int(form[name][0]) for name in ("start", "end", "step"))
                moments = list(range(begin, end + 1, step))
                own.asked.append((form["query"][0], moments))
                result = own.answer(form["query"][0], moments) if own.body is None else []
                data = {"status": "success", "data": {"resultType": "matrix", "result": result}}
                content = json.dumps(data).encode() if own.body is None else own.body
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_words: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def described() -> dict[str, Any]:
    """Return a description with a VM that has all components."""
    found = status_samples.described()
    names = ("postgresql", "mysql", "redis", "memcached", "webgateway", "mailserver")
    found["projects"][0]["vms"][0]["components"] = {name: {} for name in names}
    found["projects"][0]["vms"][0]["limits"] = {"monitoring_agent_disk_warning": 70}
    return found


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    prometheus = Prometheus(answered(["myapp00", "myapp01", "shop00", "hv0", "svc0"]))
    began = time.process_time()
    print(make.run(described(), place / make.FOLDER, prometheus.endpoint, NOW), time.process_time() - began)
    main.write(place, main.STATIC, status_samples.platform(place), NOW)
