# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prune: free the space of packs that no backup needs, and keep them in the trash for a while.

restic prunes a view of the repository, under its own exclusive lock of the repository. Only when it has succeeded and
every backup of the view is still complete, the difference is brought to the repository: new files first, then what is
not needed any more is moved to the trash. What arrives meanwhile, against the lock, is not touched.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

from ringmaster.backup_server import bins, judge, process
from ringmaster.backup_server.repositories import LOCKED, Failure, Locked, Repository
from ringmaster.backup_server.view import user, view, work
from ringmaster.core import below

#: restic renews its locks every five minutes with a new file; one that arrived earlier than this is nobody's any more.
STALE = 3600
#: How long a running backup is waited for; the next maintenance tries again.
PATIENCE = 300
SECONDS = 12 * 3600
PIPE = "password"


def remove_stale_locks(repository: Repository, now: float) -> None:
    """Remove locks by when they arrived: what a lock says of itself is the machine's word."""
    stale = [name for name, status in repository.files("locks").items() if status.st_mtime < now - STALE]
    if stale:
        with repository.opened("locks") as folder:
            for name in stale:
                folder.remove(name)


@contextlib.contextmanager
def exclusive(repository: Repository, key: str) -> Iterator[None]:
    """Hold restic's exclusive lock of the repository, renewed by restic itself; raises Locked.

    ``restic key passwd`` takes that lock and then reads the new password. It gets none, so nothing changes.
    """
    with work(repository) as folder:
        name = f"{repository.name}-lock"
        folder.remove(name)
        try:
            with folder.make(name, account=user()) as place, _held(repository, key, place):
                yield
        finally:
            folder.remove(name)


@contextlib.contextmanager
def _held(repository: Repository, key: str, place: below.Folder) -> Iterator[None]:
    os.mkfifo(PIPE, 0o600, dir_fd=place.descriptor)
    os.chown(PIPE, user().pw_uid, user().pw_gid, dir_fd=place.descriptor, follow_symlinks=False)
    words = ["--key-hint", key, "--retry-lock", f"{PATIENCE}s", "key", "passwd", "--new-password-file"]
    words += [str(place.path / PIPE)]
    holder = process.begin(["restic", "--no-cache", *words], repository.password, str(repository.path))
    writing = -1
    try:
        writing = _opened(place, holder, repository)
        yield
    finally:
        if writing >= 0:
            os.close(writing)  # an empty password, which restic refuses
        else:
            holder.send_signal(signal.SIGINT)
        try:
            holder.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            holder.kill()
            holder.communicate()


def _opened(place: below.Folder, holder: subprocess.Popen[bytes], repository: Repository) -> int:
    """Return the pipe's end for writing as soon as restic reads from it: then it has the lock."""
    end = time.monotonic() + PATIENCE + 120
    while time.monotonic() < end:
        try:
            return os.open(PIPE, below.WRITE, dir_fd=place.descriptor)
        except OSError:  # nobody reads yet
            if holder.poll() is not None:
                break
            time.sleep(0.1)
    if holder.poll() in (None, LOCKED):
        raise Locked(f"{repository.name}: a backup is running, or claims to be: not pruned")
    raise Failure(f"{repository.name}: the repository cannot be locked: restic ended with code {holder.returncode}")


def prune(repository: Repository, key: str, until: float, say: Callable[[str], None]) -> None:
    """Prune the repository; raises Failure, and then has deleted nothing."""
    remove_stale_locks(repository, time.time())
    with exclusive(repository, key):
        # A pack that arrives after this list was made is not in the view, so it stays whatever the index says.
        packs = repository.files("data")
        snapshots = repository.files("snapshots")
        verdict = judge.judge(repository, key, until, say)
        if not verdict.is_clean:
            raise Failure(f"{repository.name}: not pruned, because what arrived last was not judged to be true")
        with view(repository, key, index=verdict.judged, snapshots=snapshots, packs=packs) as seen:
            before = {kind: set(seen.files(kind)) for kind in ("data", "index", "snapshots")}
            seen.restic("prune", "--max-unused", "10%", seconds=SECONDS)
            seen.restic("check", seconds=SECONDS)
            after = {kind: set(seen.files(kind)) for kind in before}
            if not before["snapshots"] <= after["snapshots"]:
                raise Failure(f"{repository.name}: not pruned, because backups are missing afterwards")
            _bring(repository, seen, before, after)


def _bring(repository: Repository, seen: Repository, before: dict[str, set[str]], after: dict[str, set[str]]) -> None:
    """Bring what changed in a view to the repository. Cut short anywhere, every backup is complete."""
    # Written by restic here, from what was judged.
    judge.note(repository, after["index"])
    for kind in ("data", "index"):
        new = after[kind] - before[kind]
        seen.link(repository, kind, new)
        missing = new - {*repository.files(kind)}
        if missing:
            raise Failure(f"{repository.name}: {repository.place(kind, min(missing))} is no file")
    os.sync()
    bins.put(repository, bins.TRASH, {kind: sorted(before[kind] - after[kind]) for kind in ("index", "data")})
