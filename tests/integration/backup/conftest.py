# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup server as role backup_server sets it up, with one machine, in a folder of this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import debian
import pytest
from hostile import Machine, quick_key
from ringmaster.backup_server import judge, passwords, process, prune, state, upkeep
from ringmaster.backup_server.repositories import Repository

DAY = 86400
USER = "nobody"
PASSWORD = "secret of vm0"
KEEP = {"daily": 3, "weekly": 1, "monthly": 1}


@dataclass
class Server:
    """The server's side."""

    repository: Repository
    said: list[str] = field(default_factory=list)

    def maintain(self, *, everything: bool = True, trash_days: float = 30) -> bool:
        """Run the daily maintenance."""
        self.said.clear()
        return upkeep.maintain([self.repository], self.said.append, everything=everything, trash_days=trash_days)

    @property
    def entry(self) -> dict:
        """What is remembered of the repository."""
        return state.read_state()["repositories"][self.repository.name]

    def names(self, kind: str) -> set[str]:
        """Return the files of a kind."""
        return set(self.repository.files(kind))

    def age(self, days: float, *snapshots: str) -> None:
        """Let some backups have arrived some days earlier."""
        for path in (self.repository.place("snapshots", one) for one in snapshots):
            moment = path.stat().st_mtime - days * DAY
            os.utime(path, (moment, moment))


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """Let Debian's restic be found."""
    os.environ["PATH"] = f"{debian.programs()}:{os.environ['PATH']}"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder for repositories, which the server's user can reach."""
    place = Path(tempfile.mkdtemp(prefix="ringmaster-backup-", dir="/var/tmp"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty repository whose key opens at once: restic's own takes a second of computing each time."""
    place = tmp_path_factory.mktemp("template") / "vm0"
    environment = os.environ | {"RESTIC_REPOSITORY": str(place), "RESTIC_PASSWORD": PASSWORD}
    subprocess.run(["restic", "--no-cache", "-q", "init"], env=environment, check=True)
    master = subprocess.run(
        ["restic", "--no-cache", "cat", "masterkey"], env=environment, check=True, capture_output=True
    ).stdout
    (slow,) = (place / "keys").iterdir()
    content = quick_key(json.loads(slow.read_text()), PASSWORD, json.loads(master))
    slow.unlink()
    (place / "keys" / hashlib.sha256(content).hexdigest()).write_bytes(content)
    return place


@pytest.fixture
def server(folder: Path, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server with an empty repository for a machine."""
    monkeypatch.setattr(process, "USER", USER)
    monkeypatch.setattr(state, "STATE", tmp_path / "state.json")
    monkeypatch.setattr(judge, "LEDGERS", tmp_path / "judged")
    monkeypatch.setattr(passwords, "KNOWN", tmp_path / "passwords.json")
    monkeypatch.setattr(upkeep, "LOCK", tmp_path / "lock")
    # What waits for long is a fault here, and is to fail as one.
    monkeypatch.setattr(prune, "PATIENCE", 20)
    monkeypatch.setattr(prune, "SECONDS", 300)
    # The programs lie below root's own folder: their copies can be reached.
    tools = folder / ".programs"
    shutil.copytree(debian.programs(), tools)
    begin = process.begin
    monkeypatch.setattr(
        process, "begin", lambda argv, *more, **named: begin([f"{tools}/{argv[0]}", *argv[1:]], *more, **named)
    )
    repositories = folder / "repositories"
    repositories.mkdir()
    shutil.chown(repositories, USER, "nogroup")
    repository = Repository("vm0", repositories / "vm0", PASSWORD, KEEP)
    shutil.copytree(template, repository.path)
    repository.adopt()
    return Server(repository)


@pytest.fixture
def machine(server: Server, folder: Path, tmp_path: Path) -> Iterator[Machine]:
    """Return the machine, whose requests the REST server answers as it does in earnest, but without TLS."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = [
        "--append-only",
        "--no-auth",
        "--path",
        str(server.repository.path.parent),
        "--listen",
        f"127.0.0.1:{port}",
    ]
    running = subprocess.Popen(
        [str(folder / ".programs/restic-rest-server"), *words],
        user=USER,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _try in range(100):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        home = tmp_path / "home"
        home.mkdir()
        yield Machine("vm0", home, f"http://127.0.0.1:{port}/vm0/", server.repository.password)
    finally:
        running.terminate()
        running.wait()


@pytest.fixture
def restored(machine: Machine, tmp_path: Path) -> Callable[[str], dict[str, bytes]]:
    """Return a function that restores a backup and returns the contents by path."""

    def restore(snapshot: str) -> dict[str, bytes]:
        target = Path(tempfile.mkdtemp(dir=tmp_path))
        machine.restic("restore", snapshot, "--target", str(target))
        below = target / str(machine.home).lstrip("/")
        return {str(one.relative_to(below)): one.read_bytes() for one in below.rglob("*") if one.is_file()}

    return restore
