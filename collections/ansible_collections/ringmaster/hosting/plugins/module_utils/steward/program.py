# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steward: ``python -m …module_utils.steward.program CONFIGURATION`` runs until it is ended.

Three threads: one asks the queue for what is to be done, one tells it what became of it, and one does it. They meet in
the journal only, so that a queue that is away holds up nothing that was taken already. A fourth one tells people by
mail what was written that concerns them; it looks at commits, and meets the others nowhere. Questions are answered one
after the other by a fifth one, because some take as long as a playbook.

The configuration is JSON. Needed are ``queue`` (its address), ``host`` (for which people sign), ``source`` (of the
description, which is in a repository), ``state`` (a folder of its own) and ``playbooks``; ``certificate``, ``key``,
``authority``, ``roles``, ``origins``, ``rp_id``, ``ansible_playbook``, ``environment``, ``secrets``, ``made_of`` and
``regular`` (playbooks with times such as 10m or 02:30) and ``mail`` (``server``, ``port``, ``sender``, ``authority``:
where notices are handed in) where they are needed. How it goes stands in ``health.json`` of the state's folder.

A run of ``site.yml`` may renew what the steward is made of, on the machine where it runs, and nobody ends the steward
for that: it would end the run as well. It looks at the paths of ``made_of``, and ends by itself between two runs.
"""

from __future__ import annotations

import datetime
import json
import logging
import queue
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..platform import operations
from ..platform.language.errors import DescriptionError
from ..platform.language.files import write_atomically
from ..platform.proofs import judge
from ..platform.proofs.nonces import Store, StoreError
from ..platform.proofs.statements import ProofError
from ..platform.verbs import arguments
from ..platform.verbs.effects import Run
from . import messages, places, questions, regular, snapshot, states
from .desk import Desk
from .dispatch import Dispatch
from .journal import RUNNING, WAITING, Journal, JournalError
from .outbox import Courier
from .queue_client import Delivery, Queue, QueueError, SupersededError
from .runner import AnsibleRunner, Runner

LOG = logging.getLogger("steward")
WAIT, PAUSE, FOLLOW, TICK, MAIL = 20, 0.2, 10.0, 20.0, 5.0
"""Seconds: of a call for what is to be done, between two looks, two pulls, two looks for what is over, and for mail."""
OPEN = tuple(one for one in states.STATES if one not in states.FINAL)
ANSWERED = 100.0
"""Seconds in which a playbook answers a question; the queue waits for little more."""
LONGEST_PAUSE = 30.0
"""Between two tries to reach the queue."""


def utc() -> datetime.datetime:
    """Return the time here."""
    return datetime.datetime.now(datetime.UTC)


class Program:
    """All parts together."""

    def __init__(self, configuration: Mapping[str, Any], runner: Runner | None = None) -> None:
        """Open the journal; raises JournalError or StoreError while another steward has it, and DescriptionError."""
        state = Path(configuration["state"])
        roles = Path(configuration["roles"]) if configuration.get("roles") else None
        self.options = operations.options_of(Path(configuration["source"]), roles)
        if not self.options.repository:
            raise ValueError(
                f"{self.options.source}: description_repo is missing: the steward writes into a repository"
            )
        self.journal = Journal(state)
        self.used = Store(state / "statements", state / "statements.marker", utc())
        host = str(configuration["host"])
        self.place = judge.Place(
            host, tuple(configuration.get("origins") or (f"https://{host}",)), configuration.get("rp_id") or host
        )
        self.desk = Desk(self.options, self.place, self.journal, self.used, utc)
        self.runner = runner or AnsibleRunner(
            configuration.get("ansible_playbook", "ansible-playbook"),
            self.options.source,
            Path(configuration["playbooks"]),
            state / "runs",
            frozenset(arguments.variables_of_roles(roles)),
            configuration.get("environment") or {},
            Path(configuration["secrets"]) if configuration.get("secrets") else None,
        )
        self._made_of = [Path(one) for one in configuration.get("made_of") or []]
        self._began_with = self._made()
        self.dispatch = Dispatch(self.journal, self.runner, places.members(self.desk.known), time.time)
        paths = (configuration.get(name) for name in ("certificate", "key", "authority"))
        self._queue_options = (configuration["queue"], *(Path(one) if one else None for one in paths))
        self._generation = 0
        self._stop, self._news, self._work = threading.Event(), threading.Event(), threading.Event()
        self._wishes: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._questions = ThreadPoolExecutor(1, "questions")
        self._ended: list[str] = []
        self._taken: list[str] = []
        self._pushed = ""
        self.heard = 0.0
        """When the queue answered last."""
        self.regular = regular.read(configuration.get("regular") or {})
        for one in self.regular:
            self.journal.expect(one.playbook, time.time())
        self._health = state / "health.json"
        self._state, self._mail = state, configuration.get("mail")
        self._mail_waits: tuple[int, float] = (0, 0.0)
        self.problem = ""
        """Why the steward has ended by itself."""

    def stop(self, *_signal: Any) -> None:
        """End, after what is done just now."""
        self._stop.set()
        self._news.set()
        self._work.set()

    def _made(self) -> list[str]:
        """Return what changes whenever one of the files or links does that the steward is made of."""
        found = []
        for path in self._made_of:
            try:
                found.append(f"{path.resolve()} {path.stat().st_mtime_ns}")
            except OSError:
                found.append("")
        return found

    def run(self) -> None:
        """Work until somebody ends it, or another steward takes over."""
        threads = [threading.Thread(target=one, daemon=True) for one in (self._fetch, self._tell, self._write)]
        for thread in threads:
            thread.start()
        try:
            self._do()
        finally:
            self.stop()
            self.dispatch.stop()
            self._questions.shutdown(wait=False, cancel_futures=True)
            for thread in threads:
                thread.join(2)

    # What is done.

    def _do(self) -> None:
        followed = ticked = dispatched = 0.0
        while not self._stop.is_set():
            now = time.monotonic()
            if now - followed > FOLLOW or not self._wishes.empty():
                followed = now
                self._follow()
            if now - ticked > TICK:
                ticked = now
                self.desk.tick()
                self.journal.sweep()
                self._schedule()
                self._say()
                if self._made() != self._began_with and self.dispatch.is_idle():
                    LOG.info("what the steward is made of has changed; it begins again with that")
                    break
            self._listen()
            if not self._generation:
                # Another steward may be at work, with a copy of the same journal.
                self._work.wait(1.0)
                continue
            busy = self.desk.work()
            if not busy or now - dispatched > PAUSE:
                dispatched = now
                busy = self.dispatch.work() or busy
            if busy:
                self._news.set()
            else:
                self._work.wait(PAUSE if not self.dispatch.is_idle() else 1.0)
                self._work.clear()

    def _schedule(self) -> None:
        """Begin the regular runs whose time has come; one that has not ended yet is not begun again."""
        now, known = utc(), self.journal.past()
        going = {job.request for job in self.journal.jobs(WAITING, RUNNING)}
        for one in self.regular:
            past = known[one.playbook]
            began = regular.moment(past.began or (past.since if one.at else None))
            if one.request not in going and one.is_due(began, now):
                self.journal.schedule(one.request, one.playbook, one.run, now.timestamp())

    def _say(self) -> None:
        """Write down how it goes, for checks on this machine."""
        try:
            self.desk.description()
            description = ""
        except DescriptionError as error:
            description = str(error)[:500]
        said = {
            "at": int(time.time()),
            "queue_at": int(self.heard),
            "description": description,
            "open": len(self.journal.of_states(*OPEN)),
            "notices": dict(zip(("waiting", "since"), self._mail_waits, strict=True)),
            "regular": regular.problems(self.regular, self.journal.past(), utc()),
        }
        write_atomically(self._health, json.dumps(said))

    def _follow(self) -> None:
        try:
            self.desk.follow()
        except DescriptionError as error:
            LOG.error("%s", error)

    def _listen(self) -> None:
        """Do what is no request: wishes to cancel, sessions that ended, questions."""
        while not self._wishes.empty():
            kind, what = self._wishes.get()
            if kind == "cancel":
                entry = self.journal.entry(what)
                if self.desk.cancel(what) and entry:
                    self.dispatch.cancel(entry)
            elif kind == "session":
                nonce, proof = what
                self.desk.end_session(proof)
                self._ended.append(nonce)

    # Mail to people.

    def _write(self) -> None:
        """Tell people what was written that concerns them, where the platform has a machine for mail."""
        if not self._mail:
            return
        courier = Courier(self.options, self._state, self._mail)
        while not self._stop.wait(MAIL):
            courier.work(time.time())
            self._mail_waits = courier.outbox.waiting()

    # The queue.

    def _fetch(self) -> None:
        """Take what the queue hands over into the journal; then tell it that it is there."""
        link = Queue(*self._queue_options)
        self._patiently(lambda: self._fetch_once(link), link)

    def _fetch_once(self, link: Queue) -> None:
        if not link.generation:
            link.hello(self.journal.instance)
            self._generation = link.generation
            self._taken.clear()
            self._news.set()
            self._work.set()
        ended = list(self._ended)
        found = link.next(self._taken, ended, WAIT)
        self.heard = time.time()
        self._taken = []
        self._ended = [one for one in self._ended if one not in ended]
        self.take(found)
        for one in found.questions:
            self._questions.submit(self._reply, *one)

    def take(self, found: Delivery) -> None:
        """Keep what was handed over."""
        for id_, body in found.requests:
            if self.desk.take(id_, body):
                LOG.info("request %s came in", id_)
            self._taken.append(id_)
        for id_ in found.cancels:
            self._wishes.put(("cancel", id_))
        for session in found.sessions:
            self._wishes.put(("session", session))
        if found != Delivery():
            self._work.set()
            self._news.set()

    def _reply(self, id_: str, asked: Any, proof: Any) -> None:
        """Answer a question, over a connection of its own; one that cannot be handed over is asked again by people."""
        link = Queue(*self._queue_options)
        link.generation = self._generation
        try:
            link.answer(id_, *self.answer(id_, asked, proof))
        except (QueueError, SupersededError) as error:
            LOG.warning("the answer to question %s is lost: %s", id_, error)
        except Exception:
            LOG.exception("question %s has no answer; this should not happen", id_)
        finally:
            link.close()

    def answer(self, id_: str, asked: Any, proof: Any) -> tuple[Any, str]:
        """Return the answer to a question, or None and why there is none."""
        try:
            found = self.desk.description()
            proven = judge.in_session(found, self.place, proof, utc())
            self.used.check(proven.statements, id_)
            means = questions.Means(self.options, self._handed_over)
            return questions.answer(found, proven.person, questions.question(asked), means), ""
        except (messages.MessageError, questions.QuestionError, ProofError) as error:
            return None, str(error)[: messages.SENTENCE]
        except DescriptionError:
            return None, "the description has mistakes just now; ask again later"

    def _handed_over(self, playbook: str, words: Mapping[str, str]) -> Any:
        """Return what a playbook that changes nothing hands over; raises QuestionError."""
        with tempfile.TemporaryDirectory(prefix="answer-", dir=self._state) as folder:
            file = Path(folder) / "answer.json"
            process = self.runner.start(Run(playbook, words={**words, "answer_file": str(file)}), f"{playbook}-asked")
            end = time.monotonic() + ANSWERED
            while (failure := process.ended()) is None:
                if self._stop.wait(PAUSE) or time.monotonic() > end:
                    process.stop()
                    raise questions.QuestionError("the backup machine did not answer in time; ask again later")
            if failure:
                raise questions.QuestionError(f"the backup machine does not say it: {failure}")
            return json.loads(file.read_bytes())

    def _tell(self) -> None:
        """Tell the queue what changed, and hand over the description when it has another commit."""
        link = Queue(*self._queue_options)
        self._patiently(lambda: self._tell_once(link), link)

    def _tell_once(self, link: Queue) -> None:
        self._news.wait(5.0)
        self._news.clear()
        if not self._generation:
            return
        if link.generation != self._generation:
            link.generation, self._pushed = self._generation, ""
        self._push(link)
        while not self._stop.is_set():
            reports, steps = self.journal.untold()
            if not reports and not steps:
                break
            link.report(reports, steps)
            self.journal.told(reports, steps)

    def _push(self, link: Queue) -> None:
        commit = snapshot.commit(self.options)
        if commit in ("", self._pushed):
            return
        try:
            files = snapshot.files(self.options)
        except DescriptionError as error:
            LOG.error("the description at %s is not handed over: %s", commit[:12], error)
        else:
            link.snapshot(commit, files)
        self._pushed = commit

    def _patiently(self, once: Callable[[], None], link: Queue) -> None:
        """Do something again and again; after a failure more and more slowly."""
        pause = 1.0
        while not self._stop.is_set():
            try:
                once()
                pause = 1.0
            except SupersededError as error:
                if self._generation and link.generation == self._generation:
                    # Not this one is to be asked for the next request.
                    self.problem = str(error)
                    LOG.error("%s", error)
                    self.stop()
                else:
                    self._stop.wait(pause)
            except QueueError as error:
                LOG.warning("%s", error)
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception:
                LOG.exception("this should not happen; it is tried again")
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        link.close()


def main() -> int:
    """Run the steward with the configuration that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    configuration = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        program = Program(configuration)
    except (JournalError, StoreError, DescriptionError, ValueError, KeyError) as error:
        LOG.error("%s", error)
        return 1
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, program.stop)
    program.run()
    return 1 if program.problem else 0


if __name__ == "__main__":
    raise SystemExit(main())
