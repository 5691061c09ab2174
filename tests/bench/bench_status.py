#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all status pages of many VMs cost, with graphs: seconds of the processor a minute, and how large pages are.

``tests/bench/bench_status.py [VMS]`` fills a real Prometheus with what it would have recorded, and runs the program as
its timers do: with what is due each time, every five or ten minutes, every hour. Machines answer from a process of
their own; neither theirs nor Prometheus's time counts as the program's. Beside it, rrdtool draws as many graphs of a
day from databases that are full.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "roles/machine/files/python"
sys.path[:0] = [str(PROGRAM), str(ROOT / "tests/unit/ringmaster/status")]

import large_samples  # noqa: E402
import status_samples  # noqa: E402
from ringmaster.status import history  # noqa: E402
from ringmaster.status.graphs import catalogue, events, make  # noqa: E402
from ringmaster.status.graphs.kinds import DAY, HOUR, MINUTE, SPANS, STEP, Graph  # noqa: E402
from ringmaster.status.graphs.store import Series  # noqa: E402

VMS = 1000
PER_PROJECT = 20
KINDS: tuple[dict[str, Any], ...] = ({}, {"redis": {}}, {"postgresql": {}}, {"webgateway": {}})
NAMES = ("first", "second", "third")
"""Of the lines that a label tells apart."""
CALL = "import sys; from ringmaster.status import main; sys.exit(main.main())"
DRAWN = 400
"""Graphs of rrdtool."""
WAVES = 127
"""Different figures, so that no graph of a page is like another."""
BANDS = ("avg", "min", "max")
GOAL, LARGEST_KIB = 10.0, 60


def described(vms: int, endpoint: str) -> dict[str, Any]:
    """Return a platform of projects of twenty."""
    found = [
        status_samples.vm(f"shop{number:04}", 1, components=KINDS[number % len(KINDS)], results=endpoint)
        for number in range(vms)
    ]
    projects = [
        large_samples.project(f"p{number}", "A project", found[number : number + PER_PROJECT])
        for number in range(0, vms, PER_PROJECT)
    ]
    own = {"hypervisor": False, "services": ["monitoring", "status"], "results": endpoint}
    return {**large_samples.described(), "projects": projects, "machines": [{"name": "svc0", **own}]}


class Answers(socketserver.StreamRequestHandler):
    """A machine that hands out its results."""

    content = b""

    def handle(self) -> None:
        """Answer one question."""
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(self.content), self.content))


class Machines(socketserver.ThreadingTCPServer):
    """All of them, at one address."""

    allow_reuse_address = True
    request_queue_size = 1024
    daemon_threads = True


def answer(server: Machines) -> None:
    """Answer until the process ends."""
    checks = [*large_samples.EVERYWHERE, *large_samples.REDIS]
    now = time.time()
    told = [{**one, "since": now - (status_samples.NOW - one["since"])} for one in checks]
    # The time is that of the run: results that are old are worth less.
    Answers.content = json.dumps({"format": 1, "time": now + HOUR / 4, "checks": told, "planned": []}).encode()
    server.serve_forever()


def lines_of(graph: Graph) -> tuple[str, ...]:
    """Return names of its lines."""
    return NAMES if graph.lines[0].by else tuple(line.name for line in graph.lines)


def value(number: int, moment: float, band: str) -> float:
    """Return a share: a wave of a day with noise that no compression foresees."""
    noise = hash((number, moment)) % 997 / 5000 + math.sin(moment / 937 + number) / 12
    return (0.4 + noise + 0.25 * math.sin(moment / 13750 + number)) * {"avg": 0.9, "min": 0.8, "max": 1.0}[band]


def recorded(machines: list[make.Machine], begin: int, end: int) -> Iterator[str]:
    """Yield what Prometheus would have recorded of graphs, as OpenMetrics."""
    for graph in catalogue.GRAPHS:
        yield f"# TYPE {graph.record} gauge\n"
        for number, machine in enumerate(machines):
            if graph.component and graph.component not in machine.components:
                continue
            for line in lines_of(graph):
                named = f',line="{line}"' if line else ""
                for band in graph.bands:
                    labels = f'{{instance="{machine.name}",band="{band}"{named}}}'
                    for moment in range(begin, end, STEP):
                        yield f"{graph.record}{labels} {value(number, moment, band):.6g} {moment}\n"


def measured(machines: list[make.Machine], end: int) -> Iterator[str]:
    """Yield what the small curves of a day are made of, and what probes say."""
    kinds = {
        "node_cpu_seconds": ("counter", 'cpu="0",mode="idle"', 0.6),
        "node_network_receive_bytes": ("counter", 'device="ethsrv"', 9e4),
        "node_network_transmit_bytes": ("counter", 'device="ethsrv"', 9e4),
        "node_memory_MemAvailable_bytes": ("gauge", "", 1e9),
        "node_memory_MemTotal_bytes": ("gauge", "", 2e9),
        "node_filesystem_avail_bytes": ("gauge", 'mountpoint="/"', 1e9),
        "node_filesystem_size_bytes": ("gauge", 'mountpoint="/"', 3e9),
        "ringmaster_check_status": ("gauge", 'component="host",check="disk"', 0),
        "ringmaster:available": ("gauge", "", 1),
        "probe_success": ("gauge", 'job="ssh"', 1),
    }
    for name, (kind, labels, size) in kinds.items():
        yield f"# TYPE {name} {kind}\n"
        for machine in machines:
            own = f'instance="{machine.name}"{"," if labels else ""}{labels}'
            step = 450 if kind == "counter" else 2 * MINUTE if name == "probe_success" else 900
            begin = end - (HOUR if name == "probe_success" else DAY + HOUR)
            for moment in range(begin, end, step):
                shown = size * (moment - begin) if kind == "counter" else size * (1 if moment % 1800 else 0.97)
                yield f"{name}{'_total' if kind == 'counter' else ''}{{{own}}} {shown:g} {moment}\n"


def store(machines: list[make.Machine], folder: Path, now: int) -> None:
    """Fill what was asked for before: all but the newest point of each span."""
    for span in SPANS:
        end = (now - make.LATE) // span.step * span.step
        waves = [
            {band: [value(number, end - span.step * n, band) for n in range(span.points, 0, -1)] for band in BANDS}
            for number in range(WAVES)
        ]
        for place, graph in enumerate(catalogue.GRAPHS):
            rows = {
                (machine.name, line, band): waves[(number + 3 * place + len(line)) % WAVES][band]
                for number, machine in enumerate(machines)
                if not graph.component or graph.component in machine.components
                for line in lines_of(graph)
                for band in graph.bands
            }
            if rows:
                series = Series(folder / f"series/{span.name}/{graph.name}.bin", span.points, span.step)
                series.add(end - span.points * span.step, span.points, rows)
                series.keep()
    asked = dict.fromkeys(events.QUESTIONS, now - now % STEP - STEP)
    happened = {
        machine.name: [
            {"kind": kind, "begin": now - hours * HOUR, "end": None, "words": ""}
            for kind, hours in (("restart", 9), ("backup", 5), ("backup", 29), ("change", 30))
        ]
        for machine in machines
    }
    (folder / "events.json").write_text(json.dumps({"asked": asked, "events": happened}))


class Prometheus:
    """A real one, with blocks that promtool made."""

    def __init__(self, folder: Path, machines: list[make.Machine], now: int) -> None:
        """Make the blocks and begin to answer."""
        begin = now - now % STEP - 2 * HOUR
        for name, lines in (
            ("recorded", recorded(machines, begin, now + HOUR // 2)),
            ("measured", measured(machines, now + HOUR // 2)),
        ):
            source = folder / f"{name}.txt"
            with source.open("w") as file:
                file.writelines(lines)
                file.write("# EOF\n")
            made = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(source), str(folder / "data")]
            subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
            source.unlink()
        (folder / "prometheus.yml").write_text("scrape_configs: []\n")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        argv = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        argv += [f"--web.listen-address={self.address}", "--storage.tsdb.retention.time=200d", "--log.level=error"]
        self.process = subprocess.Popen(argv)
        while not self.figures():
            time.sleep(0.2)

    def figures(self) -> dict[str, float]:
        """Return how many questions it was asked, and its seconds of the processor; nothing while it begins."""
        try:
            urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5).close()
            with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except (urllib.error.URLError, TimeoutError):
            return {}
        asked = [
            line for line in lines if line.startswith("prometheus_http_requests_total") and "/api/v1/query" in line
        ]
        (spent,) = (line for line in lines if line.startswith("process_cpu_seconds_total"))
        return {"asked": sum(float(line.split()[1]) for line in asked), "spent": float(spent.split()[1])}


def processor(argv: list[str], text: str = "") -> float:
    """Run a program; return its seconds of the processor."""
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(PROGRAM)}
    )
    assert process.stdin is not None
    process.stdin.write(text.encode())
    process.stdin.close()
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{argv[-1]} failed")
    return used.ru_utime + used.ru_stime


class Bench:
    """The program with its folder, and what of it is due."""

    def __init__(self, folder: Path, vms: int) -> None:
        """Bring up all that it asks, as of now."""
        self.folder, self.now = folder, int(time.time())
        server = Machines(("127.0.0.1", 0), Answers)
        self.answers = multiprocessing.Process(target=answer, args=(server,), daemon=True)
        self.answers.start()
        of = described(vms, f"127.0.0.1:{server.server_address[1]}")
        (folder / "platform.json").write_text(json.dumps(of))
        self.machines = make.machines(of, json.loads(make.DEFAULTS.read_text()))
        self.prometheus = Prometheus(folder, self.machines, self.now)
        store(self.machines, folder / "before", self.now)

    def run(self, what: str, *due: str) -> tuple[float, float, float]:
        """Return seconds of the program, of Prometheus, and questions; only what is ``due`` is asked for."""
        site = self.folder / "site"
        if what == "graphs":
            made = make._read(site / "graphs/made.json")
            for span in SPANS:
                if span.name in due:
                    made.pop(span.name, None)
                    series = f"series/{span.name}"
                    shutil.copytree(self.folder / "before" / series, site / "graphs" / series, dirs_exist_ok=True)
                else:
                    now = time.time()
                    end = int(now - make.LATE) // span.step * span.step
                    made[span.name] = {**made[span.name], "end": end, "at": now, "missing": ""}
            (site / "graphs").mkdir(parents=True, exist_ok=True)
            (site / "graphs/made.json").write_text(json.dumps(made))
            if due:
                shutil.copy(self.folder / "before/events.json", site / "graphs/events.json")
        elif (site / "history.json").exists():
            kept = json.loads((site / "history.json").read_text())
            kept["asked"] = {
                name: 0 if name in due else moment for name in ("curves", *history.SPANS) for moment in (time.time(),)
            } | {f"{name}, first": 1 for name in ("curves", *history.SPANS)}
            (site / "history.json").write_text(json.dumps(kept))
        before = self.prometheus.figures()
        argv = [sys.executable, "-c", CALL, what, f"--description={self.folder}/platform.json", f"--folder={site}"]
        spent = processor([*argv, f"--prometheus=http://{self.prometheus.address}"])
        after = self.prometheus.figures()
        return spent, after["spent"] - before["spent"], after["asked"] - before["asked"]

    def pages(self) -> list[tuple[int, Path]]:
        """Return compressed size and path of all pages, the largest first."""
        found = (self.folder / "site/site").rglob("*.html")
        return sorted(((len(zlib.compress(path.read_bytes(), 6)), path) for path in found), reverse=True)

    def stop(self) -> None:
        """End everything."""
        self.answers.terminate()
        self.prometheus.process.kill()
        self.prometheus.process.wait()


def of_rrdtool(folder: Path) -> float:
    """Return seconds that rrdtool takes for one graph of a day with a band, all of them in one process."""
    begin = int(time.time()) // STEP * STEP - DAY
    kinds = [f"DS:{band}:GAUGE:600:U:U" for band in BANDS]
    source = folder / "graph.rrd"
    subprocess.run(
        ["rrdtool", "create", source, f"--start={begin}", f"--step={STEP}", *kinds, "RRA:AVERAGE:0.5:1:300"], check=True
    )
    moments = range(begin + STEP, begin + DAY, STEP)
    rows = [f"{at}:" + ":".join(f"{value(1, at, band):.6g}" for band in BANDS) for at in moments]
    subprocess.run(["rrdtool", "update", source, *rows], check=True)
    given = " ".join(f"DEF:{band}={source}:{band}:AVERAGE" for band in BANDS)
    drawn = "AREA:max#80a0ff40 AREA:min#ffffff LINE1:avg#1a5bb8 HRULE:0.9#8a5700 GPRINT:avg:LAST:%.2lf"
    shape = f"--imgformat SVG --width 312 --height 100 --start {begin} --end {begin + DAY}"
    ask = f"graph {folder}/graph.svg {shape} {given} {drawn}\n"
    return (processor(["rrdtool", "-"], ask * DRAWN) - processor(["rrdtool", "-"], ask)) / (DRAWN - 1)


def main() -> None:
    """Print a table."""
    vms = int(sys.argv[1]) if len(sys.argv) > 1 else VMS
    folder = Path(tempfile.mkdtemp(prefix="ringmaster-status-"))
    bench = Bench(folder, vms)
    try:
        bench.run("graphs", *(span.name for span in SPANS))
        bench.run("pages")
        # What, how often in a minute, kind, and what is due; what comes with something else counts beyond it.
        rows = [
            ("pages of states", 2.0, "pages", ()),
            ("curves of a day, availability of a day", 1 / 10, "pages", ("curves", "24 h")),
            ("availability of longer times", 1 / 60, "pages", ("7 days", "30 days", "90 days")),
            ("no graphs, nothing is due", 1.0, "graphs", ()),
            *((f"graphs of {span.title}", MINUTE / span.pause, "graphs", (span.name,)) for span in SPANS),
        ]
        usual: dict[str, float] = {}
        total = 0.0
        print(f"| {vms} VMs | seconds | of Prometheus | questions | a minute | seconds a minute |")
        print("|---|---|---|---|---|---|")
        for title, often, what, due in rows:
            spent, theirs, asked = bench.run(what, *due)
            own = spent - usual.setdefault(what, 0.0)
            usual[what] = usual[what] or spent
            total += own * often
            print(f"| {title} | {own:.2f} | {theirs:.2f} | {asked:.0f} | {often:.3g} | {own * often:.2f} |", flush=True)
        print(f"| all of it | | | | | {total:.2f} (the goal is {GOAL:.0f}) |")
        sizes = bench.pages()
        print(f"{len(sizes)} pages, compressed: the largest are (the goal is {LARGEST_KIB} KiB)")
        for size, path in sizes[:1] + [one for one in sizes if "/graphs/" in str(one[1])][:1]:
            print(f"{size / 1024:.1f} KiB  {path.relative_to(folder / 'site/site')}")
        if shutil.which("rrdtool"):
            graphs = sum(len(catalogue.of(machine.components)) for machine in bench.machines)
            print(f"{graphs} graphs of a day by rrdtool: {graphs * of_rrdtool(folder):.1f} s")
    finally:
        bench.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
