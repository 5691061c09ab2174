#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a judgement costs (``policy.judge``), and what a person sees, on large platforms.

``tests/bench/bench_policy.py [RUNS] [VMS…]``: medians of so many runs, of an operator and a manager; the goal of a
judgement is 5 ms whatever the number of VMs. The last column compares the largest platform with the smallest.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "collections"))

import large_platform  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import (  # noqa: E402
    description,
    operations,
    people,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import policy  # noqa: E402

RUNS = 200
SIZES = (1000, 10000)
PROJECT = f"shop{large_platform.word(0)}"
MANAGER, OPERATOR, OTHER = "p0000", "p0001", "p0002"
KEY = large_platform.key("new")
VMS = "{vms: 1000, memory: 10TiB, cores: 1000, disk: 100TiB, ipv4: 100}"
REQUESTS = {
    "order_vm": {"project": PROJECT, "memory": "4GiB", "cores": 2, "components": "redis, postgresql"},
    "change_vm": {"vm": f"{PROJECT}00", "memory": "4GiB"},
    "retire_vm": {"vm": f"{PROJECT}00"},
    "set_permissions": {"project": PROJECT, "user": OTHER, "permissions": "login,wheel,manager"},
    "change_project": {"project": PROJECT, "defaults": {"memory": "1GiB"}, "quota": {"vms": 50}},
    "add_ssh_key": {"user": MANAGER, "ssh_key": KEY},
    "lock_user": {"user": OTHER},
    "remove_user": {"user": OTHER},
}


def median(runs: int, call: Callable[[], object]) -> float:
    """Return the median duration of a call in ms."""
    taken = []
    for _run in range(runs):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000


def measure(vms: int, runs: int) -> dict[str, float]:
    """Return the durations on a platform with so many VMs."""
    with tempfile.TemporaryDirectory(prefix="ringmaster-") as place:
        source = large_platform.write(Path(place) / "platform", vms)
        with (source.parent / "platform.yml").open("a") as file:
            file.write(f"portal: {{operators: [{OPERATOR}]}}\n")
        with (source.parent / f"projects/{PROJECT}.yml").open("a") as file:
            file.write(f"quota: {VMS}\n")
        found = description.read_valid(operations.options_of(source, ROOT / "roles"))
    result = {}
    for verb, arguments in REQUESTS.items():
        for person, called in ((MANAGER, "manager"), (OPERATOR, "operator")):

            def call(person: str = person, verb: str = verb, arguments: dict = arguments) -> object:
                return policy.judge(found, person, verb, arguments)

            result[f"{verb}, {called}: {call().answer}"] = median(runs, call)
    for person, called in ((MANAGER, "manager"), (OPERATOR, "operator")):
        result[f"visible().people(), {called}"] = median(runs, lambda who=person: people.visible(found, who).people())
    return result


def main() -> None:
    """Print a table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    sizes = [int(word) for word in sys.argv[2:]] or SIZES
    columns = [measure(vms, runs) for vms in sizes]
    print("| ms | " + " | ".join(f"{vms} VMs" for vms in sizes) + " | ratio |")
    print("|---" * (len(sizes) + 2) + "|")
    for what in columns[0]:
        figures = [column[what] for column in columns]
        print(f"| {what} | {' | '.join(f'{one:.2f}' for one in figures)} | {figures[-1] / figures[0]:.1f} |")


if __name__ == "__main__":
    main()
