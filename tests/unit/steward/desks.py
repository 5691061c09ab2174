# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steward put together for tests, with runs that are noted and end when the test says so."""

from __future__ import annotations

import datetime
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import askers
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.judge import Place
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.nonces import Store
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.effects import Run
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import ids, places
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.desk import Desk
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.dispatch import Dispatch
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.journal import Entry, Journal
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.progress import Progress

NAMES = ("mara", "mike", "wim", "sue", "lou", "stan", "eve", "sol", "olga", "otto", "lock")


@dataclass
class FakeProcess:
    """A run that ends when the test says so."""

    run: Run
    result: str | None = None
    news: list[Progress] = field(default_factory=list)
    stopped: bool = False

    def ended(self) -> str | None:
        return "it was interrupted" if self.stopped else self.result

    def progress(self) -> Sequence[Progress]:
        news, self.news = self.news, []
        return news

    def left(self) -> int | None:
        return None

    def stop(self) -> None:
        self.stopped = True


@dataclass
class FakeRunner:
    """Notes what was begun; ``result`` is how runs end: None for not yet."""

    begun: list[FakeProcess] = field(default_factory=list)
    result: Callable[[Run], str | None] = field(default=lambda _run: "")

    def start(self, run: Run, label: str) -> FakeProcess:
        self.begun.append(FakeProcess(run, self.result(run)))
        return self.begun[-1]

    @property
    def commands(self) -> list[str]:
        return [one.run.command() for one in self.begun]


class Steward:
    """The parts of the steward, put together as its program does; ``restart`` is what follows after kill -9."""

    def __init__(self, folder: Path, source: Path, roles: Path) -> None:
        self.folder, self.source, self.roles = folder, source, roles
        self.runner = FakeRunner()
        self.time = askers.now()
        self.opened = self.time - datetime.timedelta(days=30)  # statements count that were made after the store was
        self.open()

    def open(self) -> None:
        self.used = Store(self.folder / "nonces", self.folder / "marker", self.opened)
        self.journal = Journal(self.folder / "steward")
        options = operations.options_of(self.source, self.roles)
        place = Place(askers.HOST, (askers.ORIGIN,), askers.HOST)
        self.desk = Desk(options, place, self.journal, self.used, lambda: self.time)
        members = places.members(self.desk.known)
        self.dispatch = Dispatch(self.journal, self.runner, members, lambda: 1e12)

    def restart(self) -> None:
        self.journal.close()
        self.used.close()
        self.open()

    def hand_in(self, body: Any) -> str:
        id_ = ids.new()
        self.desk.take(id_, json.dumps(body))
        return id_

    def ask(self, body: Any) -> Entry:
        """Hand a request in, and let the desk do its part."""
        id_ = self.hand_in(body)
        while self.desk.work():
            pass
        return self.entry(id_)

    def entry(self, id_: str) -> Entry:
        found = self.journal.entry(id_)
        assert found is not None
        return found

    def run(self) -> None:
        """Let all that can be done be done."""
        while self.desk.work() or self.dispatch.work():
            pass

    def read(self) -> Any:
        return self.desk.description()


def git(folder: Path, *arguments: str) -> str:
    names = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    return subprocess.check_output(["git", "-C", str(folder), *names, *arguments], text=True).strip()
