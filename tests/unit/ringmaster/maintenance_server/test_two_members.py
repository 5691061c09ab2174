# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real service and two machines that stand in for each other, over TLS: only what acts on the system is made up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from maintenance_served import Served
from ringmaster.maintenance import hooks, turns
from ringmaster.maintenance_server.ledger import read
from ringmaster.updates import main, visit

pytestmark = pytest.mark.thorough


class Member:
    """A machine by its files. Only one at a time may be this process's: ``as_me`` says which."""

    def __init__(self, name: str, folder: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name, self.folder, self.monkeypatch = name, folder, monkeypatch
        self.reason = "a package asks for it"
        self.reboots = 0
        folder.mkdir()
        window = {"days": ["mon"], "start": "00:00", "hours": 1, "timezone": "Etc/UTC"}
        configuration = {"automatic": True, "window": window, "guarded_packages": [], "guarded_services": []}
        configuration |= {"security_labels": [], "notice_hours": 0, "work_seconds": 0, "reboot_seconds": 30}
        (folder / "CONFIGURATION").write_text(json.dumps(configuration | {"announce_seconds": 0}))
        access = {"url": f"https://127.0.0.1:{served.port}", "name": name, "password": f"{name}-word"}
        (folder / "ACCESS").write_text(json.dumps(access | {"ca": str(served.folder / "fullchain.pem")}))
        (folder / "RESULTS").write_text(json.dumps({"checks": []}))

    def as_me(self) -> None:
        for module, names in (
            (main, ("CONFIGURATION", "STATE", "RUNNING", "METRICS", "PLANNED", "REBOOT_FLAG", "LOCK")),
            (turns, ("ACCESS", "TURN", "TOLD", "RESULTS")),
            (visit, ("HEARD", "BACKUP", "DUMPS")),
        ):
            for name in names:
                self.monkeypatch.setattr(module, name, self.folder / name)
        self.monkeypatch.setattr(main, "_run", self.run)
        self.monkeypatch.setattr(main, "_reboot_reason", lambda: self.reason)
        self.monkeypatch.setattr(main, "_lists_of", lambda: 0.0)
        self.monkeypatch.setattr(main, "ASKS_SECONDS", 0)
        self.monkeypatch.setattr(hooks, "FOLDER", self.folder / "hooks")

    def run(self, argv: list[str], *, check: bool = True) -> str:
        if argv == ["systemctl", "reboot"]:
            self.reboots += 1
        return ""

    def window(self) -> None:
        """The timer's run."""
        self.as_me()
        main.main(["window"])

    def now(self) -> None:
        self.as_me()
        turns.told(turns.ask("now", {"by": "ada"}))

    def arrive(self) -> None:
        """It has come up again, and needs nothing any more."""
        self.reason = ""
        self.as_me()
        main.main(["arrived"])

    @property
    def told(self) -> dict[str, Any]:
        return json.loads((self.folder / "TOLD").read_text())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path / "service")
    yield found
    found.process.kill()
    found.process.wait()


@pytest.fixture
def pair(tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> tuple[Member, Member]:
    return Member("a", tmp_path / "a", served, monkeypatch), Member("b", tmp_path / "b", served, monkeypatch)


def kinds(served: Served) -> list[tuple[str, str]]:
    wanted = ("running", "settling", "done", "failed")
    found = read(served.folder / "events.jsonl")
    return [(event["kind"], event["machine"]) for event in found if event["kind"] in wanted]


def test_the_second_one_goes_when_the_first_is_well(served: Served, pair: tuple[Member, Member]) -> None:
    first, second = pair
    for one in pair:
        one.window()
    for one in pair:
        one.now()
    first.window()
    assert first.reboots == 1 and kinds(served) == [("running", "a")]
    # While it is away, and until it has been seen to be well, the other one stays.
    second.window()
    assert second.reboots == 0
    coming = threading.Event()
    coming.wait(1)
    first.arrive()
    assert kinds(served) == [("running", "a"), ("settling", "a"), ("done", "a")]
    assert first.told["state"] == "none"
    second.window()
    assert second.reboots == 1
    second.arrive()
    assert kinds(served)[3:] == [("running", "b"), ("settling", "b"), ("done", "b")]


def test_one_that_comes_back_ill_keeps_the_other_from_its_turn(served: Served, pair: tuple[Member, Member]) -> None:
    first, second = pair
    for one in pair:
        one.window()
    for one in pair:
        one.now()
    first.window()
    ill = [{"component": "redis", "check": "login", "status": 2}]
    (first.folder / "RESULTS").write_text(json.dumps({"checks": ill}))
    first.reason = ""
    first.as_me()
    turns.end(1, "done")
    time.sleep(1.1)
    first.window()
    second.window()
    assert second.reboots == 0 and kinds(served) == [("running", "a"), ("settling", "a")]


def test_while_the_service_is_away_nobody_is_restarted(served: Served, pair: tuple[Member, Member]) -> None:
    first, second = pair
    for one in pair:
        one.window()
        one.now()
    served.process.kill()
    served.process.wait()
    for one in pair:
        one.window()
        one.as_me()
        main.main(["security"])
        assert one.reboots == 0 and visit.heard()["silent_since"]
    served.begin()
    first.window()
    assert first.reboots == 0, "the other one has not been heard of since the service began"
    second.window()
    assert second.reboots == 1
