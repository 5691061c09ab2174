# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nightly maintenance: forget what is beyond the retention, free its space, and read every repository in turn."""

from __future__ import annotations

import fcntl
import json
import os
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ringmaster.backup_server.repositories import Failure, Repository
from ringmaster.backup_server.retention import to_forget

STATE = Path("/var/lib/ringmaster/backup-server.json")
LOCK = Path("/run/ringmaster/backup-server.lock")
DAY = 86400
#: A repository is read completely within this many weeks, a part each week.
PARTS = 8


def read_state(path: Path = STATE) -> dict[str, Any]:
    """Return what the newest maintenance left; empty when there was none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_state(state: dict[str, Any], path: Path = STATE) -> None:
    """Write the state as a whole or not at all."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    temporary.chmod(0o644)
    temporary.replace(path)


def maintain(repositories: Sequence[Repository], say: Callable[[str], None], *, everything: bool = False) -> bool:
    """Maintain repositories; return whether all are sound. ``everything``: read and prune now, and all of it."""
    LOCK.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with os.fdopen(os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failure("another maintenance is running") from error
        state = read_state()
        known = state.setdefault("repositories", {})
        began = time.time()
        for repository in repositories:
            entry = known.setdefault(repository.name, {})
            try:
                _maintain_one(repository, entry, everything, say)
                entry.pop("error", None)
            except Failure as failure:
                entry["error"] = str(failure)
                say(str(failure))
            write_state(state)
        state.update(finished=time.time(), seconds=round(time.time() - began, 3))
        write_state(state)
        return not any("error" in known[one.name] or "damage" in known[one.name] for one in repositories)


def _maintain_one(repository: Repository, entry: dict[str, Any], everything: bool, say: Callable[[str], None]) -> None:
    if not repository.exists:
        raise Failure(f"{repository.name}: the repository is missing; playbook backup.yml makes it")
    now = time.time()
    repository.restic("unlock")  # only locks whose process is gone or that are half an hour old
    old = to_forget(repository.arrivals(), repository.keep, now)
    for start in range(0, len(old), 100):
        repository.restic("forget", *(one.id for one in old[start : start + 100]))
    if old:
        say(f"{repository.name}: forgot {len(old)} backup{'s' * (len(old) != 1)}")
        entry["to_prune"] = True
    if entry.get("to_prune") and (everything or now - entry.get("pruned", 0) > 6.5 * DAY):
        repository.restic("prune", "--max-unused", "10%")
        entry.update(pruned=now, to_prune=False)
    if everything or is_its_turn(repository.name, entry.get("checked", 0), now):
        _check(repository, entry, everything, say)
    entry.update(backups=len(repository.arrivals()), bytes=repository.size())


def is_its_turn(name: str, checked: float, now: float) -> bool:
    """Tell whether a repository is read today: on its own day of the week, or as soon as it was missed."""
    today = int(now // DAY)
    return now - checked > 7.5 * DAY or (today % 7 == zlib.crc32(name.encode()) % 7 and now - checked > DAY)


def _check(repository: Repository, entry: dict[str, Any], everything: bool, say: Callable[[str], None]) -> None:
    """Compare the structure and a part of the data with their hashes. Damage stays noted until a check finds none."""
    part = entry.get("part", 0) % PARTS + 1
    subset = "100%" if everything else f"{part}/{PARTS}"
    began = time.monotonic()
    try:
        repository.restic("check", f"--read-data-subset={subset}")
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
