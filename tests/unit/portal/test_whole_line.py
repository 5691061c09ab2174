# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole line: a person asks the server, the steward fetches it by TLS, writes a commit, runs it, and tells."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import askers
import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.certificates import authority as authorities
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.effects import Run
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import program as programs
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.program import Program
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.queue_client import (
    Queue,
    QueueError,
    SupersededError,
)
from callers import Person
from django.core.wsgi import get_wsgi_application
from listeners import Listener, certificate, closing, context_of, steward_side
from portal.queue import models, snapshots, store

sys.path.append(str(Path(__file__).parents[1] / "steward"))
from desks import FakeRunner, git

pytestmark = pytest.mark.thorough
ORDER = ("order_vm", {"project": "shop"})


def wait_for(what: Callable[[], Any], seconds: float = 180) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


class Line:
    """Server, repository and steward."""

    def __init__(self, folder: Path, town: dict[str, str]) -> None:
        self.folder = folder
        authority = authorities.create("Test")
        (folder / "ca.pem").write_text(authority.pem)
        self.names = {name: certificate(authority, folder, name) for name in ("portal", "ctl0", "shop00")}
        self.listener = Listener(steward_side(), context_of(folder / "ca.pem", self.names["portal"]))
        for name, text in town.items():
            path = folder / "first" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        source = f"plugin: ringmaster.hosting.platform\ndescription_repo: {folder / 'bare.git'}\n"
        (folder / "first/platform.ringmaster.yml").write_text(source)
        (folder / "first/.gitignore").write_text("known_hosts\n")
        git(folder, "init", "-q", "--bare", "-b", "main", "bare.git")
        git(folder / "first", "init", "-q", "-b", "main")
        git(folder / "first", "add", "-A")
        git(folder / "first", "commit", "-qm", "Begin")
        git(folder / "first", "push", "-q", str(folder / "bare.git"), "HEAD:main")
        self.stewards: list[tuple[Program, threading.Thread]] = []
        self.runner = FakeRunner()

    def queue(self, name: str = "ctl0") -> Queue:
        own = self.names[name]
        return Queue(f"https://127.0.0.1:{self.listener.port}", *own, self.folder / "ca.pem")

    def start(self, name: str = "one", **more: Any) -> Program:
        place = self.folder / name
        if not place.exists():
            git(self.folder, "clone", "-q", "bare.git", name)
        roles = self.folder / "roles"
        roles.mkdir(exist_ok=True)
        own = self.names["ctl0"]
        program = Program(
            {
                "queue": f"https://127.0.0.1:{self.listener.port}",
                "certificate": str(own[0]),
                "key": str(own[1]),
                "authority": str(self.folder / "ca.pem"),
                "host": askers.HOST,
                "source": str(place / "platform.ringmaster.yml"),
                "roles": str(roles),
                "state": str(self.folder / f"{name}-state"),
                "playbooks": str(self.folder),
                **more,
            },
            self.runner,
        )
        program.used.signed_after = "1970-01-01T00:00:00Z"
        thread = threading.Thread(target=program.run, daemon=True)
        thread.start()
        self.stewards.append((program, thread))
        return program

    def end(self) -> None:
        for program, thread in self.stewards:
            program.stop()
            thread.join(30)
            assert not thread.is_alive()
            program.journal.close()
            program.used.close()
        self.stewards = []

    def log(self) -> list[str]:
        return git(self.folder / "bare.git", "log", "--format=%s", "main").splitlines()


@pytest.fixture
def line(tmp_path: Path, town: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(programs, "WAIT", 1)
    monkeypatch.setattr(programs, "LONGEST_PAUSE", 1.0)
    one = Line(tmp_path, town)
    yield one
    one.end()
    one.listener.close()


@pytest.fixture
def mara(line: Line, people: dict[str, askers.Asker]) -> Person:
    """Give somebody who has signed in, as soon as the steward has handed over the description."""
    line.start()
    wait_for(snapshots.commit)
    return Person(people["mara"])


def ask(person: Person, *changes: Any) -> str:
    answer = person.post("requests", {"request": askers.wish(*(changes or [ORDER]))})
    assert answer.status_code == 202, answer.content
    return answer.json()["id"]


def ended(person: Person, id_: str) -> Any:
    def look() -> Any:
        found = person.get(f"requests/{id_}").json()
        return found if found["state"] in ("applied", "failed", "refused", "cancelled", "expired") else None

    return wait_for(look)


def test_from_the_request_to_the_run_and_back(line: Line, mara: Person) -> None:
    found = ended(mara, ask(mara))
    assert (found["state"], found["subject"], found["commit"]) == (
        "applied",
        "shop03",
        git(line.folder / "bare.git", "rev-parse", "main"),
    )
    assert line.log() == ["order_vm shop03", "Begin"]
    assert line.runner.commands == ['playbooks/converge_vm.yml -e \'{"vm": ["shop03"]}\'']
    wait_for(lambda: snapshots.commit() == found["commit"])
    assert "shop03" in snapshots.current().vms
    refused = ended(mara, ask(mara))
    assert (refused["state"], "quota.vms" in refused["reasons"][0]) == ("refused", True)


def test_people_use_their_client(line: Line, town: dict[str, str], tmp_path: Path) -> None:
    """``ringctl`` signs in, orders, waits for the end, and is told what is refused."""
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    path = line.folder / "first/users/mara.yml"
    record = yaml.safe_load(path.read_text())
    record["ssh_keys"] = [key.with_suffix(".pub").read_text().strip()]
    path.write_text(yaml.safe_dump(record, sort_keys=False))
    git(line.folder / "first", "commit", "-qam", "Give a key")
    git(line.folder / "first", "push", "-q", str(line.folder / "bare.git"), "HEAD:main")
    line.start()
    wait_for(snapshots.commit)
    people_side = Listener(closing(get_wsgi_application()))
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "RINGCTL_KEY": str(key)}
    environment |= {"RINGCTL_SERVER": f"http://127.0.0.1:{people_side.port}", "RINGCTL_PERSON": "mara"}
    environment |= {"RINGCTL_HOST": askers.HOST}

    def ringctl(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, str(Path(__file__).parents[3] / "bin/ringctl"), *words]
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False
        )
        print(done.args[1:], done.returncode, done.stdout, done.stderr)
        return done

    try:
        assert ringctl("setup").returncode == 0
        assert "shop03" in ringctl("order-vm", "--project", "shop", "--dry-run").stdout
        done = ringctl("order-vm", "--project", "shop", "--wait")
        assert done.returncode == 0
        assert line.log()[0] == "order_vm shop03"
        assert "applied" in ringctl("list").stdout
        refused = ringctl("order-vm", "--project", "shop", "--wait")
        assert refused.returncode == 1
        assert "quota" in refused.stdout + refused.stderr
        line.runner.result = _of_backups
        listed = ringctl("list-backups", "shop00").stdout.splitlines()
        assert listed[0].split() == ["id", "arrived", "mib", "files"] and listed[1].split()[0] == "ab" * 32
        browsed = ringctl("browse-backup", "shop00", "abababab", "/srv/my {{ files }}").stdout.splitlines()
        assert [one.split()[-1] for one in browsed] == ["name", *(f"file{number}" for number in range(250))]
        refused = ringctl("capacity")
        assert refused.returncode == 1 and "for operators only" in refused.stderr
    finally:
        people_side.close()


def _of_backups(run: Run) -> str:
    """Stand for the playbooks about backups."""
    found: dict[str, Any] = {
        "items": [{"name": f"file{number}", "kind": "file"} for number in range(250)],
        "next": None,
    }
    if run.playbook == "list_backups":
        found = {"machines": {"shop00": {"backups": [{"id": "ab" * 32, "arrived": 1e9, "mib": 7, "files": 3}]}}}
    else:
        found["items"] = found["items"][int(run.words["after"]) :]
        assert run.words["folder"] == "/srv/my%20%7B%7B%20files%20%7D%7D"
    Path(run.words["answer_file"]).write_text(json.dumps(found))
    return ""


def test_no_hash_of_a_password_leaves_the_steward(line: Line, mara: Person, town: dict[str, str]) -> None:
    path = line.folder / "first/users/mara.yml"
    hashed = "$y$j9T$AAAAAAAAAAAAAAAAAAAAAA$" + "B" * 43
    path.write_text(path.read_text() + f"web_password_hash: {hashed}\n")
    git(line.folder / "first", "commit", "-qam", "Give a password")
    git(line.folder / "first", "push", "-q", str(line.folder / "bare.git"), "HEAD:main")
    before = snapshots.commit()
    line.stewards[0][0]._wishes.put(("cancel", "01KB0000000000000000000000"))
    wait_for(lambda: snapshots.commit() != before)
    texts = "".join(_texts())
    assert "web_password" not in texts and "mara@town.example" in texts


def _texts() -> list[str]:
    return list(json.loads(zlib.decompress(bytes(models.Snapshot.objects.get().body))).values())


def test_a_queue_that_is_away_loses_nothing(line: Line, mara: Person) -> None:
    line.runner.result = lambda _run: None
    first = ask(mara)
    wait_for(lambda: line.runner.begun)
    line.listener.close()
    second = ask(mara, ("stop_vm", {"vm": "shop00"}))
    line.runner.begun[0].result = ""
    program = line.stewards[0][0]
    wait_for(lambda: program.journal.entry(first).state == "applied")
    assert mara.get(f"requests/{first}").json()["state"] != "applied", "it cannot have been told"
    line.runner.result = lambda _run: ""
    line.listener.open()

    def both_ended() -> bool:
        # The second one may have been handed over before the listener closed, and then runs since.
        for process in line.runner.begun:
            process.result = ""
        return all(mara.get(f"requests/{one}").json()["state"] == "applied" for one in (first, second))

    wait_for(both_ended)
    assert line.log() == ["stop_vm shop00", "order_vm shop03", "Begin"]


def test_two_stewards_by_mistake_are_one(line: Line, mara: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second stands by; when it takes over, the first one ends, and what was done is not done again."""
    second = line.start("two")
    assert ended(mara, ask(mara))["state"] == "applied"
    assert not second._generation
    (first, thread), _other = line.stewards
    monkeypatch.setattr(store, "SILENCE", datetime.timedelta(seconds=-1))
    wait_for(lambda: second._generation)
    monkeypatch.setattr(store, "SILENCE", datetime.timedelta(seconds=60))
    thread.join(60)
    assert not thread.is_alive() and "another steward" in first.problem
    assert ended(mara, ask(mara, ("stop_vm", {"vm": "shop00"})))["state"] == "applied"
    assert line.log() == ["stop_vm shop00", "order_vm shop03", "Begin"]


def test_a_steward_that_comes_back_takes_up_what_it_had(line: Line, mara: Person) -> None:
    line.runner.result = lambda _run: None
    id_ = ask(mara)
    wait_for(lambda: line.runner.begun)
    line.end()
    assert line.runner.begun[0].stopped, "its run has ended with it"
    line.runner.result = lambda _run: ""
    line.start()
    assert ended(mara, id_)["state"] == "applied"
    assert line.log() == ["order_vm shop03", "Begin"]


def test_regular_runs_are_run_and_how_it_goes_is_written_down(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "TICK", 0.2)
    line.runner.result = lambda run: "hv0 could not be reached" if run.playbook == "site" else ""
    program = line.start(regular={"accounts": "10m", "site": "02:30"})
    wait_for(lambda: program.journal.past()["accounts"].went_well)
    assert line.runner.commands == ["playbooks/accounts.yml"], "once, and the nightly one waits for its time"
    place = line.folder / "one-state/health.json"

    def health() -> Any:
        return json.loads(place.read_text())

    assert wait_for(lambda: health()["queue_at"])
    assert (health()["description"], health()["open"], health()["regular"]) == ("", 0, {"accounts": "", "site": ""})
    (line.folder / "one/projects/shop.yml").write_text("vms: [\n")
    assert "projects/shop.yml" in wait_for(lambda: health()["description"])


def test_a_steward_begins_again_with_what_it_is_made_of_but_cuts_no_run_off(
    line: Line, mara: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "TICK", 0.2)
    current, old, new = (line.folder / name for name in ("current", "old", "new"))
    old.mkdir()
    new.mkdir()
    current.symlink_to(old)
    line.end()
    line.runner.result = lambda _run: None
    line.start(made_of=[str(current), str(line.folder / "none")])
    _program, thread = line.stewards[0]
    id_ = ask(mara)
    wait_for(lambda: line.runner.begun)
    current.unlink()
    current.symlink_to(new)
    thread.join(1.5)
    assert thread.is_alive(), "a run goes on"
    line.runner.result = lambda _run: ""
    line.runner.begun[0].result = ""
    assert ended(mara, id_)["state"] == "applied"
    thread.join(20)
    assert not thread.is_alive()


def test_what_is_no_configuration_is_refused(line: Line) -> None:
    with pytest.raises(ValueError, match="regular: 'evacuate' is not run regularly"):
        line.start(regular={"evacuate": "10m"})


def test_a_question_is_answered(line: Line, mara: Person, people: dict[str, askers.Asker]) -> None:
    asked = {"kind": "what_if", "arguments": {"changes": askers.wish(ORDER)["changes"]}}
    id_ = mara.post("questions", asked).json()["id"]
    kinds = {one["kind"] for one in mara.get(f"questions/{id_}").json()["answer"]["items"]}
    assert "creates" in kinds
    id_ = mara.post("questions", {"kind": "capacity", "arguments": {}}).json()["id"]
    answer = mara.get(f"questions/{id_}")
    assert (answer.status_code, "operators only" in answer.json()["detail"]) == (422, True)


def test_what_takes_a_playbook_is_answered_while_others_go_on(line: Line, mara: Person) -> None:
    backup = {"id": "0" * 64, "time": "then", "arrived": None, "tags": ["\u202e"]}
    began, release = threading.Event(), threading.Event()

    def answers(run: Run) -> str:
        if run.playbook != "list_backups":
            return ""
        began.set()
        release.wait(60)
        file = Path(run.words["answer_file"])
        assert file.parent.stat().st_mode & 0o777 == 0o700
        file.write_text(json.dumps({"machines": {run.words["vm"]: {"backups": [backup]}}}))
        return ""

    line.runner.result = answers
    slow = mara.post("questions", {"kind": "list_backups", "arguments": {"vm": "shop00"}}).json()["id"]
    assert began.wait(20)
    assert ended(mara, ask(mara))["state"] == "applied", "a request does not wait for a question"
    release.set()
    assert mara.get(f"questions/{slow}").json()["answer"]["items"] == [{**backup, "tags": ["\\u202e"]}]
    assert not list(line.folder.glob("**/answer-*")), "what was handed over is gone"
    line.runner.result = lambda _run: "a machine could not be reached"
    asked = mara.post("questions", {"kind": "list_backups", "arguments": {"vm": "shop00"}}).json()["id"]
    detail = mara.get(f"questions/{asked}").json()["detail"]
    assert detail == "the backup machine does not say it: a machine could not be reached"


def test_others_certificates_and_none_get_nothing(line: Line) -> None:
    with pytest.raises(QueueError, match="status 403"):
        line.queue("shop00").hello("x")
    without = line.queue()
    without.certificate = None
    with pytest.raises(QueueError, match="away"):
        without.hello("x")
    stranger = authorities.create("Somebody else")
    (line.folder / "other.pem").write_text(stranger.pem)
    wrong = line.queue()
    wrong.authority = line.folder / "other.pem"
    with pytest.raises(QueueError, match="away"):
        wrong.hello("x")
    right = line.queue()
    right.hello("x")
    with pytest.raises(SupersededError):
        line.queue().hello("y")
