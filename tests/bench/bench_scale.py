#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal with 10,000 VMs: everything of the controller is real, and what it would talk to is a stub.

``tests/bench/bench_scale.py [VMS [VISITED [TRIPS [SLICES]]]]``. A program in the place of ssh, and one in the place of
each machine's Python, take what they are asked and say that nothing changed. The last rows are ``TRIPS`` round trips to
``VISITED`` VMs by one process with the whole inventory, and by ``SLICES`` with parts of it, as bin/slices starts them;
what they measured of one host-task goes into the model that docs/measurements.md has.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/bench"), str(ROOT / "collections")]

import large_platform  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import (  # noqa: E402
    allocation,
    cache,
    convergence,
    description,
    operations,
    slices,
)
from bench_inventory import machine  # noqa: E402

SECRET = "a-secret-of-the-rehearsal"
MODEL_VMS, MODEL_TRIPS, MODEL_CORES = 10_000, 40, 16
SSH = '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n'
PYTHON = '#!/bin/sh\ncat >/dev/null\nexec cat "{folder}/said"\n'
PLAY = """\
- hosts: "{{ visited }}"
  gather_facts: false
  tasks:
TASKS"""


@dataclass
class Took:
    """Seconds of the processor and of the clock, and the largest memory of one process in MiB."""

    cpu: float
    wall: float
    mib: float = 0


class Rehearsal:
    """A platform with stubs for all its machines."""

    def __init__(self, folder: Path, vms: int) -> None:
        """Write and allocate it."""
        self.folder = folder
        large_platform.VMS_PER_HYPERVISOR = 100
        self.source = large_platform.write(folder / "platform", vms)
        platform = folder / "platform/platform.yml"
        text = platform.read_text().replace("services: {gateway: hv0}", "services: {gateway: hv0, monitoring: svc0}")
        platform.write_text(text + "machines:\n  svc0: {address: 10.77.255.20, srv_ipv4: 172.16.0.20}\n")
        self.options = operations.options_of(self.source, ROOT / "roles")
        for name, program in (("ssh", SSH), ("python", PYTHON.format(folder=folder))):
            (folder / name).write_text(program)
            (folder / name).chmod(0o755)
        (folder / "secrets.yml").write_text(f"platform_secret: {SECRET}\n")
        self.says({"changed": False, "ping": "pong"})

    def says(self, answer: object) -> None:
        """Let every machine say this."""
        (self.folder / "said").write_text(json.dumps(answer) + "\n")

    def run(self, playbook: Path, *words: str, only: Sequence[str] = (), forks: int = 10) -> tuple[Took, str]:
        """Run a playbook; return what it took, and what it printed. Raises RuntimeError when it fails."""
        variables = {
            "ansible_ssh_executable": str(self.folder / "ssh"),
            "ansible_python_interpreter": str(self.folder / "python"),
            "ansible_control_path": "none",
        }
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_FORKS": str(forks),
            "ANSIBLE_NOCOLOR": "1",
            "RINGMASTER_CACHE_DIRECTORY": str(self.folder / "cache"),
            **({"RINGMASTER_ONLY": ",".join(only)} if only else {}),
        }
        argv = [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(self.source), "-e", json.dumps(variables)]
        argv += ["-e", f"@{self.folder / 'secrets.yml'}", *words, str(playbook)]
        begun = time.monotonic()
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=output, stderr=output)
            _pid, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            text = output.read()
        if process.returncode:
            raise RuntimeError(f"{playbook.name} failed:\n{text[-3000:]}")
        return Took(used.ru_utime + used.ru_stime, time.monotonic() - begun, used.ru_maxrss / 1024), text


def here(what: Callable[[], object]) -> Took:
    """Return what a call in this process takes."""
    cpu, wall = time.process_time(), time.monotonic()
    what()
    return Took(
        time.process_time() - cpu, time.monotonic() - wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )


def row(title: str, took: Took, more: str = "") -> None:
    """Print a row of the table."""
    print(f"| {title} | {took.cpu:.1f} | {took.wall:.0f} | {took.mib:.0f} | {more} |", flush=True)


def visits(stage: Rehearsal, changed: float) -> None:
    """Measure who is asked to be visited: all by one answer of monitoring, of which a part is something else."""
    data = cache.resolve(stage.options, stage.folder / "cache")
    said = {}
    for number, name in enumerate(data["groups"]["vms"]["hosts"]):
        known = {**data["hosts"][name], "inventory_hostname": name, "platform_secret": SECRET}
        digest = convergence.wanted(known)
        said[name] = digest if number % round(1 / changed) else digest[::-1]
    stage.says({"changed": False, "rc": 0, "stdout": json.dumps(said), "stderr": ""})
    took, text = stage.run(ROOT / "playbooks/behind.yml", "-e", "full=false")
    sentence = next(line for line in text.splitlines() if "VMs to visit: " in line)
    row(
        "who is behind, asked of monitoring, 2 % changed",
        took,
        sentence.split("VMs to visit: ")[1].split(":")[0].split(";")[0] + " found",
    )
    stage.says({"changed": False, "ping": "pong"})


def trips(stage: Rehearsal, visited: int, number: int, parts: int) -> None:
    """Measure round trips to some VMs, by one process and by several; then reckon with what one took."""
    data = cache.resolve(stage.options, stage.folder / "cache")
    vms = data["groups"]["vms"]["hosts"][:visited]
    play = stage.folder / "play.yml"
    play.write_text(PLAY.replace("TASKS", "    - ansible.builtin.ping:\n" * number))
    nothing = stage.folder / "nothing.yml"
    nothing.write_text("- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: []\n")
    floors = {}
    for title, only in (("whole", ()), ("part", sorted({data["hosts"][name]["ringmaster_project"] for name in vms}))):
        floors[title], _text = stage.run(nothing, only=only)
        row(f"an empty play, {title} of the inventory", floors[title])

    def go(names: Sequence[str], only: Sequence[str]) -> Took:
        words = stage.folder / f"slice-{threading.get_ident()}.json"
        words.write_text(json.dumps({"visited": list(names)}))
        return stage.run(play, "-e", f"@{words}", only=only)[0]

    few = vms[: max(1, visited // 5)]
    took = go(few, [data["hosts"][name]["ringmaster_project"] for name in few])
    learnt = (took.cpu - floors["part"].cpu) / (len(few) * number)
    row(
        f"{len(few)} VMs, {number} round trips, from which the model learns",
        took,
        f"{1000 * learnt:.0f} ms a host-task",
    )
    took = go(vms, ())
    tasks = visited * number
    each = (took.cpu - floors["whole"].cpu) / tasks
    row(f"{visited} VMs, {number} round trips, one process", took, f"{1000 * each:.0f} ms a host-task")
    by_project: dict[str, list[str]] = {}
    for name in vms:
        by_project.setdefault(data["hosts"][name]["ringmaster_project"], []).append(name)
    shared = slices.share(by_project, parts)
    done: list[Took] = []
    begun = time.monotonic()
    threads = [
        threading.Thread(
            target=lambda one=one: done.append(
                go(one, sorted({data["hosts"][name]["ringmaster_project"] for name in one}))
            )
        )
        for one in shared
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = sum(one.cpu for one in done)
    in_parts = (cpu - len(done) * floors["part"].cpu) / tasks
    row(
        f"the same in {len(done)} slices",
        Took(cpu, time.monotonic() - begun, max(one.mib for one in done)),
        f"{1000 * in_parts:.0f} ms a host-task",
    )
    reckoned = tasks * learnt + len(done) * floors["part"].cpu
    row("the same by the model", Took(reckoned, 0), f"{100 * (reckoned / cpu - 1):+.0f} %")
    minutes = MODEL_VMS * MODEL_TRIPS * in_parts / MODEL_CORES / 60
    print(f"by the model: {MODEL_VMS:,} VMs, {MODEL_TRIPS} round trips, {MODEL_CORES} cores: {minutes:.0f} minutes")


def main() -> None:
    """Rehearse, and print one table."""
    words = [int(word) for word in sys.argv[1:]]
    vms, visited, number, parts = [*words, *(10_000, 1000, 40, 2)[len(words) :]]
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        stage = Rehearsal(Path(name), vms)
        print(f"| {vms:,} VMs | CPU s | clock s | MiB | |\n|---|---|---|---|---|")
        row("allocate all", here(lambda: operations.allocate(stage.options)))
        row("validate.yml", stage.run(ROOT / "playbooks/validate.yml")[0])
        visits(stage, 0.02)
        order = ("-e", "project=shopaaa", "-e", "stop_after=description")
        row("order_vm, description only", stage.run(ROOT / "playbooks/order_vm.yml", *order)[0])
        trips(stage, visited, number, parts)
        # Last: a process that is started has the memory of who starts it for a moment.
        many = operations.options_of(large_platform.write(Path(name) / "many", 5 * vms), ROOT / "roles")
        read = description.read_description(many)[0]
        row(f"allocate {5 * vms:,}, beside reading them", here(lambda read=read: allocation.plan(read)))
    print(machine())


if __name__ == "__main__":
    main()
