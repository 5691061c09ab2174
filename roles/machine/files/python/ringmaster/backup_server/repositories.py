# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repositories on disk, and restic on them.

The password comes by stdin, where the server process cannot see it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringmaster.backup_server import process
from ringmaster.backup_server.process import Failure, harmless
from ringmaster.backup_server.retention import Arrival
from ringmaster.core import below

CONFIGURATION = Path("/etc/ringmaster/backup-server/repositories.json")
LOCKED = 11
WRONG_PASSWORD = 12
DESCRIPTOR = "/dev/fd/"
#: What restic names files after their content, and no machine can name otherwise.
NAME = re.compile(r"[0-9a-f]{64}")
#: What restic needs for reading lists and keys; longer work says so.
SECONDS = 900


class WrongPassword(Failure):
    """The repository has no key for the password."""


class Locked(Failure):
    """Somebody else works on the repository."""


@contextlib.contextmanager
def readable(secret: str) -> Iterator[str]:
    """Give a name under which restic, as its user, reads a secret once, and nobody else."""
    account = pwd.getpwnam(process.USER)
    reading, writing = os.pipe()
    try:
        os.fchown(reading, account.pw_uid, account.pw_gid)
        os.write(writing, f"{secret}\n".encode())
        os.close(writing)
        yield f"{DESCRIPTOR}{reading}"
    finally:
        os.close(reading)


@dataclass(frozen=True)
class Repository:
    """What is kept of one machine. ``keep`` has numbers for daily, weekly and monthly."""

    name: str
    path: Path
    password: str = field(repr=False)
    keep: dict[str, int] = field(default_factory=dict)
    older: tuple[str, ...] = field(default=(), repr=False)
    #: MiB that restic may use; 0: half of the machine's.
    memory: int = 0
    #: Bytes from which it is closed for writing; 0: no such limit.
    quota: int = 0

    @property
    def exists(self) -> bool:
        """Whether the repository was made."""
        return (self.path / "config").is_file()

    @property
    def is_foreign(self) -> bool:
        """Whether another user owns it, as after it came back from a copy: the server could not read it."""
        return self.exists and (self.path / "config").stat().st_uid != pwd.getpwnam(process.USER).pw_uid

    def adopt(self) -> None:
        """Give all its files to the server's user."""
        with below.parent_of(self.path) as (folder, name):
            folder.give_tree(name, pwd.getpwnam(process.USER))

    def arrivals(self) -> list[Arrival]:
        """Return the backups with the time at which they arrived. Quick: nothing is opened."""
        return [Arrival(name, status.st_mtime) for name, status in self.files("snapshots").items()]

    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(size for *_moments, size in below.find(self.path))

    def files(self, kind: str) -> dict[str, os.stat_result]:
        """Return the files of ``data``, ``index``, ``keys``, ``locks`` or ``snapshots`` by name, oldest first."""
        places = [(kind, f"{number:02x}") for number in range(256)] if kind == "data" else [(kind,)]
        found: dict[str, os.stat_result] = {}
        with contextlib.suppress(FileNotFoundError), self.opened() as top:
            for place in places:
                with contextlib.suppress(FileNotFoundError), top.down(*place) as folder:
                    for name, status in folder.entries():
                        if NAME.fullmatch(name) and stat.S_ISREG(status.st_mode):
                            found[name] = status
        return dict(sorted(found.items(), key=lambda item: (item[1].st_mtime, item[0])))

    def opened(self, *names: str) -> below.Folder:
        """Open the repository, or a folder in it: the server's user can exchange what lies there."""
        with below.opened(self.path) as top:
            return top.down(*names)

    def beside(self, *names: str, make: bool = False) -> below.Folder:
        """Open a folder beside the repositories; ``make`` makes those that are missing, for root alone."""
        with below.opened(self.path.parent) as top:
            return top.down(*names, make=make)

    def place(self, kind: str, name: str) -> Path:
        """Return where a file of a kind lies."""
        return self.path / kind / name[:2] / name if kind == "data" else self.path / kind / name

    def link(self, to: Repository, kind: str, names: Iterable[str]) -> None:
        """Give files a second name in another repository on the same disk. What is missing, or is there, stays so."""
        for place, some in places(kind, names).items():
            with (
                contextlib.suppress(FileNotFoundError),
                self.opened(*place) as source,
                to.opened(*place) as target,
            ):
                for name in some:
                    with contextlib.suppress(FileNotFoundError, FileExistsError):
                        source.link(name, target, name)

    def restic(self, *words: str, seconds: float = SECONDS) -> str:
        """Run restic and return what it printed; raises Failure. What a machine wrote is shown harmless and cut."""
        done = process.run(
            ["restic", "--no-cache", *words],
            self.password,
            str(self.path),
            seconds=seconds,
            memory=self.memory,
            fds=[int(word.rpartition("/")[2]) for word in words if word.startswith(DESCRIPTOR)],
        )
        if done.cut:
            raise Failure(f"{self.name}: restic {_verb(words)} was ended: {done.cut}")
        if done.code == LOCKED:
            raise Locked(f"{self.name}: the repository is locked")
        if done.code == WRONG_PASSWORD:
            raise WrongPassword(f"{self.name}: the password does not open the repository")
        if done.code == 127:
            raise Failure("restic is not installed")
        if done.code:
            said = [line for line in (done.complained.strip() or done.said.strip()).splitlines() if line.strip()]
            about = "; ".join(harmless(line) for line in (said if len(said) < 4 else [said[0], *said[-2:]]))
            raise Failure(f"{self.name}: restic {_verb(words)}: {about[:400] or f'exit code {done.code}'}")
        return done.said


def places(kind: str, names: Iterable[str]) -> dict[tuple[str, ...], list[str]]:
    """Return names of a kind by the folders that they lie in, below a repository."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        found.setdefault((kind, name[:2]) if kind == "data" else (kind,), []).append(name)
    return found


def _verb(words: Sequence[str]) -> str:
    """Return restic's command among its words, which may begin with options."""
    return next((word for word in words if not word.startswith("-")), "")


def load(path: Path = CONFIGURATION) -> tuple[list[Repository], Path]:
    """Return the declared repositories, and the folder they lie in; raises Failure."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(f"{path} cannot be read: {error}; role backup_server writes it") from error
    folder = Path(values["folder"])
    return [
        Repository(
            one["name"],
            folder / one["name"],
            one["password"],
            one["keep"],
            tuple(one.get("older_passwords", ())),
            int(values.get("memory_mib") or 0),
            int(values.get("quotas_gib", {}).get(one["name"], values.get("quota_gib", 0)) * (1 << 30)),
        )
        for one in values["repositories"]
    ], folder


def option(name: str, standard: Any, path: Path | None = None) -> Any:
    """Return a value of the configuration, and ``standard`` where it says nothing."""
    return json.loads((path or CONFIGURATION).read_text(encoding="utf-8")).get(name, standard)


def chosen(repositories: Sequence[Repository], names: Sequence[str]) -> list[Repository]:
    """Return those with these names, or all when there are none; raises Failure."""
    unknown = set(names) - {one.name for one in repositories}
    if unknown:
        known = ", ".join(one.name for one in repositories) or "none"
        raise Failure(f"no backups are kept of {', '.join(sorted(unknown))}; they are kept of: {known}")
    return [one for one in repositories if not names or one.name in names]


def without_owner(repositories: Sequence[Repository], folder: Path) -> list[str]:
    """Return repositories on disk that nothing in the description asks for any more. They are kept."""
    declared = {one.name for one in repositories}
    if not folder.is_dir():
        return []
    return sorted(one.name for one in folder.iterdir() if (one / "config").is_file() and one.name not in declared)
