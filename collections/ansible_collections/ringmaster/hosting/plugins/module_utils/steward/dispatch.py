# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What brings changes to machines: the waiting jobs of the journal, begun in their lanes, and what became of them.

A job counts as done when its run has ended well. One that was running when the steward was killed is run again, because
what is described can be applied as often as one likes; what is done once, such as a restart, is not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from ..platform.language.errors import DescriptionError
from ..platform.verbs import table
from . import lanes, messages, regular, states
from .journal import DONE, DROPPED, FAILED, RUNNING, WAITING, Entry, Job, Journal
from .lanes import Members, Start
from .runner import Process, Runner

LOG = logging.getLogger("steward")
ASK = "it is described, and comes with the next run; retry it, undo it, or ask an operator"
INTERRUPTED = "the steward was interrupted meanwhile; look whether it was done before you ask again"
ENDED_EARLY = "it was stopped because you cancelled it; the description has it, and the next run brings it"


@dataclass
class _Going:
    """A run that goes on, and how many steps each of its requests had before it."""

    start: Start
    process: Process
    offsets: dict[str, int] = field(default_factory=dict)
    stopped: bool = False


class Dispatch:
    """Begins and ends runs. ``members`` gives what names concern, by the description as it is now."""

    def __init__(self, journal: Journal, runner: Runner, members: Members, clock: Callable[[], float]) -> None:
        """Take up what an earlier steward has left."""
        self._journal, self._runner, self._members, self._clock = journal, runner, members, clock
        self._going: list[_Going] = []
        for job in journal.jobs(RUNNING):
            if job.run.playbook in table.OPERATIONS:
                entry = self._entry(job)
                journal.mark([job], FAILED, *([entry.move(states.FAILED, problem=INTERRUPTED)] if entry else []))
            else:
                journal.mark([job], WAITING)

    def is_idle(self) -> bool:
        """Tell whether nothing runs and nothing waits to be run."""
        return not self._going and not self._journal.jobs(WAITING)

    def work(self) -> bool:
        """Look after all runs once; tells whether anything has begun or ended."""
        ended = [one for one in self._going if self._looked_after(one)]
        self._going = [one for one in self._going if one not in ended]
        begun = self._begin()
        return bool(ended or begun)

    def stop(self) -> None:
        """End all runs; the next steward takes them up."""
        for one in self._going:
            one.process.stop()

    def cancel(self, entry: Entry) -> None:
        """End the run of a request, unless others are in it."""
        for one in self._going:
            if {job.request for job in one.start.jobs} == {entry.id} and not one.stopped:
                one.stopped = True
                one.process.stop()

    def _begin(self) -> int:
        waiting = self._journal.jobs(WAITING)
        if not waiting:
            return 0
        going = [one.start for one in self._going]
        begun = 0
        for start in lanes.starts(waiting, going, self._members, self._clock()):
            entries = [entry for entry in map(self._entry, start.jobs) if entry]
            for entry in entries:
                if entry.state != states.APPLYING:
                    entry.move(states.APPLYING, problem="")
            offsets = {entry.id: self._journal.steps_of(entry.id) for entry in entries}
            # First noted, then begun: what is begun is known, whatever happens in between.
            self._journal.mark(start.jobs, RUNNING, *entries)
            try:
                process = self._runner.start(start.run, f"{start.jobs[0].id:08d}-{start.run.playbook}")
            except (OSError, DescriptionError) as error:
                LOG.error("%s cannot be begun: %s", start.run.command(), error)
                self._fail(start, f"{start.run.playbook} cannot be begun: {error}")
                continue
            self._going.append(_Going(start, process, offsets))
            begun += 1
        return begun

    def _looked_after(self, one: _Going) -> bool:
        """Tell the journal how far a run is; tells whether it has ended."""
        problem = one.process.ended()
        self._tell(one)
        if problem is None:
            return False
        if problem == "":
            self._done(one.start)
        elif one.stopped:
            self._fail(one.start, ENDED_EARLY)
        elif len({job.request for job in one.start.jobs}) > 1:
            # Each by itself, so that what is wrong with one holds up no other.
            self._journal.mark(one.start.jobs, WAITING, alone=True)
        else:
            self._fail(one.start, f"{problem}: {ASK}")
        return True

    def _tell(self, one: _Going) -> None:
        steps = one.process.progress()
        told = [
            messages.Step(id_, offset + step.n, step.text, step.host, step.state, step.ms)
            for step in steps
            for id_, offset in one.offsets.items()
        ]
        if told:
            self._journal.step(*told)
            left = one.process.left()
            entries = [entry for entry in map(self._journal.entry, one.offsets) if entry and entry.left != left]
            for entry in entries:
                entry.left = left
            self._journal.save(*entries)

    def _note_regular(self, start: Start, problem: str) -> None:
        for job in start.jobs:
            if job.request.startswith(regular.PREFIX):
                self._journal.ended(job.request.removeprefix(regular.PREFIX), self._clock(), problem)
                LOG.info("%s has ended%s", job.run.playbook, f": {problem}" if problem else " well")

    def _done(self, start: Start) -> None:
        self._note_regular(start, "")
        entries, own = [], {job.id for job in start.jobs}
        for job in start.jobs:
            entry = self._entry(job)
            others = [one for one in self._journal.jobs_of(job.request) if one.id not in own]
            if entry and all(one.state in (DONE, DROPPED) for one in others):
                entries.append(entry.move(states.APPLIED, problem=""))
        self._journal.mark(start.jobs, DONE, *entries)

    def _fail(self, start: Start, problem: str) -> None:
        self._note_regular(start, problem)
        entries = [entry.move(states.FAILED, problem=problem) for entry in map(self._entry, start.jobs) if entry]
        self._journal.mark(start.jobs, FAILED, *entries)

    def _entry(self, job: Job) -> Entry | None:
        """Return the request of a job that has not ended yet."""
        entry = self._journal.entry(job.request)
        return entry if entry and entry.state not in states.FINAL else None
