# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two operators, AWX and ten writers of one machine at once on one repository, some of them killed at any moment.

200 changes: none is lost, none is done twice, and nothing that was given out is left over.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations, repository
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.ledger import FIRST_UID
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Options
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from test_repository import Repository, git

pytestmark = pytest.mark.slow

PEOPLE, VMS, COMMENTS = 100, 40, 60
KILLS = 30
OPERATORS, STEWARDS = 2, 10
LONGEST = 2.0
"""Seconds within which a run is killed; one takes about that long while all others work."""


def wishes() -> list[list[edit.Change]]:
    """Return the changes. Which name an ordered VM gets is known only when it is done."""
    people = [
        [("add_user", {"user": f"person{one:03}", "full_name": f"Person {one}", "email": f"p{one}@example.org"})]
        for one in range(PEOPLE)
    ]
    vms = [[("order_vm", {"project": "myapp", "memory": "1GiB"})] for _one in range(VMS)]
    comments: list[list[edit.Change]] = [
        [
            ("add_user", {"user": f"guest{one:03}", "full_name": f"Guest {one}", "email": f"g{one}@example.org"}),
            ("set_permissions", {"project": "myapp", "user": f"guest{one:03}", "permissions": ["login"]}),
        ]
        for one in range(COMMENTS)
    ]
    return [*people, *vms, *comments]


@dataclass
class Queue:
    """What is still to be done, and which runs are killed."""

    waiting: SimpleQueue[tuple[int, list[edit.Change]]] = field(default_factory=SimpleQueue)
    killed: set[int] = field(default_factory=set)
    kills: int = 0
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def ask(options: Options, request: int, changes: list[edit.Change], cache: Path, answer: Any) -> None:
    os.environ["XDG_CACHE_HOME"] = str(cache)
    try:
        edit.apply_many(options, changes, credit=repository.Credit(trailers={repository.REQUEST: f"test-{request}"}))
        answer.put("done")
    except Exception as error:  # the parent says what it was
        answer.put(f"{type(error).__name__}: {error}")


def write(queue: Queue, checkout: Any, cache: Path) -> None:
    """Do what is waiting, one after the other, each in a process of its own; who is killed begins again."""
    context = multiprocessing.get_context("fork")
    while True:
        try:
            number, changes = queue.waiting.get_nowait()
        except Empty:
            return
        answer = context.SimpleQueue()
        run = context.Process(target=ask, args=(checkout(), number, changes, cache, answer))
        run.start()
        if number in queue.killed:
            time.sleep(random.uniform(0, LONGEST))
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.pid or 0, signal.SIGKILL)
        run.join()
        if run.exitcode == -signal.SIGKILL:
            with queue.lock:
                queue.kills += 1
                queue.killed.discard(number)
            queue.waiting.put((number, changes))
        elif (said := answer.get()) != "done":
            queue.problems.append(f"{changes}: {said}")


def test_none_is_lost_and_none_is_done_twice(platform, tmp_path: Path) -> None:
    platform.edit("platform.yml", lambda data: data["hypervisors"]["hv0"].update({"memory": "1TiB", "disk": "10TiB"}))
    platform.allocate()
    repo = Repository(tmp_path, platform)
    asked = wishes()
    assert len(asked) == 200
    queue = Queue(killed=set(random.sample(range(len(asked)), KILLS + 10)))
    for number, changes in enumerate(asked):
        queue.waiting.put((number, changes))
    fresh = iter(range(10**6))

    def kept(name: str) -> Any:
        options = repo.checkout(name)
        return lambda: options

    writers = [(kept(f"operator{one}"), tmp_path / f"operator{one}.cache") for one in range(OPERATORS)]
    # A job of AWX has a copy of its own each time, and no cache.
    writers.append((lambda: repo.checkout(f"job{next(fresh)}"), tmp_path / "awx.cache"))
    writers += [(kept(f"steward{one}"), tmp_path / "steward.cache") for one in range(STEWARDS)]
    threads = [threading.Thread(target=write, args=(queue, *writer)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert queue.problems == []
    assert queue.kills >= KILLS
    assert len(repo.log()) == 1 + len(asked)
    ledger = repo.show("allocations.yml")
    assert sorted(ledger["vm_ids"].values()) == list(range(4096, 4096 + VMS + 1))
    assert len(set(ledger["ipv4_srv"].values())) == VMS + 1
    uids = sorted(ledger["uids"].values())
    assert uids == list(range(FIRST_UID, FIRST_UID + len(uids)))
    assert {f"person{one:03}" for one in range(PEOPLE)} | {f"guest{one:03}" for one in range(COMMENTS)} <= set(
        ledger["uids"]
    )
    described = repo.show("projects/myapp.yml")
    assert set(described["vms"]) == {f"myapp{one:02}" for one in range(VMS + 1)}
    assert all(described["permissions"][f"guest{one:03}"] == ["login"] for one in range(COMMENTS))
    git(repo.bare, "fsck", "--strict")
    assert operations.validate(repo.checkout("afterwards")).mistakes == []
