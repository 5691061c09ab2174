# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge what arrived: nothing is deleted on the word of a machine before that word was compared with the data.

An index says in which pack, and where in it, each piece of data lies; pruning keeps one copy of each piece and deletes
packs that hold none. A machine that was broken into can add an index that claims old data lie in packs of garbage. So
every index is compared with the packs it speaks of before the first pruning that sees it: each pack is read as a whole
and has the hash that is its name, each piece decrypts, unpacks and has the hash that the index claims, and the index
speaks of the pack's pieces exactly as the pack itself does. restic does all this (``check --read-data``) in a view that
holds only the indexes to be judged, so that only what these speak of is read.

A name is the hash of the content, and files are never overwritten: what was judged once stays true.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ringmaster.backup_server.repositories import Failure, Repository
from ringmaster.backup_server.state import read_state, write_state
from ringmaster.backup_server.view import view

LEDGERS = Path("/var/lib/ringmaster/backup-server-judged")
#: Bytes of index that are judged together. Each 50 bytes stand for a piece of data of 0.5 to 8 MiB.
PORTION = 1 << 20
#: Seconds for one portion; a machine that makes it take longer is not pruned.
SECONDS = 4 * 3600

#: So many lies are enough; who sends more keeps the server from no other work.
MOST = 100


@dataclass
class Verdict:
    """``lies``: indexes that do not say what is so, and in which way. ``left``: how many were not judged yet."""

    judged: set[str] = field(default_factory=set)
    lies: dict[str, str] = field(default_factory=dict)
    left: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether everything was judged and is true."""
        return not self.lies and not self.left


def ledger(repository: Repository) -> set[str]:
    """Return the names of the indexes that were judged to be true."""
    return set(read_state(LEDGERS / f"{repository.name}.json").get("index", ()))


def note(repository: Repository, names: Iterable[str]) -> None:
    """Remember these indexes as judged, and no others.

    What is not there any more is judged again when it comes back, because its packs may be gone.
    """
    write_state({"index": sorted(names)}, LEDGERS / f"{repository.name}.json")


def judge(repository: Repository, key: str, until: float, say: Callable[[str], None]) -> Verdict:
    """Judge what was not judged yet, oldest first, until a moment of ``time.monotonic``; at least one portion."""
    present = repository.files("index")
    known = ledger(repository)
    verdict = Verdict(known & set(present))
    waiting = {name: status.st_size for name, status in present.items() if name not in known}
    verdict.left = len(waiting)
    waves = list(_portions(waiting))
    is_first = True
    while waves and (is_first or time.monotonic() < until) and len(verdict.lies) < MOST:
        is_first = False
        names = waves.pop(0)
        lie = _lie(repository, key, names)
        if lie and len(names) > 1:
            # One lie spoils them all: each alone says which it is.
            waves[:0] = [[name] for name in names]
            continue
        verdict.left -= len(names)
        if lie:
            verdict.lies[names[0]] = lie
            say(f"{repository.name}: index {names[0][:8]} is not true: {lie}")
        else:
            verdict.judged |= set(names)
            note(repository, verdict.judged)
    note(repository, verdict.judged)
    return verdict


def _portions(sizes: dict[str, int]) -> Iterator[list[str]]:
    portion: list[str] = []
    total = 0
    for name, size in sizes.items():
        if portion and total + size > PORTION:
            yield portion
            portion, total = [], 0
        portion.append(name)
        total += size
    if portion:
        yield portion


def _lie(repository: Repository, key: str, names: list[str]) -> str:
    """Return in which way indexes are not true; empty when they are."""
    try:
        with view(repository, key, index=names) as seen:
            seen.restic("check", "--read-data", seconds=SECONDS)
    except Failure as failure:
        return str(failure).removeprefix(f"{repository.name}: ")
    return ""
