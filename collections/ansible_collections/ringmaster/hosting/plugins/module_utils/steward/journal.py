# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the steward keeps: requests that it has taken, and what is to be run for them, in one file of SQLite.

Each function is one transaction, on disk before it returns: after ``kill -9`` at any place the steward goes on from
there. What the queue was told is noted, so that it hears of each change, also when it was away.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..platform.verbs.effects import Run
from . import ids, messages, states
from .regular import Past

KEPT = 30 * 86400
"""Seconds for which a request that has ended is remembered."""
STEPS = 500
"""Of a request that are told to the queue."""
WAITING, RUNNING, DONE, FAILED, DROPPED = "waiting", "running", "done", "failed", "dropped"
"""States of a job."""

_TABLES = """
CREATE TABLE IF NOT EXISTS request (
    id TEXT PRIMARY KEY, state TEXT, urgent INT, retry_at REAL, made REAL, number INT, told INT, data TEXT
);
CREATE INDEX IF NOT EXISTS request_next ON request (state, urgent DESC, id);
CREATE INDEX IF NOT EXISTS request_told ON request (id) WHERE told < number;
CREATE TABLE IF NOT EXISTS job (id INTEGER PRIMARY KEY, request TEXT, n INT, state TEXT, made REAL, data TEXT);
CREATE INDEX IF NOT EXISTS job_state ON job (state);
CREATE INDEX IF NOT EXISTS job_request ON job (request);
CREATE TABLE IF NOT EXISTS step (request TEXT, n INT, told INT, data TEXT, PRIMARY KEY (request, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS regular (name TEXT PRIMARY KEY, since REAL, began REAL, went_well REAL, problem TEXT);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT);
"""


class JournalError(Exception):
    """The file cannot be used: another steward has it."""


@dataclass
class Entry:
    """A request as the steward knows it. ``approved_by`` are those who consented, ``problem`` says why it waits."""

    id: str
    body: str
    made: float
    urgent: bool = False
    state: str = states.SUBMITTED
    number: int = 1
    verified: bool = False
    person: str = ""
    kind: str = ""
    key: str = ""
    digest: str = ""
    statement: str = ""
    changes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    expect: list[tuple[str, list[str | int], Any]] = field(default_factory=list)
    approved_by: list[str] = field(default_factory=list)
    about: str = ""
    subject: str = ""
    problem: str = ""
    reasons: list[str] = field(default_factory=list)
    waits_for: list[str] = field(default_factory=list)
    commit: str = ""
    undo: dict[str, Any] | None = None
    left: int | None = None
    wish_cancel: bool = False
    retry_at: float = 0.0

    def report(self) -> messages.Report:
        """Return what the queue is told."""
        return messages.Report(
            id=self.id,
            number=self.number,
            state=self.state,
            about=self.about[: messages.SENTENCE],
            person=self.person,
            subject=self.subject[: messages.SENTENCE],
            problem=self.problem[: messages.SENTENCE],
            reasons=tuple(one[: messages.SENTENCE] for one in self.reasons[:50]),
            waits_for=tuple(self.waits_for[:1000]),
            commit=self.commit,
            left=self.left,
            undo=self.undo,
        )

    def move(self, state: str, **more: Any) -> Entry:
        """Go to another state, with other values; returns itself."""
        self.state = states.move(self.state, state, states.STEWARD)
        for name, value in more.items():
            setattr(self, name, value)
        if state in states.FINAL:
            # What was needed to do it only, with secrets in it.
            self.body, self.left = "", None
        return self


@dataclass(frozen=True)
class Job:
    """A run of a playbook that a request needs, the n-th; ``alone`` keeps it apart from those of others."""

    id: int
    request: str
    n: int
    state: str
    made: float
    run: Run
    alone: bool = False


class Journal:
    """The file, open for one process."""

    def __init__(self, folder: Path) -> None:
        """Open it, or make it. Raises JournalError while another process has it."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._held)
            raise JournalError(f"{folder}: another steward works with it; there is one") from None
        self._lock = threading.RLock()
        self._base = sqlite3.connect(folder / "journal.sqlite3", isolation_level=None, check_same_thread=False)
        self._base.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_TABLES}")
        self.instance = self._instance()

    def _instance(self) -> str:
        """Return what this steward is called by the queue: the same after a restart, another one on another machine."""
        row = self._base.execute("SELECT value FROM setting WHERE name = 'instance'").fetchone()
        if row:
            return str(row[0])
        made = ids.new()
        self._base.execute("INSERT INTO setting VALUES ('instance', ?)", (made,))
        return made

    def close(self) -> None:
        """Let another process have it."""
        self._base.close()
        os.close(self._held)

    # Requests.

    def take(self, id_: str, body: str, *, urgent: bool = False) -> bool:
        """Keep a request that came from the queue; one that is known is told of again, and stays as it is."""
        with self._lock, self._transaction():
            if self._base.execute("UPDATE request SET told = 0 WHERE id = ?", (id_,)).rowcount:
                return False
            self._write(Entry(id_, body, time.time(), urgent), is_new=True)
            return True

    def save(self, *entries: Entry, runs: Sequence[Run] = (), alone: bool = False) -> None:
        """Keep what became of requests, and what is to be run for the first of them."""
        with self._lock, self._transaction():
            for entry in entries:
                self._write(entry)
            for n, run in enumerate(runs):
                self._put(Job(0, entries[0].id, n, WAITING, time.time(), run, alone))

    def entry(self, id_: str) -> Entry | None:
        """Return a request; None for one that is not known."""
        with self._lock:
            row = self._base.execute("SELECT data FROM request WHERE id = ?", (id_,)).fetchone()
        return _entry(row[0]) if row else None

    def next(self, moment: float, *wanted: str) -> Entry | None:
        """Return the request of some states that is next: urgent ones, then the oldest, none that is to wait."""
        found: list[tuple[int, str, str]] = []
        with self._lock:
            for state in wanted:
                row = self._base.execute(
                    "SELECT -urgent, id, data FROM request WHERE state = ? AND retry_at <= ?"
                    " ORDER BY urgent DESC, id LIMIT 1",
                    (state, moment),
                ).fetchone()
                found += [row] if row else []
        return _entry(min(found)[2]) if found else None

    def of_states(self, *wanted: str) -> list[Entry]:
        """Return the requests of some states, the oldest first."""
        marks = ", ".join("?" * len(wanted))
        with self._lock:
            rows = self._base.execute(
                f"SELECT data FROM request WHERE state IN ({marks}) ORDER BY id", wanted
            ).fetchall()
        return [_entry(row[0]) for row in rows]

    def sweep(self) -> None:
        """Forget what has ended long ago and was told."""
        old = (time.time() - KEPT,)
        finals = ", ".join(f"'{one}'" for one in sorted(states.FINAL))
        ended = f"SELECT id FROM request WHERE state IN ({finals}) AND told >= number AND made < ?"
        with self._lock, self._transaction():
            self._base.execute(f"DELETE FROM job WHERE request IN ({ended})", old)
            self._base.execute(f"DELETE FROM step WHERE request IN ({ended})", old)
            self._base.execute(f"DELETE FROM request WHERE id IN ({ended})", old)

    # What the queue does not know yet.

    def untold(self, most: int = 100) -> tuple[list[messages.Report], list[messages.Step]]:
        """Return what changed since the queue was told."""
        with self._lock:
            rows = self._base.execute(
                "SELECT data FROM request WHERE told < number ORDER BY id LIMIT ?", (most,)
            ).fetchall()
            steps = self._base.execute("SELECT data FROM step WHERE told = 0 LIMIT 400").fetchall()
        return [_entry(row[0]).report() for row in rows], [messages.Step(**json.loads(row[0])) for row in steps]

    def told(self, reports: Iterable[messages.Report], steps: Iterable[messages.Step]) -> None:
        """Note that the queue was told."""
        with self._lock, self._transaction():
            rows = [(one.number, one.id) for one in reports]
            self._base.executemany("UPDATE request SET told = ?1 WHERE id = ?2 AND told < ?1", rows)
            # A step that has changed since is told again.
            known = [(one.id, one.n, json.dumps(one.as_dict())) for one in steps]
            self._base.executemany("UPDATE step SET told = 1 WHERE request = ? AND n = ? AND data = ?", known)

    def step(self, *steps: messages.Step) -> None:
        """Keep steps of requests that are applied; a later state of one takes its place."""
        rows = [(one.id, one.n, json.dumps(one.as_dict())) for one in steps if one.n < STEPS]
        with self._lock, self._transaction():
            self._base.executemany("INSERT OR REPLACE INTO step VALUES (?, ?, 0, ?)", rows)

    def steps_of(self, id_: str) -> int:
        """Return how many steps a request has."""
        with self._lock:
            return int(self._base.execute("SELECT count(*) FROM step WHERE request = ?", (id_,)).fetchone()[0])

    # Jobs.

    def jobs(self, *wanted: str) -> list[Job]:
        """Return jobs of some states, in the order in which they were made."""
        marks = ", ".join("?" * len(wanted))
        with self._lock:
            rows = self._base.execute(
                f"SELECT id, request, n, state, made, data FROM job WHERE state IN ({marks}) ORDER BY id", wanted
            ).fetchall()
        return [_job(row) for row in rows]

    def jobs_of(self, request: str) -> list[Job]:
        """Return the jobs of one request, in order."""
        with self._lock:
            rows = self._base.execute(
                "SELECT id, request, n, state, made, data FROM job WHERE request = ? ORDER BY n", (request,)
            ).fetchall()
        return [_job(row) for row in rows]

    # Regular runs.

    def past(self) -> dict[str, Past]:
        """Return what is known of regular runs."""
        with self._lock:
            rows = self._base.execute("SELECT name, since, began, went_well, problem FROM regular").fetchall()
        return {name: Past(*others) for name, *others in rows}

    def expect(self, name: str, now: float) -> None:
        """Note that a regular run is to be run from now on."""
        with self._lock, self._transaction():
            self._base.execute("INSERT OR IGNORE INTO regular VALUES (?, ?, NULL, NULL, '')", (name, now))

    def schedule(self, request: str, name: str, run: Run, now: float) -> None:
        """Note that a regular run begins, as soon as its lane is free."""
        with self._lock, self._transaction():
            self._base.execute("UPDATE regular SET began = ? WHERE name = ?", (now, name))
            self._base.execute("DELETE FROM job WHERE request = ? AND state NOT IN (?, ?)", (request, WAITING, RUNNING))
            self._put(Job(0, request, 0, WAITING, now, run, alone=True))

    def ended(self, name: str, now: float, problem: str) -> None:
        """Note how a regular run went."""
        well = "went_well = ?1, " if not problem else ""
        with self._lock, self._transaction():
            self._base.execute(
                f"UPDATE regular SET {well}problem = ?2 WHERE name = ?3 AND ?1 > 0", (now, problem, name)
            )

    def mark(self, jobs: Iterable[Job], state: str, *entries: Entry, alone: bool = False) -> None:
        """Note how far jobs are, and with them what became of their requests."""
        with self._lock, self._transaction():
            for job in jobs:
                data = json.dumps({"alone": job.alone or alone, **_parts(job.run)})
                self._base.execute("UPDATE job SET state = ?, data = ? WHERE id = ?", (state, data, job.id))
                if state == FAILED:
                    later = (DROPPED, job.request, WAITING)
                    self._base.execute("UPDATE job SET state = ? WHERE request = ? AND state = ?", later)
            for entry in entries:
                self._write(entry)

    def _put(self, job: Job) -> None:
        data = json.dumps({"alone": job.alone, **_parts(job.run)})
        row = (job.request, job.n, job.state, job.made, data)
        self._base.execute("INSERT INTO job (request, n, state, made, data) VALUES (?, ?, ?, ?, ?)", row)

    def _write(self, entry: Entry, *, is_new: bool = False) -> None:
        if not is_new:
            entry.number += 1
        data = json.dumps(dataclasses.asdict(entry))
        if is_new:
            row = (entry.id, entry.state, entry.urgent, entry.retry_at, entry.made, entry.number, data)
            self._base.execute("INSERT INTO request VALUES (?, ?, ?, ?, ?, ?, 0, ?)", row)
        else:
            changed = (entry.state, entry.retry_at, entry.number, data, entry.id)
            self._base.execute("UPDATE request SET state = ?, retry_at = ?, number = ?, data = ? WHERE id = ?", changed)

    def _transaction(self) -> _Transaction:
        return _Transaction(self._base)


class _Transaction:
    """All of it, or nothing."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> None:
        self._base.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_others: object) -> None:
        self._base.execute("COMMIT" if kind is None else "ROLLBACK")


def _parts(run: Run) -> dict[str, Any]:
    names = {argument: list(values) for argument, values in run.names.items()}
    return {"playbook": run.playbook, "names": names, "words": dict(run.words), "urgent": run.urgent}


def _entry(data: str) -> Entry:
    found = Entry(**json.loads(data))
    found.changes = [(one[0], one[1]) for one in found.changes]
    return found


def _job(row: Sequence[Any]) -> Job:
    id_, request, n, state, made, data = row
    found = json.loads(data)
    names = {argument: tuple(values) for argument, values in found["names"].items()}
    run = Run(found["playbook"], names, found["words"], found["urgent"])
    return Job(id_, request, n, state, made, run, found["alone"])
