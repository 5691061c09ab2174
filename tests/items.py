# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to test: items, each of them one command, in the sets check, test, drill and bench.

Items of one lane run one after the other, and the two lanes beside each other: the scenarios share a platform and its
host keys, so that no two of them can run at once, and what boots a real VM wants a processor of its own. What may run
beside anything waits for the lane that has nothing of its own left.

usual.json has how many seconds an item usually takes in its set, on two processors with nothing else to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv/bin"
COLLECTION = "collections/ansible_collections/ringmaster/hosting"
EXAMPLE = ROOT / "example/platform/platform.ringmaster.yml"
SLOWEST = 10
MINUTE = 60
LONG = 120 * MINUTE
"""The limit of a drill or a benchmark."""
LONG_SCENARIOS = (
    "backup",
    "disaster",
    "mail",
    "mailserver",
    "maintenance",
    "monitoring",
    "mysql",
    "postgresql",
    "postgresql_upgrade",
    "steward",
    "webgateway",
)
"""Scenarios that take more than two minutes: they are drills."""
USUAL = ROOT / "tests/usual.json"
BUDGETS = {"check": 2 * MINUTE, "test": 60 * MINUTE}
"""How many seconds a whole set may take."""
MACHINES, SCENARIOS, EITHER = range(3)
"""The lanes: real services and VMs on this machine; scenarios; and what whichever of both is free first takes."""
INVENTORY_BENCHMARK = ("tests/bench/bench_inventory.py", "1", "100")
"""Once, with a hundred VMs."""
LINT = {"ANSIBLE_INVENTORY": str(EXAMPLE), "ANSIBLE_HOST_PATTERN_MISMATCH": "ignore"}
"""ansible.cfg wants an inventory that can be read, also for a syntax check; scenarios name hosts of another one."""


@dataclass(frozen=True)
class Item:
    """One command whose exit status is a test."""

    title: str
    argv: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    lane: int = MACHINES
    limit: int = 25 * MINUTE
    """Seconds after which it hangs, and is interrupted: several times what it takes."""


def tool(name: str, *arguments: str) -> list[str]:
    """Return argv for a program of the Python environment."""
    return [str(BIN / name), *arguments]


def pytest(*arguments: str) -> list[str]:
    """Return argv for pytest with the report of its slowest tests."""
    return [str(BIN / "python"), "-m", "pytest", f"--durations={SLOWEST}", "--durations-min=1", *arguments]


def published(name: str, lane: int = EITHER) -> Item:
    """Return a gate of the collection as it is published."""
    return Item(f"collection: {name}", [str(BIN / "python"), "tests/gates/collection.py", name], lane=lane)


def usual(name: str) -> dict[str, float]:
    """Return title -> seconds, of the items of a set whose usual duration is known."""
    known = json.loads(USUAL.read_text(encoding="utf-8"))
    return {title: float(seconds) for title, seconds in known.get(name, {}).items()}


def gates() -> list[Item]:
    """Return the gates that are as quick for all files as for a few."""
    generators = ["awx/generate", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*/generate")))]
    programs = ["bin/generate", "bin/lab", *generators]
    python = ["collections", "docs", "inventory_plugins", "roles", "molecule", "tests", *programs]
    return [
        Item("ruff", tool("ruff", "check", *python)),
        Item("ruff format", tool("ruff", "format", "--check", *python)),
        Item("yamllint", tool("yamllint", "--strict", ".")),
        Item(
            "mypy",
            tool(
                *("mypy", "-p", "ansible_collections.ringmaster.hosting.plugins.module_utils"),
                *("-p", "ringmaster", "-p", "portal"),
            ),
        ),
        Item("changelog", ["env", f"--chdir={COLLECTION}", *tool("antsibull-changelog", "lint")]),
        published("build", lane=MACHINES),
    ]


def supported(*words: str) -> Item:
    """Return what reminds of versions whose support ends."""
    return Item("supported versions", [str(BIN / "python"), "tests/gates/supported.py", *words])


def check() -> list[Item]:
    """Return what needs no machine, as far as two minutes go: what changed is linted, and tests start no programs."""
    return [
        *gates(),
        supported(),
        Item("unit tests: quick", pytest("-q", "-n", "2", "-m", "not slow and not thorough", "tests/unit")),
        Item("ansible-lint: changed", [str(BIN / "python"), "tests/gates/lint.py"], LINT, lane=SCENARIOS),
    ]


def test() -> list[Item]:
    """Return what CI runs."""
    return [
        *gates(),
        supported("--tell"),
        Item("unit tests", pytest("-q", "-n", "2", "-m", "not slow", "tests/unit"), lane=EITHER),
        *(other_end(name) for name in ("units", "plugins", "sanity", "inventory")),
        published("units"),
        Item("ansible-lint", tool("ansible-lint", "-q"), LINT, lane=EITHER),
        published("docs"),
        published("importer"),
        published("sanity"),
        inventory(),
        Item("controller: Debian 13", pytest("-x", "tests/controller"), lane=SCENARIOS),
        *scenarios(long=False),
        Item("end to end", pytest("-x", "-s", "tests/e2e"), limit=60 * MINUTE),
        *integration(),
    ]


def other_end(name: str) -> Item:
    """Return a gate that runs with another Python and ansible-core as well."""
    argv = [str(BIN / "python"), "tests/gates/other_end.py", name]
    return Item(f"other ansible-core: {name}", argv, LINT if name == "lint" else {}, lane=EITHER)


def inventory() -> Item:
    """Return the inventory's benchmark with a small platform: what measures must run, whatever it measures."""
    return Item("inventory benchmark", [str(BIN / "python"), *INVENTORY_BENCHMARK], lane=EITHER)


def drill() -> list[Item]:
    """Return what takes longer: faults, real boots, restores, the long scenarios."""
    items = [
        Item("unit tests: slow", pytest("-m", "slow", "tests/unit")),
        *(Item(f"integration: {path.name}: slow", pytest("-m", "slow", str(path))) for path in folders("integration")),
        *(Item(f"drill: {path.name}", pytest("-x", "-rP", str(path))) for path in folders("drills")),
        *scenarios(long=True),
        # What ansible-core itself refuses, the plugins' tests and the scenario find; the rules are the same with each.
        *(other_end(name) for name in ("lint", "scenario")),
    ]
    return [replace(item, limit=LONG) for item in items]


def bench() -> list[Item]:
    """Return the programs that measure."""
    programs = sorted((ROOT / "tests/bench").glob("bench_*.py"))
    return [Item(f"bench: {path.stem}", [str(BIN / "python"), str(path)], limit=LONG) for path in programs]


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


SETS: dict[str, Callable[[], list[Item]]] = {"check": check, "test": test, "drill": drill, "bench": bench}
