# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See to it that one machine cannot fill the disk for all.

The REST server knows one limit for everything together, so this program looks every few seconds how large each
repository is. One that is over its quota, or that has grown by more than its share while the disk's reserve is in use,
is closed for writing: its folders lose the right to be written, which the server's user needs. It can be read on. The
shares of all machines together are the reserve, so the others find room until somebody has made some.
"""

from __future__ import annotations

import contextlib
import shutil
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringmaster.backup_server import bins
from ringmaster.backup_server.process import Failure
from ringmaster.backup_server.repositories import Repository
from ringmaster.backup_server.state import read_state, write_state
from ringmaster.core import below

STATE = Path("/var/lib/ringmaster/backup-server-quota.json")
#: Seconds between two looks. A machine can write for so long after it has reached its limit.
INTERVAL = 10
#: Percent of the disk that is kept for machines which have not grown much, where the configuration says nothing else.
RESERVE = 10
DAY = 86400
#: What a file takes at least, in bytes: as much of the disk as ext4 has for each. Many small ones fill it too.
FILE = 16384
#: A lock of restic has some hundred bytes, and locks can be written in closed repositories, to let them be read.
LOCK = 65536
UPLOAD = ".rest-server-temp"
GIB = 1 << 30


@dataclass
class _Folder:
    changed: int
    bytes: int
    below: list[Path]
    uploads: list[Path]


@dataclass
class Sizes:
    """The sizes of folders; one that has not changed is not read again."""

    known: dict[Path, _Folder] = field(default_factory=dict)

    def of(self, folder: Path) -> int:
        """Return the bytes of all files below a folder; 0 where there is none."""
        try:
            changed = folder.stat().st_mtime_ns
        except FileNotFoundError:
            self.known.pop(folder, None)
            return 0
        entry = self.known.get(folder)
        # A file that is being uploaded grows without a change of its folder, and the clock of folders is a coarse one.
        if entry is None or entry.changed != changed or entry.uploads or time.time_ns() - changed < 2 * 10**9:
            entry = self.known[folder] = _read(folder, changed)
        return entry.bytes + sum(self.of(one) for one in entry.below)

    def uploads(self, folder: Path) -> list[Path]:
        """Return the files below a folder that are being uploaded, as of the last look."""
        entry = self.known.get(folder)
        return [*entry.uploads, *(path for one in entry.below for path in self.uploads(one))] if entry else []


def _read(folder: Path, changed: int) -> _Folder:
    found = _Folder(changed, FILE, [], [])
    with contextlib.suppress(OSError, Failure), below.opened(folder) as opened:
        for name, status in opened.entries():
            if stat.S_ISDIR(status.st_mode):
                found.below.append(folder / name)
                continue
            found.bytes += max(FILE, status.st_size)
            if UPLOAD in name:
                found.uploads.append(folder / name)
    return found


def judge(
    repositories: Sequence[Repository],
    sizes: Mapping[str, int],
    base: Mapping[str, int],
    free: int,
    reserve: float,
) -> dict[str, str]:
    """Return which repositories are closed, and why. All in bytes; ``base``: the sizes before they grew."""
    share = reserve / max(1, len(repositories))
    found: dict[str, str] = {}
    for one in repositories:
        size = sizes[one.name]
        if one.quota and size > one.quota:
            found[one.name] = f"{size / GIB:.1f} GiB of {one.quota / GIB:.1f} GiB"
        elif free < reserve and size - base.get(one.name, 0) > share:
            grown = (size - base.get(one.name, 0)) / GIB
            found[one.name] = f"grew by {grown:.1f} GiB while only {free / GIB:.1f} GiB of the disk are free"
    return found


def look(
    repositories: Sequence[Repository], folder: Path, sizes: Sizes, reserve: float, say: Callable[[str], None]
) -> None:
    """Look at all repositories once, close and open them. ``reserve`` in percent of the disk."""
    state: dict[str, Any] = read_state(STATE)
    now = time.time()
    disk = shutil.disk_usage(folder)
    kept = disk.total * reserve / 100
    # What was taken out lies on the same disk, and it is what the machine has sent.
    found = {one.name: sizes.of(one.path) + sizes.of(bins.folder_of(one, bins.TRASH)) for one in repositories}
    if "base" not in state or (disk.free >= kept and now - state.get("based", 0) > DAY):
        state.update(base=found, based=now)
    closed = judge(repositories, found, state["base"], disk.free, kept)
    before = state.get("closed", {})
    for one in repositories:
        try:
            _close_or_open(one, one.name in before, closed.get(one.name), sizes, say)
        except Failure as error:
            say(f"{one.name}: {error}")  # and the others are looked after
    write_state({**state, "closed": closed, "looked": now}, STATE)


def _close_or_open(
    one: Repository, was_closed: bool, reason: str | None, sizes: Sizes, say: Callable[[str], None]
) -> None:
    if reason is not None:
        if not was_closed:
            say(f"{one.name}: closed for writing: {reason}")
        _allow(one.path, 0o500)
        for path in sizes.uploads(one.path):
            _empty(path)
    elif was_closed:
        say(f"{one.name}: open for writing again")
        _allow(one.path, 0o700)
    _watch_locks(one.path / "locks")


def guard(load: Callable[[], tuple[Sequence[Repository], Path, float]], say: Callable[[str], None]) -> None:
    """Look for ever. What is declared is read again each time."""
    sizes = Sizes()
    while True:
        repositories, folder, reserve = load()
        look(repositories, folder, sizes, reserve, say)
        time.sleep(INTERVAL)


def _allow(repository: Path, mode: int) -> None:
    """Give all folders of a repository a mode, but that of locks, which readers need."""
    with contextlib.suppress(FileNotFoundError), below.parent_of(repository) as (folder, name):
        folder.set_modes(name, mode, without="locks")


def _watch_locks(path: Path) -> None:
    """Remove what is no lock."""
    with contextlib.suppress(FileNotFoundError), below.opened(path) as folder:
        for number, (name, status) in enumerate(folder.entries()):
            if status.st_size > LOCK or number >= LOCK:
                with contextlib.suppress(OSError, Failure):
                    folder.empty(name)
                folder.remove(name)


def _empty(path: Path) -> None:
    """Free the space of a file that somebody is still writing."""
    with contextlib.suppress(OSError, Failure), below.parent_of(path) as (folder, name):
        folder.empty(name)
