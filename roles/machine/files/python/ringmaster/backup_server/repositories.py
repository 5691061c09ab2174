# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repositories on disk, and restic on them.

restic runs as the user of the server process, so that both can work on the same files; the password comes by stdin,
where that process cannot see it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ringmaster.backup_server.retention import Arrival

CONFIGURATION = Path("/etc/ringmaster/backup-server/repositories.json")
USER = "restic-rest-server"
#: Longer than it takes until the lock of a machine that was switched off counts as stale.
LOCK_PATIENCE = "31m"
LOCKED = 11
WRONG_PASSWORD = 12
DESCRIPTOR = "/dev/fd/"
SNAPSHOT = re.compile(r"[0-9a-f]{64}")


class Failure(Exception):
    """Something did not work; the text is one sentence for people, without secrets."""


class WrongPassword(Failure):
    """The repository has no key for the password."""


@contextlib.contextmanager
def _readable(secret: str) -> Iterator[str]:
    """Give a name under which restic, as its user, reads a secret once, and nobody else."""
    account = pwd.getpwnam(USER)
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

    @property
    def exists(self) -> bool:
        """Whether the repository was made."""
        return (self.path / "config").is_file()

    @property
    def is_foreign(self) -> bool:
        """Whether another user owns it, as after it came back from a copy: the server could not read it."""
        return self.exists and (self.path / "config").stat().st_uid != pwd.getpwnam(USER).pw_uid

    def adopt(self) -> None:
        """Give all its files to the server's user."""
        account = pwd.getpwnam(USER)
        for parent, _folders, names in os.walk(self.path):
            for path in (Path(parent), *(Path(parent, name) for name in names)):
                os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def arrivals(self) -> list[Arrival]:
        """Return the backups with the time at which they arrived. Quick: nothing is opened."""
        try:
            with os.scandir(self.path / "snapshots") as entries:
                return [Arrival(one.name, one.stat().st_mtime) for one in entries if SNAPSHOT.fullmatch(one.name)]
        except FileNotFoundError:
            return []

    def size(self) -> int:
        """Return the bytes of all files."""
        total = 0
        for parent, _folders, names in os.walk(self.path):
            for name in names:
                try:
                    total += Path(parent, name).lstat().st_size
                except FileNotFoundError:
                    continue  # pruned or uploaded meanwhile
        return total

    def opens(self) -> bool:
        """Whether the password opens it; raises Failure when that cannot be found out."""
        try:
            self.restic("cat", "config", "--no-lock")
        except WrongPassword:
            return False
        return True

    def take_password(self) -> bool:
        """Let the password be the only one that opens it; return whether it was not. Raises Failure.

        The data keep their key: whoever has copied both the repository and an older password can read that copy.
        """
        if self.opens():
            return False
        for old in self.older:
            earlier = replace(self, password=old)
            if earlier.opens():
                with _readable(self.password) as place:
                    earlier.restic("key", "add", "--new-password-file", place)
                for key in json.loads(self.restic("key", "list", "--json")):
                    if not key["current"]:
                        self.restic("key", "remove", key["id"])
                return True
        raise Failure(f"{self.name}: neither the password nor an older one opens the repository")

    def restic(self, *words: str, again: bool = True) -> str:
        """Run restic and return what it printed; raises Failure."""
        account = pwd.getpwnam(USER)
        try:
            done = subprocess.run(
                ["restic", "--no-cache", "--retry-lock", LOCK_PATIENCE, *words],
                input=f"{self.password}\n",
                env={
                    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                    "HOME": "/nonexistent",
                    "LC_ALL": "C.UTF-8",
                    "RESTIC_REPOSITORY": str(self.path),
                },
                user=account.pw_uid,
                group=account.pw_gid,
                extra_groups=[],
                umask=0o077,
                cwd="/",
                pass_fds=[int(word.rpartition("/")[2]) for word in words if word.startswith(DESCRIPTOR)],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except FileNotFoundError as error:
            raise Failure("restic is not installed") from error
        if done.returncode == LOCKED and again:
            self.restic("unlock", again=False)
            return self.restic(*words, again=False)
        if done.returncode == WRONG_PASSWORD:
            raise WrongPassword(f"{self.name}: the password does not open the repository")
        if done.returncode:
            said = [line for line in (done.stderr.strip() or done.stdout.strip()).splitlines() if line.strip()]
            raise Failure(
                f"{self.name}: restic {words[0]}: {'; '.join(said[-3:])[:400] or f'exit code {done.returncode}'}"
            )
        return done.stdout

    def snapshots(self) -> list[dict[str, Any]]:
        """Return the backups as restic tells them, oldest first."""
        found = json.loads(self.restic("snapshots", "--json", "--no-lock") or "null") or []
        return sorted(found, key=lambda one: one["time"])


def load(path: Path = CONFIGURATION) -> tuple[list[Repository], Path]:
    """Return the declared repositories, and the folder they lie in; raises Failure."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(f"{path} cannot be read: {error}; role backup_server writes it") from error
    folder = Path(values["folder"])
    return [
        Repository(
            one["name"], folder / one["name"], one["password"], one["keep"], tuple(one.get("older_passwords", ()))
        )
        for one in values["repositories"]
    ], folder


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
