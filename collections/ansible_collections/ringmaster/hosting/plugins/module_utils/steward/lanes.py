# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs beside what: which of the waiting runs begin now, and which of them are one run. Pure.

Two lanes: accounts, in which a burst is one run, and VMs, in which a VM and its hypervisor have one run at a time while
those of others go on. Whoever must not get in any more has a lane of his own, and waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..platform.verbs import effects, table
from ..platform.verbs.effects import Run
from .journal import Job

GATHER = 2.0
"""Seconds for which a change of accounts waits for others that go with it."""
URGENT, ACCOUNTS, VMS = "urgent", "accounts", "vms"
EVERYTHING = "*"

Members = Callable[[str], Iterable[str]]
"""Gives the VMs and hypervisors that a name concerns: those of a group, or a VM and where it is placed."""


@dataclass(frozen=True)
class Start:
    """A run that begins now, and the jobs that are done by it; ``keys`` are what it has for itself meanwhile."""

    lane: str
    run: Run
    jobs: tuple[Job, ...]
    keys: frozenset[str]


def lane_of(run: Run) -> str:
    """Return the lane of a run."""
    if run.playbook == "accounts":
        return URGENT if run.urgent else ACCOUNTS
    return VMS


def keys_of(run: Run, members: Members) -> frozenset[str]:
    """Return what a run has for itself: its playbook, and all that its names concern; without names everything."""
    if run.playbook == "accounts":
        return frozenset()
    names = [name for values in run.names.values() for name in values]
    if run.playbook in ("site", "provision", "set_up"):
        return frozenset((EVERYTHING,))
    return frozenset(
        (f"playbook {run.playbook}" if not names else "", *(key for one in names for key in members(one)))
    ) - {""}


def starts(waiting: Sequence[Job], running: Iterable[Start], members: Members, now: float) -> list[Start]:
    """Return the runs that begin now. A job waits for those of its request before it, wherever they are."""
    going = list(running)
    keys_of_job = {job.id: keys_of(job.run, members) for job in waiting}
    started: list[Start] = []
    taken: set[int] = set()
    first = _first_of_each(waiting, going)
    for lane in (URGENT, ACCOUNTS):
        jobs = [job for job in first if lane_of(job.run) == lane]
        if not jobs or any(one.lane == lane for one in going):
            continue
        if lane == ACCOUNTS and now - min(job.made for job in jobs) < GATHER:
            continue
        started.append(_together(lane, jobs[0], jobs, members))
    for job in first:
        if lane_of(job.run) != VMS or job.id in taken:
            continue
        keys = keys_of_job[job.id]
        others = [one.keys for one in (*going, *started) if one.lane == VMS]
        if any(_in_the_way(keys, one) for one in others):
            continue
        # What shares something with this one, and would be in nobody's way either.
        alike = [one for one in first if lane_of(one.run) == VMS and keys_of_job[one.id] & keys]
        free = [one for one in alike if not any(_in_the_way(keys_of_job[one.id], other) for other in others)]
        started.append(_together(VMS, job, free, members))
        taken.update(one.id for one in started[-1].jobs)
    return started


def _first_of_each(waiting: Sequence[Job], going: Sequence[Start]) -> list[Job]:
    """Return of each request the job that is next, unless one of it is going on; urgent ones first."""
    busy = {job.request for one in going for job in one.jobs}
    found: dict[str, Job] = {}
    for job in sorted(waiting, key=lambda job: (job.request, job.n)):
        if job.request not in busy:
            found.setdefault(job.request, job)
    return sorted(found.values(), key=lambda job: (not job.run.urgent, job.id))


def _together(lane: str, first: Job, candidates: Sequence[Job], members: Members) -> Start:
    jobs = [first]
    if not first.alone and first.run.playbook not in table.OPERATIONS:
        jobs += [one for one in candidates if one != first and not one.alone and effects.goes_with(first.run, one.run)]
    (run,) = effects.merged(job.run for job in jobs)
    return Start(lane, run, tuple(jobs), keys_of(run, members))


def _in_the_way(keys: frozenset[str], others: frozenset[str]) -> bool:
    return bool(keys & others) or EVERYTHING in keys or EVERYTHING in others
