# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what is there. Nothing is changed here."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from . import policy, records
from .database import WIDTHS, Database
from .model import (
    AT_DIRECTORY,
    CRONTAB_DIRECTORY,
    KEYS_DIRECTORY,
    LINGER_DIRECTORY,
    STATE_FILE,
    UID_FIRST,
    UID_LAST,
    AccountsError,
    Options,
    Paths,
    Roster,
)

PENDING_SUFFIX = ".ringmaster-new"


@dataclass(frozen=True)
class FileState:
    """A file's text, owner and mode. A link or anything else that is no file has kind `other`."""

    text: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o644
    kind: str = "file"


@dataclass(frozen=True)
class HomeState:
    """Owner and mode of a home; directory is False for a link or a file in its place."""

    uid: int
    gid: int
    mode: int
    directory: bool = True


@dataclass(frozen=True)
class Applied:
    """What a run has accepted: roster as it came in, options that are kept, and ISO dates on which people went, by uid.

    The repair timer applies it again. ``rights`` says by uid and right since when (seconds since 1970) somebody may
    become others.
    """

    roster: dict[str, object] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)
    removed: dict[int, str] = field(default_factory=dict)
    rights: dict[int, dict[str, int]] = field(default_factory=dict)

    @property
    def generation(self) -> int:
        """Return the generation of the accepted roster, -1 when there is none."""
        value = self.roster.get("generation", -1)
        return value if isinstance(value, int) else -1

    @property
    def project(self) -> str:
        """Return the project of the accepted roster, or an empty string."""
        return str(self.roster.get("project", ""))

    def text(self) -> str:
        """Return what the state file holds; ``read_applied`` reads it."""
        document = {"format": 1, "roster": self.roster, "options": self.options, "removed": self.removed}
        document["rights"] = self.rights
        return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


@dataclass(frozen=True)
class Current:
    """Everything on the machine that the plan depends on."""

    texts: dict[str, str]
    keys: dict[str, FileState] = field(default_factory=dict)
    homes: dict[str, HomeState] = field(default_factory=dict)
    files: dict[str, FileState] = field(default_factory=dict)
    lingering: frozenset[str] = frozenset()
    crontabs: frozenset[str] = frozenset()
    at_jobs: dict[int, tuple[str, ...]] = field(default_factory=dict)
    processes: dict[int, int] = field(default_factory=dict)
    applied: Applied = field(default_factory=Applied)


def read(paths: Paths, roster: Roster, options: Options) -> Current:
    """Read all that a roster is compared with."""
    texts = read_texts(paths)
    accounts = records.with_missing(Database.parse(texts), roster.accounts).values()
    return Current(
        texts=texts,
        keys=read_keys(paths),
        homes=read_homes(paths, sorted(account.home for account in accounts)),
        files=read_files(paths, policy.paths(roster, options, [account.uid for account in accounts])),
        lingering=listed(paths, LINGER_DIRECTORY),
        crontabs=listed(paths, CRONTAB_DIRECTORY),
        at_jobs=read_at_jobs(paths),
        processes=read_processes(paths),
        applied=read_applied(paths),
    )


def read_texts(paths: Paths) -> dict[str, str]:
    """Read passwd, shadow, group and gshadow; bytes that are not UTF-8 survive the round trip."""
    texts = {}
    for name in WIDTHS:
        try:
            texts[name] = paths.at(f"/etc/{name}").read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            raise AccountsError(
                f"/etc/{name} does not exist; repair the system's account files first (pwconv, grpconv)."
            ) from None
    return texts


def read_file(path: Path) -> FileState | None:
    """Read one file without following a link, or None when there is nothing."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return FileState("", found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), "other")
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    return FileState(text, found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


def read_files(paths: Paths, wanted: Iterable[str]) -> dict[str, FileState]:
    """Read the files that exist."""
    states = {path: read_file(paths.at(path)) for path in wanted}
    return {path: state for path, state in states.items() if state is not None}


def read_keys(paths: Paths) -> dict[str, FileState]:
    """Read the keys directory, name by name."""
    directory = paths.at(KEYS_DIRECTORY)
    keys = {}
    for name in _names(directory):
        state = read_file(directory / name)
        if state is not None:
            keys[name] = state
    return keys


def read_homes(paths: Paths, homes: Iterable[str]) -> dict[str, HomeState]:
    """Look at the homes that exist."""
    states = {}
    for home in homes:
        try:
            found = paths.at(home).lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        states[home] = HomeState(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), stat.S_ISDIR(found.st_mode))
    return states


def read_at_jobs(paths: Paths) -> dict[int, tuple[str, ...]]:
    """Return uid -> file names of the jobs that at keeps for our range."""
    jobs: dict[int, list[str]] = {}
    directory = paths.at(AT_DIRECTORY)
    for name in _names(directory):
        try:
            uid = (directory / name).lstat().st_uid
        except FileNotFoundError:
            continue
        if UID_FIRST <= uid <= UID_LAST:
            jobs.setdefault(uid, []).append(name)
    return {uid: tuple(sorted(names)) for uid, names in jobs.items()}


def read_processes(paths: Paths) -> dict[int, int]:
    """Return uid -> number of processes for our range."""
    count: dict[int, int] = {}
    for _pid, uid in processes(paths):
        count[uid] = count.get(uid, 0) + 1
    return count


def processes(paths: Paths) -> list[tuple[int, int]]:
    """Return (pid, uid) of every process that belongs to a uid of our range.

    It has the uid among its real, effective or saved ids (the owner of /proc/PID is not enough: it is root
    for processes that may not be dumped, such as sshd's), or it runs in the user's slice: what a person
    started under another user by sudo.
    """
    found: list[tuple[int, int]] = []
    if not paths.live:
        return found
    for entry in os.listdir("/proc"):  # noqa: PTH208 - one scan of thousands of entries
        if not entry.isdigit():
            continue
        try:
            status = Path("/proc", entry, "status").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"\nState:\tZ" in status:
            continue
        line = status.split(b"\nUid:\t", 1)[1].split(b"\n", 1)[0]
        uids = [int(each) for each in line.split() if UID_FIRST <= int(each) <= UID_LAST]
        if uids:
            found.append((int(entry), uids[0]))
    seen = set(found)
    for name in _names(Path("/run/systemd/users")):
        if name.isdigit() and UID_FIRST <= int(name) <= UID_LAST:
            for group in groups_of(Path(f"/sys/fs/cgroup/user.slice/user-{name}.slice")):
                found.extend((pid, int(name)) for pid in members_of(group) if (pid, int(name)) not in seen)
    return found


def groups_of(user_slice: Path) -> list[Path]:
    """Return the control groups of a user's sessions and manager.

    What makes and removes /run/user/UID for systemd is also in the slice, but is not the user's.
    """
    names = [name for name in _names(user_slice) if not name.startswith("user-runtime-dir@")]
    return [user_slice / name for name in names if (user_slice / name).is_dir()]


def members_of(group: Path) -> list[int]:
    """Return the living processes in a control group and below."""
    found: list[int] = []
    # os.walk passes over groups that vanish meanwhile.
    for folder, _folders, _files in os.walk(group):
        try:
            found.extend(int(line) for line in Path(folder, "cgroup.procs").read_text().split())
        except OSError:
            continue
    # 0 is a process that this machine cannot see.
    return [pid for pid in found if pid > 0 and not _is_zombie(pid)]


def _is_zombie(pid: int) -> bool:
    try:
        return b"\nState:\tZ" in Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return True


def read_applied(paths: Paths) -> Applied:
    """Read what an earlier run has accepted."""
    state = read_file(paths.at(STATE_FILE))
    if state is None:
        return Applied()
    try:
        document = json.loads(state.text)
        return Applied(
            roster=document["roster"],
            options=document.get("options", {}),
            removed={int(uid): str(day) for uid, day in document.get("removed", {}).items()},
            rights={
                int(uid): {str(right): int(moment) for right, moment in rights.items()}
                for uid, rights in document.get("rights", {}).items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AccountsError(
            f"{STATE_FILE} cannot be read ({error}). Look at it; if it is damaged, delete it and run again."
        ) from error


def listed(paths: Paths, directory: str) -> frozenset[str]:
    """Return the names in a directory; empty when there is no such directory."""
    return frozenset(_names(paths.at(directory)))


def _names(directory: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(directory) if not entry.name.endswith(PENDING_SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []
