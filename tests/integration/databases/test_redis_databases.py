# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer databases of Redis: nothing that lies in a higher one is lost, and the server starts again whatever comes."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import place
from ringmaster.core import below, systemd
from ringmaster.core.component import Wish
from ringmaster.core.report import Failure, Report
from ringmaster.redis import converge, databases, dumps, restores
from ringmaster.redis.client import Client, RedisError, login
from ringmaster.redis.converge import Places
from ringmaster.redis.engine import REDIS

ACL = "user default off resetkeys resetchannels -@all\nuser admin on >word ~* &* +@all\n"


@dataclass
class Machine:
    """The places of a component in a folder, and its unit, which is a process here."""

    places: Places
    process: subprocess.Popen[bytes] | None = None

    def describe(self, *lines: str) -> None:
        """Write the configuration as the role does."""
        home, engine = self.places.home, self.places.engine
        own = [f"unixsocket {engine.socket}", f"dir {engine.data}", "port 0", f"aclfile {self.places.acl}"]
        own += [f'logfile "{engine.data}/log"', "maxmemory 100mb", *lines, f"include {home}/accepted/*.conf"]
        self.places.configuration.write_text("\n".join([*own, f"include {home}/databases*.conf", ""]))

    def start(self) -> None:
        words = [self.places.engine.server, str(self.places.configuration)]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, **below.identity("redis"))
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.login().__exit__(None, None, None)
                return
            except (OSError, RedisError):
                time.sleep(0.05)
        raise AssertionError((self.places.engine.data / "log").read_text()[-2000:])

    def stop(self, *, crash: bool = False) -> None:
        if self.process:
            (self.process.kill if crash else self.process.terminate)()
            self.process.wait(60)
            self.process = None

    def systemctl(self, *words: str) -> str:
        if words[0] in ("stop", "restart"):
            self.stop()
        if words[0] in ("start", "restart"):
            self.start()
        if words[0] == "show":
            state = "active" if self.process else "inactive"
            return f"ActiveState={state}\nUnitFileState=enabled\n"
        return ""

    def login(self) -> Client:
        return login(self.places.engine.socket, self.places.admin)

    def ask(self, *words: str, database: int = 0) -> object:
        with self.login() as client:
            client.command("SELECT", str(database))
            return client.command(*words)

    def number(self) -> int:
        with self.login() as client:
            return int(client.config()["databases"])

    def converge(self, *, restart: bool = False) -> Report:
        return converge.converge(self.places, restart=restart)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    monkeypatch.setattr(converge.state, "remember", lambda *_words: None)
    monkeypatch.setattr(converge.engine, "refuse_beside_another", lambda _engine: None)
    monkeypatch.setattr(converge.engine, "others_at_boot", lambda _engine: [])
    with place("redis") as folder:
        home, data, inbox = folder / "etc", folder / "data", tmp_path / "inbox"
        for one in (home, home / "accepted", data, inbox):
            one.mkdir()
        for one in (home, home / "accepted", data):
            shutil.chown(one, "root" if one != data else "redis", "redis")
        (home / "users.acl").write_text(ACL)
        (home / "admin.env").write_text("REDIS_USERNAME=admin\nREDIS_PASSWORD=word\n")
        engine = replace(REDIS, data=data, socket=f"{folder}/socket")
        overcommit = tmp_path / "overcommit"
        overcommit.write_text("1\n")
        made = Machine(Places(home, inbox, overcommit, engine))
        monkeypatch.setattr(systemd, "systemctl", made.systemctl)
        try:
            yield made
        finally:
            made.stop()


PERSISTENCE = {
    "append-only file": ["appendonly yes", 'save ""'],
    "append-only file in text": ["appendonly yes", "aof-use-rdb-preamble no", 'save ""'],
    "snapshots": ["appendonly no", "save 3600 1"],
    "both": ["appendonly yes", "save 3600 1"],
}


@pytest.mark.parametrize("way", PERSISTENCE)
def test_a_number_that_loses_keys_is_refused_and_nothing_changes(machine: Machine, way: str) -> None:
    machine.describe(*PERSISTENCE[way])
    machine.converge()
    assert machine.number() == 16
    machine.ask("SET", "a", "of 0")
    machine.ask("SET", "a", "of 5", database=5)
    machine.describe(*PERSISTENCE[way], "databases 4")
    told = "databases 4 is too few: database 5 holds 1 key, .* Write databases 6 or more"
    for act in (lambda: converge.validate(machine.places), lambda: machine.converge(restart=True)):
        with pytest.raises(Failure, match=told):
            act()
    # Also a server that was stopped or killed meanwhile starts with what is there.
    for crash in (False, True):
        time.sleep(0 if not crash else 1.2)  # appendfsync everysec
        machine.stop(crash=crash)
        machine.start()
        assert machine.ask("GET", "a") == "of 0"
        assert machine.ask("GET", "a", database=5) == "of 5"
    machine.describe(*PERSISTENCE[way], "databases 6")
    machine.converge(restart=True)
    assert (machine.number(), machine.ask("GET", "a", database=5)) == (6, "of 5")


@pytest.mark.parametrize("way", PERSISTENCE)
def test_a_number_that_fits_waits_for_our_restart(machine: Machine, way: str) -> None:
    """What an application writes until then stays, and what it deleted before touches nothing in another database."""
    machine.describe(*PERSISTENCE[way])
    machine.converge()
    machine.ask("SET", "a", "of 0")
    machine.ask("SET", "a", "of 5", database=5)
    machine.ask("DEL", "a", database=5)
    machine.describe(*PERSISTENCE[way], "databases 4")
    (waits,) = machine.converge().pending_restart
    assert (waits["setting"], waits["live"], waits["wanted"]) == ("databases", "16", "4")
    again = machine.converge()
    assert (again.steps, again.pending_restart) == ([], [waits])
    # A restart by anybody else, with a key that has come meanwhile.
    machine.ask("SET", "b", "of 5", database=5)
    machine.stop()
    machine.start()
    assert (machine.number(), machine.ask("GET", "b", database=5)) == (16, "of 5")
    with pytest.raises(Failure, match="database 5 holds 1 key"):
        machine.converge(restart=True)
    machine.ask("DEL", "b", database=5)
    machine.converge(restart=True)
    assert (machine.number(), machine.ask("GET", "a"), machine.ask("DBSIZE")) == (4, "of 0", 1)
    machine.ask("SET", "c", "written again")
    time.sleep(1.2)
    machine.stop(crash=way != "snapshots")
    machine.start()
    assert (machine.number(), machine.ask("GET", "a"), machine.ask("GET", "c")) == (4, "of 0", "written again")
    assert machine.converge().steps == []


def test_what_comes_while_it_is_looked_at(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that comes between the first look and the restart: the server keeps its databases, and writes go on."""
    machine.describe("appendonly yes", "databases 4")
    databases.put_in_force(machine.places.databases_file, 16)
    machine.start()
    machine.ask("SET", "late", "1", database=9)
    monkeypatch.setattr(converge, "_keys", lambda _places: {})
    with pytest.raises(Failure, match="keeps its 16 databases: databases 4 is too few: database 9 holds 1 key"):
        machine.converge(restart=True)
    assert (machine.number(), databases.in_force(machine.places.databases_file)) == (16, 16)
    assert machine.ask("SET", "goes", "on") == "OK"
    assert machine.ask("GET", "late", database=9) == "1"


def test_nobody_writes_between_the_look_and_the_restart(machine: Machine) -> None:
    machine.describe("appendonly yes")
    machine.converge()
    with machine.login() as client:
        databases.make_room(client, 4)
    with Client(machine.places.engine.socket, timeout=0.5) as client:
        client.command("AUTH", "admin", "word")
        client.command("SELECT", "9")
        with pytest.raises(OSError):
            client.command("SET", "late", "1")


def test_a_stopped_server_starts_with_as_many_as_it_had(machine: Machine) -> None:
    """Nobody can be asked what it holds: also one of before, which has no such file yet."""
    machine.describe("appendonly yes", "databases 20")
    machine.converge()
    machine.ask("SET", "a", "1", database=12)
    machine.stop()
    machine.describe("appendonly yes", "databases 4")
    report = machine.converge()
    assert (machine.number(), machine.ask("GET", "a", database=12)) == (20, "1")
    assert report.steps[-1].startswith("restart")
    machine.stop()
    machine.places.databases_file.unlink()
    machine.converge()
    assert (machine.number(), machine.ask("GET", "a", database=12)) == (16, "1")


def test_a_new_server_has_what_is_written(machine: Machine) -> None:
    machine.describe("databases 3")
    machine.converge()
    assert machine.number() == 3
    machine.describe("databases 40")
    machine.converge()
    machine.stop()
    machine.start()
    assert machine.number() == 40


def test_a_drop_in_that_loses_keys_is_left_out(machine: Machine) -> None:
    machine.describe()
    machine.converge()
    machine.ask("SET", "a", "1", database=7)
    (machine.places.inbox / "few.conf").write_text("databases 2\n")
    (machine.places.inbox / "good.conf").write_text("slowlog-max-len 77\n")
    report = machine.converge()
    assert "database 7 holds 1 key" in report.refused["few.conf"]
    assert [path.name for path in machine.places.accepted.iterdir()] == ["good.conf"]
    # One that was taken before, and a key that came later: it goes.
    machine.ask("DEL", "a", database=7)
    assert machine.converge().refused == {}
    machine.ask("SET", "a", "1", database=7)
    assert "database 7 holds 1 key" in machine.converge().refused["few.conf"]
    assert machine.converge().pending_restart == []


def test_a_dump_of_a_high_database_is_proven_and_restored_where_it_fits(machine: Machine, tmp_path: Path) -> None:
    machine.describe("appendonly yes", "databases 30")
    machine.converge()
    machine.ask("SET", "a", "1", database=27)
    folder = tmp_path / "dump"
    folder.mkdir()
    assert dumps.dump(machine.places, folder) == 1
    assert dumps.look(machine.places.engine, folder / dumps.SNAPSHOT) == dumps.Content(1, 28)
    assert "1 key in 1 database came back" in restores.prove(machine.places.engine, folder)
    machine.ask("FLUSHALL")
    machine.describe("appendonly yes", "databases 8")
    machine.converge(restart=True)
    machine.ask("SET", "kept", "1")
    with pytest.raises(Failure, match="holds keys of database 27, and Redis has databases 0 to 7: set databases to 28"):
        restores.restore(machine.places, folder, Wish(replace=True))
    assert machine.ask("GET", "kept") == "1"
    machine.describe("appendonly yes", "databases 28")
    machine.converge(restart=True)
    restores.restore(machine.places, folder, Wish(replace=True))
    assert machine.ask("GET", "a", database=27) == "1"
    assert json.loads((folder / dumps.MANIFEST).read_text())["keys"] == 1
