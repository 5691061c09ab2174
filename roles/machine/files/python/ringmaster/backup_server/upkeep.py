# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daily maintenance: judge what arrived, forget what is beyond the retention, free its space, read all in turn.

While damage is noted of a repository, or what arrived was not judged to be true, nothing is taken out of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ringmaster.backup_server import bins, judge, passwords, prune
from ringmaster.backup_server.repositories import Failure, Locked, Repository
from ringmaster.backup_server.retention import to_forget
from ringmaster.backup_server.state import read_state, write_state
from ringmaster.backup_server.view import sweep, view

LOCK = Path("/run/ringmaster/backup-server.lock")
DAY = 86400
#: A repository is read completely within this many weeks, a part each week.
PARTS = 8
#: So many days what was forgotten or pruned lies in the trash, where the configuration says nothing else.
TRASH_DAYS = 30
#: Seconds a day in which what arrived in one repository is judged; the rest waits for the next day.
JUDGING = 2 * 3600
#: The longest that a part of a repository is read.
READING = 12 * 3600


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """See to it that only one program works on the repositories; raises Failure."""
    LOCK.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with os.fdopen(os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failure("another maintenance is running") from error
        yield


def maintain(
    repositories: Sequence[Repository],
    say: Callable[[str], None],
    *,
    everything: bool = False,
    trash_days: float = TRASH_DAYS,
) -> bool:
    """Maintain repositories; return whether all are sound. ``everything``: judge, read and prune now, and all of it."""
    with alone():
        state = read_state()
        known = state.setdefault("repositories", {})
        began = time.time()
        # Who took long, or makes it take long, comes last.
        for repository in sorted(repositories, key=lambda one: known.get(one.name, {}).get("seconds", 0)):
            entry = known.setdefault(repository.name, {})
            start = time.monotonic()
            try:
                _maintain_one(repository, entry, everything, trash_days, say)
                entry.pop("error", None)
            except Failure as failure:
                entry["error"] = str(failure)
                say(str(failure))
            entry["seconds"] = round(time.monotonic() - start, 3)
            write_state(state)
        state.update(finished=time.time(), seconds=round(time.time() - began, 3))
        write_state(state)
        return not any(known[one.name].keys() & {"error", "damage", "lies"} for one in repositories)


def _maintain_one(
    repository: Repository, entry: dict[str, Any], everything: bool, trash_days: float, say: Callable[[str], None]
) -> None:
    if not repository.exists:
        raise Failure(f"{repository.name}: the repository is missing; playbook backup.yml makes it")
    now = time.time()
    sweep(repository)
    key = passwords.key_of(repository)
    if strangers := passwords.put_others_away(repository, key):
        say(f"{repository.name}: {strangers} keys that are not the server's were put into the trash")
    prune.remove_stale_locks(repository, now)
    until = time.monotonic() + (float("inf") if everything else JUDGING)
    _judge(repository, key, entry, until, say)
    if everything or is_its_turn(repository.name, entry.get("checked", 0), now):
        _check(repository, key, entry, everything, say)
    if not entry.keys() & {"damage", "lies", "unjudged"}:
        _forget(repository, entry, now, say)
        if entry.get("to_prune") and (everything or now - entry.get("pruned", 0) > 6.5 * DAY):
            _prune(repository, key, entry, until, say)
        bins.expire(repository, trash_days, now)
    entry.update(
        backups=len(repository.arrivals()), bytes=repository.size(), trash_bytes=bins.size(repository, bins.TRASH)
    )


def _judge(repository: Repository, key: str, entry: dict[str, Any], until: float, say: Callable[[str], None]) -> None:
    verdict = judge.judge(repository, key, until, say)
    for name, value in (("lies", verdict.lies), ("unjudged", verdict.left)):
        if value:
            entry[name] = value
        else:
            entry.pop(name, None)
    if verdict.left:
        say(f"{repository.name}: {verdict.left} indexes wait to be judged; nothing is taken out before")


def _forget(repository: Repository, entry: dict[str, Any], now: float, say: Callable[[str], None]) -> None:
    old = to_forget(repository.arrivals(), repository.keep, now)
    bins.put(repository, bins.TRASH, {"snapshots": [one.id for one in old]})
    if old:
        say(f"{repository.name}: forgot {len(old)} backup{'s' * (len(old) != 1)}")
        entry["to_prune"] = True


def _prune(repository: Repository, key: str, entry: dict[str, Any], until: float, say: Callable[[str], None]) -> None:
    try:
        prune.prune(repository, key, until, say)
    except Locked as locked:
        # A running backup is no mistake; one that runs for days is told.
        entry.setdefault("waits", time.time())
        if time.time() - entry["waits"] > 3 * DAY:
            raise
        say(str(locked))
    else:
        entry.pop("waits", None)
        entry.update(pruned=time.time(), to_prune=False)


def is_its_turn(name: str, checked: float, now: float) -> bool:
    """Tell whether a repository is read today: on its own day of the week, or as soon as it was missed."""
    today = int(now // DAY)
    return now - checked > 7.5 * DAY or (today % 7 == zlib.crc32(name.encode()) % 7 and now - checked > DAY)


def _check(
    repository: Repository, key: str, entry: dict[str, Any], everything: bool, say: Callable[[str], None]
) -> None:
    """Compare the structure and a part of the data with their hashes. Damage stays noted until a check finds none."""
    part = entry.get("part", 0) % PARTS + 1
    subset = "100%" if everything else f"{part}/{PARTS}"
    began = time.monotonic()
    try:
        # Backups come first: the indexes that they need are there by then.
        snapshots = repository.files("snapshots")
        with view(repository, key, snapshots=snapshots, index=repository.files("index")) as seen:
            seen.restic("check", f"--read-data-subset={subset}", seconds=READING)
    except Failure as failure:
        entry["damage"] = str(failure)
        say(str(failure))
    else:
        # A part that is sound says nothing about the part in which damage was found.
        if everything or entry.get("damage_part") in (None, part):
            entry.pop("damage", None)
            entry.pop("damage_part", None)
    if "damage" in entry:
        entry.setdefault("damage_part", 0 if everything else part)
    entry.update(checked=time.time(), part=part, check_seconds=round(time.monotonic() - began, 3))
