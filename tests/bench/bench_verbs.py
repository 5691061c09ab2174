#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verb costs in a process of Python, beside reading and checking the description once, which is its floor.

The goals: at most 0.3 s with 1,000 VMs and 1.5 s with 10,000, also as a dry run; with a repository, 0.3 s more.
``tests/bench/bench_verbs.py [RUNS] [VMS …]``. In turn, in processor seconds; those of git count.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/bench"), str(ROOT / "collections")]

import large_platform  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description, operations  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Options  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit  # noqa: E402
from bench_inventory import machine  # noqa: E402

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SIZES = [int(word) for word in sys.argv[2:]] or [1000, 10000]
VM, PROJECT, PERSON = "shopaaa00", "shopaaa", "p0000"


def seconds(what: Callable[[], Any]) -> float:
    """Return the processor seconds of a call, with those of the programs that it starts."""

    def now() -> float:
        found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in found)

    before = now()
    what()
    return now() - before


def with_repository(options: Options, folder: Path) -> Options:
    """Put a platform into a repository; return the options that make verbs push to it."""
    git = ["git", "-C", str(options.source.parent), "-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *words], check=True)
    origin = folder / "origin.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(options.source.parent), str(origin)], check=True)
    subprocess.run([*git, "remote", "add", "origin", str(origin)], check=True)
    subprocess.run([*git, "fetch", "-q", "origin"], check=True)
    subprocess.run([*git, "branch", "-q", "--set-upstream-to=origin/main", "main"], check=True)
    return replace(options, repository=str(origin), branch="main")


def main() -> None:
    """Measure every size and print one table."""
    print(machine())
    print("| VMs | What | Median s | Best s | To one reading |\n|---|---|---|---|---|")
    number = count()
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = name
        for vms in SIZES:
            folder = Path(name) / str(vms)
            options = operations.options_of(large_platform.write(folder / "platform", vms), ROOT / "roles")
            operations.allocate(options)

            def change(using: Options, *, dry_run: bool = False) -> None:
                edit.apply(using, "change_vm", {"vm": VM, "comment": f"run {next(number)}"}, dry_run=dry_run)

            kinds: dict[str, Callable[[], Any]] = {
                "one reading": lambda options=options: description.read_valid(options),
                "change_vm, dry run": lambda options=options: change(options, dry_run=True),
                "change_vm": lambda options=options: change(options),
                "order_vm, dry run": lambda options=options: edit.apply(
                    options, "order_vm", {"project": PROJECT}, dry_run=True
                ),
                "lock_user, dry run": lambda options=options: edit.apply(
                    options, "lock_user", {"user": PERSON, "even_if_last": True}, dry_run=True
                ),
            }
            measured: dict[str, list[float]] = {}
            for _run in range(RUNS):
                for title, what in kinds.items():
                    measured.setdefault(title, []).append(seconds(what))
            pushed = with_repository(options, folder)
            change(pushed)  # makes the mirror
            measured["change_vm, with repository"] = [
                seconds(lambda pushed=pushed: change(pushed)) for _run in range(RUNS)
            ]
            floor = statistics.median(measured["one reading"])
            for title, found in measured.items():
                middle = statistics.median(found)
                print(f"| {vms:,} | {title} | {middle:.2f} | {min(found):.2f} | {middle / floor:.2f} |", flush=True)
    print(machine())


if __name__ == "__main__":
    main()
