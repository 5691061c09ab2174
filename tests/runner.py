# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a set of test items, all of them, and say which failed and which were slow.

Items of one lane run one after the other, and the two lanes beside each other: the scenarios share a platform and its
host keys, so that no two of them can run at once, and what boots a real VM wants a processor of its own. What an item
prints is shown when it has ended, so that two do not mix; where there is one lane only, as it goes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv/bin"
COLLECTION = "collections/ansible_collections/ringmaster/hosting"
EXAMPLE = ROOT / "example/platform/platform.ringmaster.yml"
SLOWEST = 10
LONG_SCENARIOS = (
    "backup",
    "disaster",
    "mailserver",
    "monitoring",
    "mysql",
    "postgresql",
    "postgresql_upgrade",
    "webgateway",
)
"""Scenarios that take more than two minutes: they are drills."""
PYTESTS, SCENARIOS = range(2)
"""The lanes: tests of one process (and real VMs), and static gates followed by the scenarios."""


@dataclass(frozen=True)
class Item:
    """One command whose exit status is a test."""

    title: str
    argv: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    lane: int = PYTESTS


def tool(name: str, *arguments: str) -> list[str]:
    """Return argv for a program of the Python environment."""
    return [str(BIN / name), *arguments]


def pytest(*arguments: str) -> list[str]:
    """Return argv for pytest with the report of its slowest tests."""
    return [str(BIN / "python"), "-m", "pytest", f"--durations={SLOWEST}", "--durations-min=1", *arguments]


def gates() -> list[Item]:
    """Return what needs no machine."""
    generators = ["awx/generate", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*/generate")))]
    programs = ["bin/generate", "bin/lab", *generators]
    python = ["collections", "docs", "inventory_plugins", "roles", "molecule", "tests", *programs]
    return [
        Item("ruff", tool("ruff", "check", *python)),
        Item("ruff format", tool("ruff", "format", "--check", *python)),
        Item("yamllint", tool("yamllint", "--strict", ".")),
        Item(
            "mypy",
            tool("mypy", "-p", "ansible_collections.ringmaster.hosting.plugins.module_utils", "-p", "ringmaster"),
        ),
        published("units", lane=PYTESTS),
        # ansible.cfg wants an inventory that can be read, also for a syntax check; scenarios name hosts of another one.
        Item(
            "ansible-lint",
            tool("ansible-lint", "-q"),
            {"ANSIBLE_INVENTORY": str(EXAMPLE), "ANSIBLE_HOST_PATTERN_MISMATCH": "ignore"},
            lane=SCENARIOS,
        ),
        Item("changelog", ["env", f"--chdir={COLLECTION}", *tool("antsibull-changelog", "lint")]),
        published("build"),
    ]


def published(gate: str, lane: int = SCENARIOS) -> Item:
    """Return a gate of the collection as it is published."""
    return Item(f"collection: {gate}", [str(BIN / "python"), "tests/gates/collection.py", gate], lane=lane)


def folders(parent: str) -> list[Path]:
    """Return the test folders below tests/<parent> that hold a test file."""
    return sorted({path.parent for path in (ROOT / "tests" / parent).glob("**/test_*.py")})


def integration() -> list[Item]:
    """Return the tests against real services on this machine that are quick enough for every run."""
    return [Item(f"integration: {path.name}", pytest("-m", "not slow", str(path))) for path in folders("integration")]


def scenarios(long: bool) -> list[Item]:
    """Return one item per molecule scenario that is long, or is not."""
    names = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
    return [
        Item(f"molecule: {name}", tool("molecule", "test", "-s", name), lane=SCENARIOS)
        for name in names
        if (name in LONG_SCENARIOS) is long
    ]


SETS = {
    "check": gates,
    "test": lambda: [
        *gates(),
        published("docs"),
        published("importer"),
        published("sanity"),
        *integration(),
        *scenarios(long=False),
        Item("end to end", pytest("-x", "-s", "tests/e2e")),
    ],
    "drill": lambda: [
        Item("unit tests", pytest("-m", "slow", "tests/unit")),
        *(Item(f"integration: {path.name}", pytest("-m", "slow", str(path))) for path in folders("integration")),
        *(Item(f"drill: {path.name}", pytest("-x", "-rP", str(path))) for path in folders("drills")),
        *scenarios(long=True),
    ],
    "bench": lambda: [Item(f"bench: {path.stem}", [str(BIN / "python"), str(path)]) for path in benchmarks()],
}


def benchmarks() -> list[Path]:
    """Return the programs that measure."""
    return sorted((ROOT / "tests/bench").glob("bench_*.py"))


def run(item: Item, buffered: bool) -> tuple[float, str, bool]:
    """Run an item and print what it printed; return its seconds, its title and whether it passed."""
    print(f"=== begins: {item.title}", flush=True)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1", **item.environment}
    start = time.monotonic()
    with tempfile.TemporaryFile() as output:
        kept = output if buffered else None
        code = subprocess.run(
            item.argv, cwd=ROOT, env=environment, check=False, stdin=subprocess.DEVNULL, stdout=kept, stderr=kept
        ).returncode
        # pytest's 5: nothing was selected, such as a folder that holds slow tests only.
        passed = code == 0 or (code == 5 and "pytest" in item.argv)
        seconds = time.monotonic() - start
        output.seek(0)
        text = output.read().decode(errors="replace")
    print(f"{text}=== {'passed' if passed else 'FAILED'}: {item.title}, {seconds:.1f} s\n", flush=True)
    return seconds, item.title, passed


def main() -> int:
    """Run the set named on the command line; return 1 when an item failed."""
    items = SETS[sys.argv[1]]()
    start = time.monotonic()
    lanes = [[item for item in items if item.lane == lane] for lane in sorted({item.lane for item in items})]
    with ThreadPoolExecutor(len(lanes)) as pool:
        done = pool.map(lambda lane: [run(item, buffered=len(lanes) > 1) for item in lane], lanes)
        results = [result for lane in done for result in lane]
    print(f"\nThe slowest of {len(items)}; {time.monotonic() - start:.0f} s in all:")
    for seconds, title, _ in sorted(results, reverse=True)[:SLOWEST]:
        print(f"  {seconds:7.1f} s  {title}")
    failed = [title for _, title, passed in results if not passed]
    for title in failed:
        print(f"FAILED: {title}")
    print(f"\n{len(items) - len(failed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed or not items else 0


if __name__ == "__main__":
    sys.exit(main())
