#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second run of site.yml by two checkouts, side by side: ``bench_second_run.py [COMMIT [COMMIT]]``.

Each checkout has a lab of its own with the same light machines (two VMs with three components, a service machine),
which it has made true before. Then both take turns to find nothing to do. Without a second commit, the other one is
this checkout as it is; without a first one, it is compared with the commit before *Trust*.

Seconds are those of the clock, and of the controller's processors alone, which other work on this machine does not
change much. Round trips are commands over SSH, counted in a run that is not measured.
"""

from __future__ import annotations

import os
import re
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/drills/upgrade"), str(ROOT / "collections")]

from table import show  # noqa: E402
from upgrade_site import HERE, SHARES, Site, changes, checkout  # noqa: E402

BEFORE = "8b01dbe"
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "4"))
PATIENCE = 5
"""Runs after which there must be nothing to do."""
LEFT_OUT = {"upg01": ("mailstub", "mysql"), "upg02": ("mailserver",)}
"""What of the drill's platform is not made: it crosses in no other way than the rest, and takes long to install."""


@dataclass
class Side:
    """A checkout with its lab, and what its runs took: seconds, and seconds of processors."""

    title: str
    code: Path
    site: Site
    clock: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    trips: dict[str, int] = field(default_factory=dict)

    def make(self) -> None:
        """Make the machines, and converge them until nothing changes."""
        describe(self.site)
        self.site.up()
        said = ""
        for _time in range(PATIENCE):
            try:
                said = self._play()
            except AssertionError as error:  # mostly a package that could not be fetched
                print(f"{self.title}: once more, after {str(error)[-600:]}", flush=True)
                continue
            if not any(changes(said).values()):
                return
        raise SystemExit(f"{self.title}: {PATIENCE} runs were not enough: {said[-3000:]}")

    def measure(self) -> None:
        """Run once more, and keep what it took."""
        begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        said = self._play()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.clock.append(time.monotonic() - begin)
        self.work.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if any(changes(said).values()):
            raise SystemExit(f"{self.title}: a run changed something: {changes(said)}")

    def count(self) -> None:
        """Count the commands over SSH of a whole run, by machine."""
        os.environ["ANSIBLE_VERBOSITY"] = "3"
        try:
            said = self._play()
        finally:
            del os.environ["ANSIBLE_VERBOSITY"]
        for address in re.findall(r"^<([^>]+)> SSH: EXEC", said, re.MULTILINE):
            self.trips[address] = self.trips.get(address, 0) + 1

    def _play(self) -> str:
        # Before "Give machines in one order", each process had another order of machines, and svc0's files were written
        # with every run: one seed lets a commit of that time find nothing to do, too.
        os.environ["PYTHONHASHSEED"] = "0"
        return self.site.play(self.code, "site.yml")


def describe(site: Site) -> None:
    """Let the site's platform be the drill's, without what is left out."""
    site.prepare()
    project = site.platform / "projects/upg.yml"
    content = yaml.safe_load(project.read_text())
    for name, components in LEFT_OUT.items():
        for component in components:
            del content["vms"][name]["components"][component]
        if not content["vms"][name]["components"]:
            del content["vms"][name]
    # Names below the project's own: others need a permission by now, which an earlier commit does not know.
    project.write_text(yaml.safe_dump(content, sort_keys=False).replace(".upgrade.example", ".upg.upgrade.example"))


def side(folder: Path, number: int, commit: str) -> Side:
    """Return a checkout of a commit, or this one, with a lab of its own."""
    code = checkout(commit, folder / f"code{number}") if commit else HERE
    place = folder / f"site{number}"
    place.mkdir()
    site = Site(f"rm-bench{number}", place, code, SHARES[:1], "all:localhost:!hypervisors")
    return Side(commit or "this checkout", code, site)


def ratio(one: list[float], other: list[float]) -> float:
    """Return how much longer the second ones took, in percent, by medians."""
    return 100 * (statistics.median(other) / statistics.median(one) - 1)


def main() -> None:
    """Make both sides, let them take turns, and tell."""
    commits = [*sys.argv[1:], ""] if len(sys.argv) < 3 else sys.argv[1:3]
    if commits == [""]:
        commits = [BEFORE, ""]
    with tempfile.TemporaryDirectory() as folder:
        sides = [side(Path(folder), number, commit) for number, commit in enumerate(commits)]
        try:
            with ThreadPoolExecutor(len(sides)) as pool:
                list(pool.map(Side.make, sides))
            for one in sides:
                one.count()
            for turn in range(ROUNDS):
                for one in sides if turn % 2 == 0 else sides[::-1]:
                    one.measure()
                    print(f"{one.title}: {one.clock[-1]:.1f} s, {one.work[-1]:.1f} s of processors", flush=True)
        finally:
            for one in sides:
                one.site.down()
    first, second = sides
    show(
        (f"{one.title}, {what}, median of {ROUNDS}", statistics.median(values))
        for one in sides
        for what, values in (("clock", one.clock), ("processors", one.work))
    )
    print(f"by the clock {ratio(first.clock, second.clock):+.1f} %, processors {ratio(first.work, second.work):+.1f} %")
    for one in sides:
        print(f"{one.title}: commands over SSH by address: {dict(sorted(one.trips.items()))}")


if __name__ == "__main__":
    main()
