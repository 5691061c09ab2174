# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's side of its turns: what it asks, what it does with one, and what it does when nobody answers."""

from __future__ import annotations

import grp
import json
import os
import pwd
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ringmaster.check import results
from ringmaster.maintenance import hooks, turns
from ringmaster.maintenance import main as people
from ringmaster.maintenance.turns import Turn, Unreachable
from ringmaster.updates import checks, hardware, main, visit

UNREACHABLE = "no route"


class Machine:
    """A machine whose service, programs and clock are made up."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.asked: list[tuple[str, Any]] = []
        self.ran: list[str] = []
        self.slept: list[float] = []
        self.answers: list[Any] = []
        self.reason = "a package asks for it"
        self.hook = ("go", "")
        self.fails = False
        self.breaks = False
        for module, names in (
            (main, ("CONFIGURATION", "STATE", "RUNNING", "METRICS", "PLANNED", "REBOOT_FLAG", "LOCK")),
            (turns, ("ACCESS", "TURN", "TOLD", "RESULTS")),
            (visit, ("HEARD", "BACKUP", "DUMPS")),
        ):
            for name in names:
                monkeypatch.setattr(module, name, folder / name)
        monkeypatch.setattr(checks, "STATE", folder / "STATE")
        monkeypatch.setattr(turns, "ask", self.ask)
        monkeypatch.setattr(hooks, "run", self.run_hooks)
        monkeypatch.setattr(main, "_run", self.run)
        monkeypatch.setattr(main, "_reboot_reason", lambda: self.reason)
        monkeypatch.setattr(main, "_lists_of", lambda: 0.0)
        for module in (main, visit):
            monkeypatch.setattr(module.time, "sleep", self.slept.append)
        configuration = {
            "automatic": True,
            "window": {"days": ["mon"], "start": "00:00", "hours": 1, "timezone": "Etc/UTC", "exclusions": []},
            "guarded_packages": [],
            "guarded_services": ["postgresql*"],
            "security_labels": [],
            "notice_hours": 24,
            "work_seconds": 300,
            "reboot_seconds": 600,
            "announce_seconds": 0,
        }
        # A day on which no window is.
        day = time.strftime("%a", time.gmtime(time.time() + 3 * 86400)).lower()
        configuration["window"]["days"] = [day]  # type: ignore[index]
        (folder / "CONFIGURATION").write_text(json.dumps(configuration))
        (folder / "ACCESS").touch()
        found = [results.Result("x", name, status, "", "", 0, 0, 0, 60) for name, status in (("y", 2), ("z", 1))]
        (folder / "RESULTS").write_text(json.dumps(results.document(found, 0, {})))

    def ask(self, question: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((question, body))
        answer = self.answers.pop(0) if self.answers else {"wait": "x", "try_after": 600, "appointment": None}
        if answer == UNREACHABLE:
            raise Unreachable(UNREACHABLE)
        return answer

    def run_hooks(self, moment: str, *, reboot: bool) -> tuple[str, str]:
        self.ran.append(f"hooks {moment} {reboot}")
        return self.hook if moment == "enter" else ("go", "")

    def run(self, argv: list[str], *, check: bool = True) -> str:
        self.ran.append(" ".join(argv))
        if self.breaks or ("install" in argv and self.fails):
            raise SystemExit(1)
        if argv[0] == "needrestart":
            return "NEEDRESTART-SVC: postgresql@17-main.service\n"
        return "Inst nano [8.4-1] (8.4-2 Debian:13.2/stable [amd64])\n" if "--simulate" in argv else ""

    def work(self) -> None:
        main.main(["window"])

    @property
    def has_rebooted(self) -> bool:
        return "systemctl reboot" in self.ran

    @property
    def said(self) -> list[Any]:
        return [body.get("result", question) for question, body in self.asked]

    def turn(self, number: int = 1, seconds: float = 1200, **more: Any) -> dict[str, Any]:
        return {"turn": number, "until": time.time() + seconds, "units": [], "reboot": True, **more}


@pytest.fixture
def vm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_it_says_what_it_needs_and_how_it_is(vm: Machine) -> None:
    vm.work()
    ((question, body),) = vm.asked
    assert question == "turn" and body["critical"] == ["x/y"] and (body["holding"], body["highest"]) == (0, 0)
    assert body["need"] | {"since": 0, "versions": ""} == {
        "since": 0,
        "versions": "",
        "units": [],
        "reboot": True,
        "reason": "a package asks for it",
        "security": True,
    }
    assert not vm.has_rebooted


def test_a_turn_brings_all_updates_and_restarts_and_the_reboot_last(vm: Machine) -> None:
    vm.answers = [vm.turn()]
    vm.work()
    done = [one for one in vm.ran if one.startswith(("hooks", "systemctl")) or "install" in one]
    assert done[0] == "hooks enter True" and "nano" in done[1]
    assert done[-1] == "systemctl reboot"
    assert vm.said == ["turn"], "that it is done is said after the reboot"
    assert turns.remembered()["turn"] == 1
    assert "running 1" in (vm.folder / "RUNNING").read_text()


def test_after_the_reboot_it_says_so_until_it_is_heard(vm: Machine) -> None:
    turns._remember({"turn": 4, "highest": 4, "until": time.time() + 900})
    settling = {"wait": "", "try_after": 60, "appointment": {"state": "settling"}}
    vm.answers = [UNREACHABLE, UNREACHABLE, {"try_after": 181}, settling]
    main.main(["arrived"])
    assert vm.said == ["done", "done", "done", "turn", "turn"] and vm.ran == ["hooks leave True"]
    assert vm.slept == [20, 20, 181, 60]
    assert turns.remembered() == {"turn": 0, "highest": 4, "until": 0.0}
    vm.asked.clear()
    main.main(["arrived"])
    assert vm.asked == [], "without a turn a reboot is nobody's matter"


@pytest.mark.parametrize(("minutes", "times"), [(5, 3), (-30, 3), (60, 1), (None, 1)])
def test_a_service_that_begins_again_is_asked_again_by_whoever_is_near(
    vm: Machine, minutes: float | None, times: int
) -> None:
    held = {"state": "announced", "begin": time.time() + 60 * minutes} if minutes is not None else None
    turns.told({"appointment": held})
    vm.answers = [UNREACHABLE, UNREACHABLE, vm.turn()]
    vm.work()
    assert vm.said == ["turn"] * times and vm.slept[: times - 1] == [20] * (times - 1)
    assert vm.has_rebooted == (times == 3)


def test_what_waits_for_a_restart_of_the_vm_comes_with_its_turn(vm: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guest reboots itself once, and of that the hypervisor makes the restart; nobody else is needed."""
    configuration = json.loads((vm.folder / "CONFIGURATION").read_text())
    configuration["hardware"] = {"memory_max_mib": 4096, "cores": 2}
    (vm.folder / "CONFIGURATION").write_text(json.dumps(configuration))
    memory = 1024
    monkeypatch.setattr(hardware, "memory_mib", lambda *_none: memory)
    monkeypatch.setattr(hardware, "most_cores", lambda *_none: 2)
    monkeypatch.setattr(hardware, "CONTAINER", vm.folder / "container")
    vm.reason = ""
    vm.work()
    assert vm.asked[0][1]["need"]["reason"] == "it brings 4096 MiB of memory instead of 1024" and not vm.has_rebooted
    vm.answers = [vm.turn()]
    vm.work()
    assert vm.ran.count("systemctl reboot") == 1
    memory = 4096
    vm.answers = [{"try_after": 181}]
    main.main(["arrived"])
    vm.asked.clear()
    vm.work()
    # The database uses replaced code in this machine whatever was restarted.
    assert not vm.asked[0][1]["need"]["reboot"] and vm.ran.count("systemctl reboot") == 1


def test_without_a_reboot_it_is_done_at_once(vm: Machine) -> None:
    vm.reason = ""
    vm.answers = [{"wait": ""}, vm.turn(), {"try_after": 181}]
    vm.work()
    (vm.folder / "STATE").write_text(json.dumps({"seen": {}, "restarts": {"postgresql@17-main.service": 1.0}}))
    vm.work()
    assert "systemctl try-restart postgresql@17-main.service" in vm.ran
    assert vm.said == ["turn", "turn", "done", "turn"] and vm.slept == [181]
    assert not vm.has_rebooted and "running 0" in (vm.folder / "RUNNING").read_text()


def test_while_nobody_answers_nothing_is_restarted(vm: Machine) -> None:
    vm.answers = [UNREACHABLE]
    vm.work()
    assert not vm.has_rebooted and not [one for one in vm.ran if "try-restart" in one]
    assert checks.turn(24, 14)[0] == 0 and "has not answered" in checks.turn(24, 14)[1]
    kept = {"silent_since": time.time() - 25 * 3600}
    (vm.folder / "HEARD").write_text(json.dumps(kept))
    vm.answers = [UNREACHABLE]
    vm.work()
    assert checks.turn(24, 14)[0] == 1
    (vm.folder / "STATE").write_text(json.dumps({"restarts": {"the machine": time.time() - 15 * 86400}}))
    assert checks.turn(24, 14)[0] == 2
    vm.work()
    assert checks.turn(24, 14)[1].startswith("A restart has waited")


def test_a_machine_that_people_update_needs_no_turn_and_says_how_it_is(vm: Machine) -> None:
    configuration = json.loads((vm.folder / "CONFIGURATION").read_text())
    (vm.folder / "CONFIGURATION").write_text(json.dumps({**configuration, "automatic": False}))
    vm.work()
    assert vm.asked[0][1]["need"] is None and vm.asked[0][1]["critical"] == ["x/y"]


def test_a_machine_whose_packages_are_broken_is_heard_of_all_the_same(vm: Machine) -> None:
    (vm.folder / "STATE").write_text(json.dumps({"restarts": {"the machine": 1.0}}))
    vm.breaks = True
    assert main.main(["window"]) == 1
    assert vm.asked[0][1]["need"]["reboot"] and not vm.has_rebooted
    (vm.folder / "STATE").unlink()
    assert main.main(["window"]) == 1 and vm.asked[1][1]["need"] is None


@pytest.mark.parametrize(("number", "is_taken"), [(3, False), (5, False), (6, True)])
def test_a_turn_that_is_not_newer_is_none(vm: Machine, number: int, is_taken: bool) -> None:
    turns._remember({"turn": 0, "highest": 5, "until": 0})
    vm.answers = [vm.turn(number)]
    vm.work()
    assert vm.has_rebooted is is_taken


def test_a_turn_that_it_was_given_before_goes_on(vm: Machine) -> None:
    turns._remember({"turn": 5, "highest": 5, "until": time.time() + 900})
    vm.answers = [vm.turn(5)]
    vm.work()
    assert vm.asked[0][1]["holding"] == 5 and vm.has_rebooted


def test_a_turn_that_has_ended_is_forgotten(vm: Machine) -> None:
    turns._remember({"turn": 5, "highest": 5, "until": 0})
    vm.answers = [{"wait": "your turn has ended", "ended": 5, "try_after": 60}]
    vm.work()
    assert [body["holding"] for _question, body in vm.asked] == [5, 0] and not vm.has_rebooted


def test_it_does_not_begin_a_reboot_that_would_not_end_within_its_turn(vm: Machine) -> None:
    vm.answers = [vm.turn(seconds=599)]
    vm.work()
    assert not vm.has_rebooted and "done" in vm.said


def test_work_that_fails_is_told(vm: Machine) -> None:
    vm.answers, vm.fails = [vm.turn()], True
    with pytest.raises(SystemExit):
        vm.work()
    assert vm.said == ["turn", "failed"] and turns.remembered()["turn"] == 0
    assert "running 0" in (vm.folder / "RUNNING").read_text()


@pytest.mark.parametrize(
    ("hook", "last", "said"),
    [("retry", False, "retry"), ("postpone", False, "postpone"), ("postpone", True, None), ("go", False, None)],
)
def test_hooks_have_their_say(vm: Machine, hook: str, last: bool, said: str | None) -> None:
    vm.hook = (hook, "10-queue of s-app asks for it")
    vm.answers = [vm.turn(is_last_call=last), {}]
    vm.work()
    assert vm.has_rebooted is (said is None) and (said in vm.said) is (said is not None)


@pytest.mark.parametrize(("age", "code", "goes"), [(1, 1, True), (27, 0, True), (27, 1, False)])
def test_data_without_a_fresh_backup_are_backed_up_first(
    vm: Machine, monkeypatch: pytest.MonkeyPatch, age: float, code: int, goes: bool
) -> None:
    (vm.folder / "DUMPS").mkdir()
    (vm.folder / "DUMPS/postgresql.json").touch()
    (vm.folder / "BACKUP").write_text(json.dumps({"last_success": time.time() - age * 3600}))
    monkeypatch.setattr(visit.subprocess, "run", lambda *_argv, **_more: SimpleNamespace(returncode=code))
    vm.answers = [vm.turn()]
    vm.work()
    assert vm.has_rebooted is goes and ("retry" in vm.said) is not goes


def test_what_begins_in_some_minutes_is_waited_for(vm: Machine) -> None:
    held = {"state": "announced", "begin": time.time() + 200, "seconds": 600}
    vm.answers = [{"wait": "early", "try_after": 200, "appointment": held}, vm.turn()]
    vm.work()
    assert vm.slept[0] == 200 and vm.has_rebooted
    assert "restart of the machine, from " in (vm.folder / "PLANNED").read_text()


def test_without_the_service_it_decides_as_before(vm: Machine) -> None:
    (vm.folder / "ACCESS").unlink()
    vm.work()
    assert vm.asked == [] and not vm.has_rebooted
    assert checks.turn(24, 14)[0] == 0


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        ({}, "Nothing is planned."),
        ({"state": "none", "stopped": "a failed"}, "Stopped: a failed."),
        (
            {"state": "announced", "begin": 1e9, "seconds": 600, "reboot": True, "units": ["x"], "reason": "kernel"},
            "2001-09-09 01:46 UTC: restart of the machine, x (kernel), about 10 min.",
        ),
        (
            {"state": "scheduled", "begin": 1, "seconds": 20, "units": ["x"]},
            "as soon as it may begin: restart of x, about 1 min, not announced yet.",
        ),
        ({"state": "running", "reboot": True}, "Now: restart of the machine."),
    ],
)
def test_what_people_read(planned: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert people.sentence(planned, 100.0) == said


def test_only_root_asks_for_others(vm: Machine, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(people.os, "geteuid", lambda: 1000)
    assert people.main(["now"]) == 1 and "sudo" in capsys.readouterr().err
    monkeypatch.setattr(people.os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "nobody")
    vm.answers = [{"said": "It is postponed.", "appointment": None}]
    assert people.main(["postpone"]) == 0
    assert vm.asked == [("postpone", {"by": "nobody"})]


def hook(folder: Path, name: str, text: str, mode: int = 0o755) -> Path:
    place = folder / "enter.d"
    place.mkdir(exist_ok=True)
    path = place / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


@pytest.fixture
def as_service(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that lets an account be a service user."""

    def be(uid: int) -> None:
        real = pwd.getpwuid(uid)
        monkeypatch.setattr(hooks.grp, "getgrgid", lambda _gid: SimpleNamespace(gr_name="service"))
        monkeypatch.setattr(hooks.pwd, "getpwuid", lambda _uid: real)

    return be


def test_hooks_of_root_of_others_and_what_others_may_write_are_left_out(tmp_path: Path) -> None:
    hook(tmp_path, "10-mine", "true")
    hook(tmp_path, "20-open", "true", 0o777)
    hook(tmp_path, "30-text", "true", 0o644)
    hook(tmp_path, "README", "true")
    (tmp_path / "enter.d/40-link").symlink_to("/bin/true")
    (tmp_path / "enter.d/..bad").write_text("")
    found, left_out = hooks.find("enter", tmp_path)
    assert found == []
    assert left_out == [
        "10-mine: it belongs to no service user",
        "20-open: others than its owner may write it (chmod go-w)",
        "30-text: it is not executable (chmod u+x)",
        "40-link: it is no file",
    ]
    assert hooks.find("leave", tmp_path) == ([], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("text", "expected"),
    [("exit 0", "go"), ("exit 75", "retry"), ("exit 69", "postpone"), ("exit 3", "go"), ("sleep 60", "go")],
)
def test_a_hook_runs_as_its_owner(
    text: str, expected: str, as_service: Callable[[int], None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("hooks")
    for place in (folder, *folder.parents):
        if str(place).startswith("/tmp/"):
            place.chmod(0o755)
    nobody = pwd.getpwnam("nobody")
    out = folder / "out"
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    path = hook(folder, "10-note", f"id -un > {out}/who; echo $MAINTENANCE $MAINTENANCE_REBOOT >> {out}/who; {text}")
    os.chown(path, nobody.pw_uid, nobody.pw_gid)
    group = grp.getgrgid(nobody.pw_gid)
    assert group
    as_service(nobody.pw_uid)
    assert hooks.run("enter", reboot=True, seconds=1, folder=folder)[0] == expected
    assert (out / "who").read_text().split() == ["nobody", "enter", "1"]


def test_a_turn_says_how_much_is_left_of_it() -> None:
    assert 99 < Turn(1, time.time() + 100).left() <= 100
