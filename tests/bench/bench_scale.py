#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal with 10,000 VMs on 100 hypervisors, in 500 projects with 2,000 people; no machine is touched.

  tests/bench/bench_scale.py [--vms 10000] [--parts validate,order,...] [--visited 200] [--trips 40] [--slices 2]

Each part is a process of its own with a limit in time, so that one that fails or hangs costs its own row. Before each,
an empty play with a trivial inventory of the same hosts is measured as a yardstick: divide by it to compare rows that
were taken at other times. Beside what was measured stands what the model of docs/growing.md reckons: a reading of the
inventory, and for each task of each host that took part what one such task takes (part ``learn``).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/bench"), str(ROOT / "collections")]

import large_platform  # noqa: E402
import on_test_driver  # noqa: E402
import stubs  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.filter.vm_spec import FilterModule  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import (  # noqa: E402
    allocation,
    cache,
    convergence,
    description,
    operations,
    slices,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import moves  # noqa: E402
from peers_of_inventory import machine, write_peers  # noqa: E402
from stubs import Stage, Took  # noqa: E402

PLAYBOOKS = ROOT / "playbooks"
MODEL_VMS, MODEL_TRIPS, MODEL_CORES = 10_000, 40, 16
QUIET = {1_000: 1.03, 10_000: 3.54}
"""Seconds of the yardstick by VMs, on the machine of docs/measurements.md while it was quiet."""
DIGEST = 0.0005
"""Seconds that the study reckoned for the digest of a VM, at most."""
SMALL = {"memory_mib": 64, "memory_max_mib": 64, "seed": {}}
"""What VMs on libvirt's test driver have, which takes memory for them; it makes no ISO images."""
NOTHING = "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: []\n"
PLAY = '- hosts: "{{ visited }}"\n  gather_facts: false\n  tasks:\n'
ONE = (
    "- hosts: shopaaa00\n  connection: local\n  gather_facts: false\n  tasks:\n    - ansible.builtin.debug: {msg: x}\n"
)
TASK = re.compile(r"^(ok|changed|skipping): \[([^] ]+)", re.MULTILINE)


class Bench:
    """One part: its stage, what it was asked for, and what earlier parts have kept for it."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Look at what is there."""
        self.asked = options
        self.stage = Stage(options.folder)
        self.yardstick = 0.0

    def keep(self, **more: Any) -> None:
        """Keep something for later parts."""
        (self.asked.folder / "kept.json").write_text(json.dumps({**self.kept(), **more}))

    def kept(self) -> dict[str, Any]:
        """Return what was kept."""
        file = self.asked.folder / "kept.json"
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return found

    def play(self, name: str, text: str) -> Path:
        """Write a playbook."""
        (self.asked.folder / f"{name}.yml").write_text(text)
        return self.asked.folder / f"{name}.yml"

    def peer(self, kind: str, *arguments: str, program: str = "ansible-playbook") -> Took:
        """Run a program with the inventory of ours (warm or cold), or of the trivial plugin."""
        peers = self.asked.folder / "peers"
        source = peers / f"{kind}.yml" if kind == "trivial" else self.stage.source
        environment = {
            **self.stage.environment(),
            "ANSIBLE_INVENTORY_PLUGINS": f"{ROOT / 'inventory_plugins'}:{peers}",
            "ANSIBLE_INVENTORY_ENABLED": "ringmaster.hosting.platform,trivial",
            "RINGMASTER_CACHE_DIRECTORY": str(self.stage.folder / "cache") if kind != "cold" else "",
        }
        argv = [str(ROOT / ".venv/bin" / program), "-i", str(source), *arguments]
        took, text, code = stubs.measured(argv, environment, 300)
        if code:
            raise RuntimeError(f"{argv} failed:\n{text[-2000:]}")
        return took

    def measure_yardstick(self) -> None:
        """Measure what rows are compared with."""
        self.yardstick = self.peer("trivial", str(self.play("one", ONE))).cpu

    def quietly(self, seconds: float) -> float:
        """Return how many seconds it would be on the quiet machine; the same where nobody has measured there."""
        return (
            seconds * QUIET[self.asked.vms] / self.yardstick if self.asked.vms in QUIET and self.yardstick else seconds
        )

    def row(self, title: str, took: Took, model: float | None = None, remark: str = "") -> None:
        """Print a row of the table."""
        quiet = f"{self.quietly(took.cpu):.1f}"
        beside = "" if model is None else f"{model:.1f} ({100 * (model / took.cpu - 1):+.0f} %)"
        print(
            f"| {title} | {took.cpu:.1f} | {quiet} | {took.wall:.0f} | {took.mib:.0f} | {beside} | {remark} |",
            flush=True,
        )

    def task(self, what: str = "ok") -> float:
        """Return what one task of one host took where it was learnt, in seconds of now."""
        return float(self.kept().get("skipped" if what == "skipping" else "task", 0)) * self.yardstick

    def tasks(self, found: Sequence[tuple[str, str]]) -> float:
        """Return what tasks of hosts take by the model."""
        return sum(self.task(what) for what, _host in found)

    def reading(self, *, cold: bool = False) -> Took:
        """Return what an empty play with the whole inventory takes."""
        return self.peer("cold" if cold else "warm", str(self.play("nothing", NOTHING)))


def here(what: Callable[[], object]) -> Took:
    """Return what a call in this process takes."""
    cpu, wall = time.process_time(), time.monotonic()
    what()
    return Took(
        time.process_time() - cpu, time.monotonic() - wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )


def prepare(bench: Bench) -> None:
    """Write the platform, allocate it, and keep what the parts ask of it."""
    stubs.write(bench.asked.folder, bench.asked.vms, bench.asked.everywhere)
    took = here(lambda: operations.allocate(bench.stage.options))
    data = cache.resolve(bench.stage.options, bench.asked.folder / "cache")
    write_peers(bench.asked.folder / "peers", data, ("trivial",))
    vms = data["groups"]["vms"]["hosts"]
    known = [(name, {**data["hosts"][name], "inventory_hostname": name}) for name in vms]
    bench.keep(
        vms=[[name, own["ringmaster_project"], own["ringmaster_hypervisor"]] for name, own in known],
        wanted={name: convergence.wanted({**own, "platform_secret": stubs.SECRET}) for name, own in known},
    )
    bench.measure_yardstick()
    bench.row("allocate all", took)


def learn(bench: Bench) -> None:
    """Learn what one task of one host takes, with the whole inventory and with a part of it."""
    names = [name for name, *_more in bench.kept()["vms"][:10]]
    play = bench.play("learn", PLAY + "    - ansible.builtin.ping:\n" * 10)
    words = ("-e", json.dumps({"visited": names}))
    only = sorted({project for name, project, _hv in bench.kept()["vms"] if name in names})
    bench.reading()  # so that the cache is warm
    for title, key, part in (("whole", "task", []), ("part", "task_of_part", only)):
        floor, _text = bench.stage.run(bench.play("nothing", NOTHING), only=part)
        took, _text = bench.stage.run(play, *words, only=part)
        each = (took.cpu - floor.cpu) / (len(names) * 10)
        bench.keep(**{key: each / bench.yardstick, f"floor_{key}": floor.cpu / bench.yardstick})
        bench.row(f"an empty play, {title} of the inventory", floor)
        bench.row(f"10 VMs, 10 round trips, {title} of the inventory", took, None, f"{1000 * each:.0f} ms a host-task")
        if key == "task":
            skipped = bench.play("skip", PLAY + "    - ansible.builtin.ping:\n      when: visited | length == 0\n" * 10)
            took, _text = bench.stage.run(skipped, *words)
            each = (took.cpu - floor.cpu) / (len(names) * 10)
            bench.keep(skipped=each / bench.yardstick)
            bench.row("the same, skipped", took, None, f"{1000 * each:.0f} ms a host-task")


def validate(bench: Bench) -> None:
    """Measure validate.yml."""
    bench.row("validate.yml", bench.stage.run(PLAYBOOKS / "validate.yml")[0], None, "goal 8 s")


def inventory(bench: Bench) -> None:
    """Compare the inventory, cold, with the trivial plugin."""
    one = str(bench.play("one", ONE))
    for title, goal, program, arguments in (
        ("one host", 1.4, "ansible-playbook", (one,)),
        ("ansible-inventory --list", 1.15, "ansible-inventory", ("--list",)),
    ):
        found = [
            {kind: bench.peer(kind, *arguments, program=program) for kind in ("trivial", "warm", "cold")}
            for _time in range(bench.asked.runs)
        ]
        best = {kind: min((one[kind] for one in found), key=lambda took: took.cpu) for kind in found[0]}
        for kind, took in best.items():
            ratio = took.cpu / best["trivial"].cpu
            bench.row(f"{title}, {kind}", took, None, f"{ratio:.2f}" + (f", goal {goal}" if kind == "cold" else ""))


def order(bench: Bench) -> None:
    """Order a VM, with the plays that make it."""
    warm, cold = bench.reading(), bench.reading(cold=True)
    words = ("-e", "project=shopaaa", *bench.stage.image())
    for title, more in (("up to the description", ("-e", "stop_after=description")), ("with its plays", ())):
        took, text = bench.stage.run(PLAYBOOKS / "order_vm.yml", *words, *more)
        tasks = TASK.findall(text)
        beyond = took.cpu - warm.cpu - cold.cpu
        bench.row(
            f"order_vm, {title}",
            took,
            warm.cpu + cold.cpu + bench.tasks(tasks),
            f"{beyond:.1f} ({bench.quietly(beyond):.1f} quiet) beyond readings, {len(tasks)} tasks; goal 10",
        )
        warm = bench.reading()  # the next begins with what this one has read


def revoke(bench: Bench) -> None:
    """Revoke a key of somebody who is in several projects."""
    concerned = bench.asked.everywhere * large_platform.VMS_PER_PROJECT
    readings = bench.reading().cpu + bench.reading(cold=True).cpu
    key = large_platform.key("one")
    took, text = bench.stage.run(
        PLAYBOOKS / "revoke_key.yml", "-e", json.dumps({"user": stubs.EVERYWHERE, "ssh_key": key})
    )
    tasks = TASK.findall(text)
    visited = len({host for _what, host in tasks} - {"localhost", "svc0"})
    each = len(tasks) / max(1, visited)
    everywhere = bench.asked.vms * bench.tasks(tasks) / max(1, visited) / MODEL_CORES
    bench.row(
        f"revoke_key on {visited} VMs (of {concerned})",
        took,
        readings + bench.tasks(tasks),
        f"{each:.1f} tasks a VM; by the model on all {bench.asked.vms:,}: {everywhere:.0f} s of {MODEL_CORES} cores",
    )


def gate(bench: Bench) -> None:
    """Find who is behind: all by one answer of monitoring, in which two of a hundred say something else."""
    found = _monitoring_says(bench, round(1 / 0.02))
    readings = bench.reading().cpu
    took, text = bench.stage.run(PLAYBOOKS / "behind.yml", "-e", "full=false")
    model = readings + bench.asked.vms * DIGEST
    bench.row("who is behind, 2 % changed", took, model, f"{_found(text)} of {found} found; goal 180 s of the clock")


def _found(text: str) -> str:
    sentence = next(line for line in text.splitlines() if "VMs to visit: " in line)
    return sentence.split("VMs to visit: ")[1].split(":")[0].split(";")[0]


def _monitoring_says(bench: Bench, every: int) -> int:
    digests = enumerate(bench.kept()["wanted"].items())
    said = {name: wanted if number % every else wanted[::-1] for number, (name, wanted) in digests}
    stubs.says(bench.asked.folder, "command", {"rc": 0, "stdout": json.dumps(said), "stderr": ""})
    return -(-len(said) // every)


def site(bench: Bench) -> None:
    """Run site.yml as a whole; --visited says on how many VMs something changed."""
    _monitoring_says(bench, bench.asked.vms // max(1, min(bench.asked.visited, bench.asked.vms)))
    readings = bench.reading().cpu
    took, text = bench.stage.run(
        PLAYBOOKS / "site.yml", "-e", "full=false", *bench.stage.image(), limit=bench.asked.limit
    )
    tasks = TASK.findall(text)
    of_vms = [(what, host) for what, host in tasks if host.startswith("shop")]
    vms = len({host for _what, host in of_vms})
    more = 0.02 * bench.asked.vms / max(1, vms)
    reckoned = readings + bench.tasks(tasks) + (more - 1) * bench.tasks(of_vms)
    bench.row(
        f"site.yml, {_found(text)} of {bench.asked.vms:,} VMs visited",
        took,
        readings + bench.tasks(tasks),
        f"{len(of_vms) / max(1, vms):.0f} tasks a VM, {len(tasks) - len(of_vms)} others; "
        f"with 2 % visited by the model {reckoned:.0f} CPU s",
    )


def full(bench: Bench) -> None:
    """Make round trips to some VMs, by one process and in slices, as bin/slices starts them."""
    vms = [(name, project) for name, project, _hv in bench.kept()["vms"][: bench.asked.visited]]
    play = bench.play("play", PLAY + "    - ansible.builtin.ping:\n" * bench.asked.trips)
    tasks = len(vms) * bench.asked.trips
    kept = bench.kept()

    def go(names: Sequence[str], only: Sequence[str]) -> Took:
        words = bench.asked.folder / f"slice-{threading.get_ident()}.json"
        words.write_text(json.dumps({"visited": list(names)}))
        return bench.stage.run(play, "-e", f"@{words}", only=only, limit=bench.asked.limit)[0]

    if bench.asked.slices == 1:
        took = go([name for name, _project in vms], ())
        model = kept["floor_task"] * bench.yardstick + tasks * bench.task()
        bench.row(f"{len(vms)} VMs, {bench.asked.trips} round trips, one process", took, model)
        return
    by_project: dict[str, list[str]] = {}
    for name, project in vms:
        by_project.setdefault(project, []).append(name)
    done: list[Took] = []

    def slice_of(names: Sequence[str]) -> None:
        done.append(go(names, sorted({project for name, project in vms if name in names})))

    begun = time.monotonic()
    threads = [threading.Thread(target=slice_of, args=(one,)) for one in slices.share(by_project, bench.asked.slices)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) < len(threads):
        raise RuntimeError("a slice failed")
    cpu = sum(one.cpu for one in done)
    each, floor = (kept[name] * bench.yardstick for name in ("task_of_part", "floor_task_of_part"))
    measured = (cpu - len(done) * floor) / tasks
    minutes = MODEL_VMS * MODEL_TRIPS * bench.quietly(measured) / MODEL_CORES / 60
    bench.row(
        f"{len(vms)} VMs, {bench.asked.trips} round trips, {len(done)} slices",
        Took(cpu, time.monotonic() - begun, max(one.mib for one in done)),
        len(done) * floor + tasks * each,
        f"{1000 * measured:.0f} ms a host-task; {MODEL_VMS:,} VMs with {MODEL_TRIPS} on {MODEL_CORES} quiet cores: "
        f"{minutes:.0f} minutes",
    )


def move(bench: Bench) -> None:
    """Find places for all VMs of a hypervisor, and of every one in turn."""
    found = description.read_valid(bench.stage.options)
    hypervisors = sorted({hypervisor for _name, _project, hypervisor in bench.kept()["vms"]})
    one: list[dict[str, str]] = []
    took = here(lambda: one.extend(moves.plan(found, hypervisor=hypervisors[0])))
    bench.row("places for the VMs of a hypervisor", took, None, f"{len(one)} moves; goal 3 s")
    every = here(lambda: [moves.plan(found, hypervisor=name) for name in hypervisors])
    bench.row(f"the same for each of {len(hypervisors)} hypervisors", every)


def hypervisors(bench: Bench) -> None:
    """Make the described VMs of --hypervisors hypervisors on libvirt's test driver, and converge them again."""
    data = cache.resolve(bench.stage.options, bench.asked.folder / "cache")
    spec = FilterModule().filters()["vm_spec"]
    shared = data["groups"]["all"]["vars"]
    bridges = {"ethfe": "br-fe", "ethsrv": "br-srv"}
    asked: dict[str, list[dict[str, Any]]] = {}
    for name, _project, hypervisor in bench.kept()["vms"]:
        own = {**shared, **data["groups"]["vms"]["vars"], **data["hosts"][name], "inventory_hostname": name}
        asked.setdefault(hypervisor, []).append({**spec(own, image=on_test_driver.IMAGE, bridges=bridges), **SMALL})
    chosen = sorted(asked.items())[: bench.asked.hypervisors]
    begun = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, max_tasks_per_child=1) as pool:
        done = list(pool.map(on_test_driver.converge_twice, chosen))
    wall = time.monotonic() - begun
    vms = sum(len(specs) for _name, specs in chosen)
    failed = sum(one[4] for one in done)
    most = max(one[3] for one in done)
    made = Took(sum(one[0] for one in done), wall, most)
    bench.row(f"{vms} VMs on {len(chosen)} hypervisors made (test driver)", made, None, f"{failed} failed")
    again = Took(sum(one[1] for one in done), sum(one[2] for one in done), most)
    bench.row("the same again, nothing to do", again, None, f"at most {max(one[2] for one in done):.2f} s one of them")


def many(bench: Bench) -> None:
    """Choose places and addresses for five times as many VMs."""
    folder = bench.asked.folder / "many"
    source = large_platform.write(folder, 5 * bench.asked.vms)
    found = description.read_description(operations.options_of(source, ROOT / "roles"))[0]
    took = here(lambda: allocation.plan(found))
    bench.row(f"allocate {5 * bench.asked.vms:,}, beside reading them", took, None, "goal 10 s")


PARTS: dict[str, tuple[Callable[[Bench], None], float]] = {
    "learn": (learn, 600),
    "validate": (validate, 200),
    "inventory": (inventory, 1200),
    "gate": (gate, 400),
    "order": (order, 600),
    "revoke": (revoke, 900),
    "site": (site, 3600),
    "full": (full, 7200),
    "move": (move, 200),
    "hypervisors": (hypervisors, 1800),
    "many": (many, 900),
}
"""Parts, in the order in which they run: what each does, and after how many seconds it is ended."""


def run_parts(options: argparse.Namespace) -> int:
    """Run each part in a process of its own; return how many failed."""
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        common = [sys.executable, __file__, "--folder", name]
        for key in ("vms", "visited", "trips", "slices", "everywhere", "hypervisors", "runs", "limit"):
            common += [f"--{key}", str(getattr(options, key))]
        for part in ("prepare", *options.parts):
            process = subprocess.Popen([*common, "--part", part], cwd=ROOT, start_new_session=True)
            try:
                code = process.wait(min(options.limit, PARTS[part][1] if part in PARTS else 600))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
                print(f"| {part}: ended, it took too long | | | | | | |", flush=True)
            failed += bool(code)
            if code and part == "prepare":
                break
    return failed


def main() -> int:
    """Rehearse, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vms", type=int, default=10_000)
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--visited", type=int, default=200, help="VMs on which something changed, or to go to in full")
    parser.add_argument("--trips", type=int, default=MODEL_TRIPS, help="round trips to each of them")
    parser.add_argument("--slices", type=int, default=2)
    parser.add_argument("--everywhere", type=int, default=10, help="projects of the person whose key is revoked")
    parser.add_argument("--hypervisors", type=int, default=100, help="so many of them on libvirt's test driver")
    parser.add_argument("--runs", type=int, default=2, help="so often in turn; the best counts")
    parser.add_argument("--limit", type=float, default=7200, help="seconds that one part may take at most")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if options.part == "prepare":
        prepare(Bench(options))
        return 0
    if options.part:
        bench = Bench(options)
        bench.measure_yardstick()
        PARTS[options.part][0](bench)
        return 0
    print(machine())
    print(
        f"| {options.vms:,} VMs | CPU s | quiet | clock s | MiB | model | |\n|---|---|---|---|---|---|---|", flush=True
    )
    failed = run_parts(options)
    print(machine())
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
