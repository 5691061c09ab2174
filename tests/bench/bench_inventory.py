#!/usr/bin/env python3
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory and validation of 10,000 VMs in 500 projects with 1,000 people, against plugins that emit the same data.

The goals: at most 1.15 times the trivial plugin with a warm cache and 2 times with a cold one, linear growth from 1,000
VMs, and 10 s for the validation. The trivial plugin reads the finished inventory from one JSON file and sets it in the
quickest way that there is; the ordinary one sets it as most plugins do. Both, and ours, run in turn. Seconds are those
of the processor, user and system: these programs wait for nothing, and what else the machine does hardly shows.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/bench"), str(ROOT / "collections")]

import large_platform  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import cache, operations  # noqa: E402
from peers_of_inventory import SETTERS, machine, write_peers  # noqa: E402

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
SIZES = [int(word) for word in sys.argv[2:]] or [1000, 10000]

PLAY = """\
- hosts: shopaaa00
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.debug: {msg: done}
"""


@dataclass
class Bench:
    """One platform and the peers that emit its inventory."""

    folder: Path
    source: Path

    def run(self, program: str, *arguments: str) -> float:
        """Run a program of Ansible; return its processor seconds. Raises RuntimeError when it fails."""
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "RINGMASTER_CACHE_DIRECTORY": str(self.folder / "cache"),
            "ANSIBLE_INVENTORY_PLUGINS": f"{ROOT / 'inventory_plugins'}:{self.folder / 'peers'}",
            "ANSIBLE_INVENTORY_ENABLED": "ringmaster.hosting.platform,trivial,ordinary",
            "ANSIBLE_NOCOLOR": "1",
        }
        argv = [str(Path(sys.executable).parent / program), *arguments]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if done.returncode != 0:
            raise RuntimeError(f"{argv} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return seconds

    def inventory(self, kind: str, *arguments: str) -> float:
        """List the inventory of ours (warm or cold) or of a peer, or run the play on it."""
        if kind == "cold":
            shutil.rmtree(self.folder / "cache", ignore_errors=True)
        source = self.source if kind in ("cold", "warm") else self.folder / "peers" / f"{kind}.yml"
        if arguments:
            return self.run("ansible-playbook", "-i", str(source), *arguments)
        return self.run("ansible-inventory", "-i", str(source), "--list")


def prepare(folder: Path, vms: int) -> Bench:
    """Write a platform, allocate it, and write what the peers emit."""
    source = large_platform.write(folder / "platform", vms)
    options = operations.options_of(source, ROOT / "roles")
    begin = time.process_time()
    operations.allocate(options)
    print(f"{vms} VMs: allocated in {time.process_time() - begin:.1f} s", flush=True)
    write_peers(folder / "peers", cache.resolve(options, None), tuple(SETTERS))
    (folder / "play.yml").write_text(PLAY)
    return Bench(folder, source)


def measure(bench: Bench, *arguments: str) -> dict[str, list[float]]:
    """Run ours and the peers in turn; return the seconds of each."""
    kinds = ("trivial", "cold", "warm", "ordinary")
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(RUNS):
        for kind in kinds:
            found[kind].append(bench.inventory(kind, *arguments))
    return found


def table(vms: int, what: str, found: dict[str, list[float]]) -> None:
    """Print rows of the table: median, minimum and the ratio to the trivial plugin."""
    trivial = statistics.median(found["trivial"]) if "trivial" in found else 0
    for kind, seconds in found.items():
        middle = statistics.median(seconds)
        ratio = f"{middle / trivial:.2f}" if trivial else "-"
        print(f"| {vms:,} | {what} | {kind} | {middle:.2f} | {min(seconds):.2f} | {ratio} |", flush=True)


def main() -> None:
    """Measure every size and print one table."""
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        benches = {vms: prepare(Path(name) / str(vms), vms) for vms in SIZES}
        print("| VMs | What | Plugin | Median s | Best s | To trivial |\n|---|---|---|---|---|---|")
        for vms, bench in benches.items():
            validations = [bench.inventory("cold", str(ROOT / "playbooks/validate.yml")) for _ in range(RUNS)]
            table(vms, "validate.yml", {"cold": validations})
            table(vms, "play on one host", measure(bench, str(bench.folder / "play.yml")))
            table(vms, "ansible-inventory --list", measure(bench))
    print(machine())


if __name__ == "__main__":
    main()
