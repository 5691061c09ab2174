# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that an earlier commit has made become this checkout's, and nobody who uses them notices.

A light machine of each kind is made by BASE, gets data, and is converged by this checkout: in one go, and with runs
before that are cut short. Fresh machines of the same platform say what must be there in the end. Takes half an hour.

UPGRADE_FOLDER=<folder> keeps the labs there for the next run, which then begins with what BASE has made.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from upgrade_facts import KINDS, Kind, Record, assert_complete, assert_untouched, manifest, record
from upgrade_site import HERE, Machine, Site, changes, checkout

BASE = "7439801"
"""The commit before *One house*: what platforms ran before the machine's program moved into role `machine`."""

CUTS = {
    # The synchronisation of every ten minutes is the first to run with new code; then somebody tries a part.
    "parts": [("accounts.yml", 0), ("base.yml", 0), ("components.yml", 0)],
    # By what part of a whole run's time has passed when it is killed.
    "killed": [("site.yml", 0.2), ("site.yml", 0.5), ("site.yml", 0.8)],
}
"""Runs that do not come to the end, one after the other, each from what the one before left."""

NAMES = [kind.machine for kind in KINDS]


@contextmanager
def timed(title: str) -> Iterator[list[float]]:
    """Tell how long a phase takes; the list gets its seconds."""
    begin = time.monotonic()
    seconds: list[float] = []
    yield seconds
    seconds.append(time.monotonic() - begin)
    print(f"{seconds[0]:7.1f} s  {title}", flush=True)


@dataclass
class Drill:
    """The machines that BASE has made, and the state of the drill."""

    site: Site
    machines: dict[str, Machine]
    number: int = 10
    """Of the drop-ins that are in use."""
    seconds: float = 0
    """What a whole run takes, once it is known."""
    before: dict[str, Record] = field(default_factory=dict)

    def each(self, act: Callable[[Machine, Kind], object]) -> dict[str, object]:
        """Do something on all machines at once; return the answers by name."""
        with ThreadPoolExecutor(len(KINDS)) as pool:
            return dict(zip(NAMES, pool.map(lambda kind: act(self.machines[kind.machine], kind), KINDS), strict=True))

    def put(self, machine: Machine, kind: Kind) -> None:
        """Put data on a machine, and a drop-in into each inbox."""
        for fact in kind.facts(self.number):
            machine.check_output(fact.put)

    def read(self, machine: Machine, kind: Kind) -> None:
        """See that data are there and drop-ins in use."""
        for fact in kind.facts(self.number):
            machine.becomes(fact.ask, fact.answer)

    def use(self, machine: Machine, kind: Kind) -> None:
        """Let a machine do all that it does by itself: check itself, take drop-ins, back itself up and prove that."""
        machine.check_output("systemctl start ringmaster-check.service")
        for fact in kind.drop_ins(self.number):
            machine.check_output(fact.put)
        self.read(machine, kind)
        if kind.table.get("backed_up", True):
            machine.check_output("systemctl start ringmaster-backup.service", 600)
            machine.check_output("systemctl start ringmaster-backup-proof.service", 600)

    def works(self) -> None:
        """See that all machines work, and that nothing on them has changed for those who use them."""
        self.each(self.read)
        self.number += 1
        self.each(self.use)
        self.each(lambda machine, kind: assert_untouched(machine, kind, self.before[machine.name]))

    def remember(self) -> None:
        """Keep in mind how the machines are now."""
        self.before = self.each(record)  # type: ignore[assignment]
        self.each(lambda machine, kind: assert_complete(kind, self.before[machine.name]))

    def converge(self, fresh: dict[str, dict[str, str]]) -> None:
        """Make the machines this checkout's: they work, and are as fresh ones."""
        with timed("converge") as seconds:
            self.site.play(HERE, "site.yml")
        self.seconds = self.seconds or seconds[0]
        with timed("all works"):
            self.works()
        for name, found in self.each(lambda machine, kind: manifest(machine)).items():
            assert sorted(found.keys() - fresh[name].keys()) == [], f"{name}: a fresh machine has none of these"
            assert sorted(fresh[name].keys() - found.keys()) == [], f"{name}: missing, a fresh machine has them"
            other = {path: (rest, fresh[name][path]) for path, rest in found.items() if rest != fresh[name][path]}
            assert not other, f"{name}: as it is, and as a fresh machine has it"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    chosen = os.environ.get("UPGRADE_FOLDER")
    return Path(chosen).absolute() if chosen else tmp_path_factory.mktemp("upgrade")


def site_in(folder: Path, name: str, born: Path) -> Site:
    (folder / name).mkdir(parents=True, exist_ok=True)
    return Site(f"upg-{name}-{zlib.crc32(str(folder).encode()):08x}", folder / name, born)


@pytest.fixture(scope="module")
def fresh(folder: Path) -> dict[str, dict[str, str]]:
    """What fresh machines have of ours, by machine and path."""
    kept = folder / "fresh.json"
    if not kept.exists():
        site = site_in(folder, "fresh", HERE)
        try:
            with timed("fresh machines: up"):
                site.up()
            with timed("fresh machines: converge"):
                site.play(HERE, "site.yml")
            machines = site.machines()
            found = {name: manifest(machines[name]) for name in NAMES}
        finally:
            site.down()
        kept.write_text(json.dumps(found, indent=1))
    return json.loads(kept.read_text())


@pytest.fixture(scope="module")
def drill(folder: Path, fresh: object) -> Iterator[Drill]:
    """Machines that BASE has made, with data on them."""
    # Not beside the site: playbooks take the collections that lie in their own folder.
    code = folder / "commit"
    if not code.exists():
        checkout(BASE, code)
    site = site_in(folder, "base", code)
    try:
        if not (site.folder / "kept").exists():
            with timed("base: up"):
                site.up()
            # Again, because mail servers say only then what the name server should say.
            for title in ("base: converge", "base: again"):
                with timed(title):
                    site.play(code, "site.yml")
            found = Drill(site, site.machines())
            with timed("base: data, first backups"):
                found.each(found.put)
                found.each(found.use)
            with timed("base: keep"):
                site.keep()
        yield Drill(site, site.machines())
    finally:
        if "UPGRADE_FOLDER" not in os.environ:
            site.down()


@pytest.fixture
def at_base(drill: Drill) -> Drill:
    """The machines as BASE left them."""
    with timed("back to base"):
        drill.site.restore()
        # A lab's start writes /etc/hosts and resolv.conf; and the first run after it restarts haproxy, which forgets
        # with /run what it has loaded.
        drill.site.play(drill.site.born, "base.yml", "components.yml")
    drill.number = 10
    drill.each(drill.read)
    with timed("look at it"):
        drill.remember()
    return drill


def test_in_one_go(at_base: Drill, fresh: dict[str, dict[str, str]]) -> None:
    at_base.converge(fresh)
    with timed("again"):
        changed = changes(at_base.site.play(HERE, "site.yml"))
    assert set(NAMES) <= set(changed)
    assert set(changed.values()) == {0}, changed
    with timed("all works"):
        at_base.works()


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_after_runs_cut_short(at_base: Drill, fresh: dict[str, dict[str, str]], cuts: list[tuple[str, float]]) -> None:
    for playbook, part in cuts:
        with timed(f"{playbook}{f', killed after {part:.0%} of its time' if part else ''}"):
            at_base.site.play(HERE, playbook, cut=part * (at_base.seconds or 120))
        with timed("all works"):
            at_base.works()
    at_base.converge(fresh)
