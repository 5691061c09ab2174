# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When each machine is worked on, and whether it may be now. Pure: moments, policy and state in, events out.

Appointments lie on a grid of five minutes. A visit fills as many cells as it takes and settles in; in each cell no more
of a group, of a hypervisor's VMs and of the platform may be away than the policy says.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ringmaster.maintenance_server.model import (
    DAY,
    MINUTE,
    Appointment,
    Event,
    Health,
    Machine,
    Policy,
    State,
    openings,
    window_at,
)

CELL = 5 * MINUTE
AHEAD = 120 * DAY
"""So far ahead an appointment is looked for."""
FAILURES = 2
MOST_POSTPONED, LONGEST_POSTPONED = 2, 14 * DAY
MOST_REFUSED = 3
NEVER_HEARD = Health(0.0)


class _Grid:
    """Who is away when, by what is planned."""

    def __init__(self, policy: Policy, state: State) -> None:
        self._policy = policy
        self._groups: Counter[tuple[str, int]] = Counter()
        self._hypervisors: Counter[tuple[str, int]] = Counter()
        self._all: Counter[int] = Counter()
        for appointment in state.appointments.values():
            self.add(appointment.machine, appointment.begun or appointment.begin, appointment.seconds)

    def cells(self, begin: float, seconds: float) -> range:
        """Return the cells that a visit fills."""
        first = int(begin // CELL)
        return range(first, max(first + 1, math.ceil((begin + seconds + self._policy.settle) / CELL)))

    def add(self, name: str, begin: float, seconds: float) -> None:
        """Take a visit in."""
        machine = self._policy.machines.get(name)
        if machine is None:
            return
        for cell in self.cells(begin, seconds):
            self._all[cell] += 1
            if machine.hypervisor:
                self._hypervisors[machine.hypervisor, cell] += 1
            for group in self._policy.groups_of.get(name, ()):
                self._groups[group.name, cell] += 1

    def is_free(self, machine: Machine, begin: float, seconds: float) -> bool:
        """Whether a visit fits beside the others."""
        policy = self._policy
        groups = policy.groups_of.get(machine.name, ())
        return all(
            self._all[cell] < policy.at_once
            and (not machine.hypervisor or self._hypervisors[machine.hypervisor, cell] < policy.per_hypervisor)
            and all(self._groups[group.name, cell] < len(group.members) - group.in_service for group in groups)
            for cell in self.cells(begin, seconds)
        )


def schedule(now: float, policy: Policy, state: State) -> list[Event]:
    """Return what happens by itself now: turns that end, appointments that do not hold any more, and new ones.

    The events lack number and time. Applying them and asking again with the same moment gives none.
    """
    events: list[Event] = []
    free = set(state.needs) - set(state.appointments)
    for name in sorted(set(state.needs) | set(state.appointments) | set(state.failures)):
        if name not in policy.machines:
            events.append({"kind": "gone", "machine": name, "why": "the description has no such machine"})
            free.discard(name)
            continue
        appointment = state.appointments.get(name)
        ending = _ending(now, policy, state, appointment) if appointment else None
        if ending:
            events.append(ending)
            if ending["kind"] == "overtaken":
                free.add(name)
    waiting = [name for name in free if name in state.needs and not frozen(policy, state, name)]
    if not waiting:
        return events
    grid = _Grid(policy, _without(state, {event["machine"] for event in events}))
    for name in sorted(waiting, key=lambda one: _order(policy, state, one)):
        begin = _first(now, policy, state, grid, policy.machines[name])
        if begin is not None:
            seconds = state.estimate(name, state.needs[name])
            grid.add(name, begin, seconds)
            events.append({"kind": "scheduled", "machine": name, "begin": begin, "seconds": seconds})
    return events


def _without(state: State, names: set[str]) -> State:
    left = {name: one for name, one in state.appointments.items() if name not in names}
    return State(appointments=left)


def _order(policy: Policy, state: State, name: str) -> tuple[bool, float, str]:
    """Gateways come last, since the others are seen to be well through them; then who has waited for longest."""
    return policy.machines[name].is_gateway, state.needs[name].since, name


def _ending(now: float, policy: Policy, state: State, held: Appointment) -> Event | None:
    """Return how an appointment ends by itself, if it does."""
    name = held.machine
    if held.settled:
        if now > held.settled + policy.settle + policy.patience:
            return {"kind": "failed", "machine": name, "sentence": "it was not heard of after its turn"}
        return None
    if held.turn:
        if now > held.until:
            return {"kind": "failed", "machine": name, "sentence": "it did not say that it was done within its turn"}
        return None
    if held.asked_by:
        late = now > held.begin + policy.late
        return {"kind": "overtaken", "machine": name, "why": "it could not begin in time"} if late else None
    if now > held.begin + policy.late:
        return {"kind": "overtaken", "machine": name, "why": "it could not begin in time"}
    if not held.announced and held.begin < now + policy.machines[name].notice:
        return {"kind": "overtaken", "machine": name, "why": "people could not be told in time"}
    if now < held.begin and not _fits(policy.machines[name], held, now):
        return {"kind": "overtaken", "machine": name, "why": "the window was changed"}
    return None


def _fits(machine: Machine, held: Appointment, now: float) -> bool:
    found = window_at(machine, held.begin, in_exclusions=held.need.may_enter_exclusions(now))
    return found is not None and held.begin + held.seconds <= found[1]


def _first(now: float, policy: Policy, state: State, grid: _Grid, machine: Machine) -> float | None:
    """Return when a machine can be worked on first."""
    need = state.needs[machine.name]
    earliest = max(now + machine.notice + policy.gather, state.not_before.get(machine.name, 0.0))
    seconds = state.estimate(machine.name, need)
    exclusions = need.may_enter_exclusions(now)
    for opens, closes in openings(machine, earliest, earliest + AHEAD, in_exclusions=exclusions):
        for begin in _begins(max(opens, earliest), closes - seconds):
            if grid.is_free(machine, begin, seconds):
                return begin
    return None


def _begins(first: float, last: float) -> Iterator[float]:
    begin = math.ceil(first / CELL) * CELL
    while begin <= last:
        yield float(begin)
        begin += CELL


def frozen(policy: Policy, state: State, name: str) -> str:
    """Return why no turns are given to a machine until somebody resumes; nothing where they are."""
    by_versions = Counter(one.versions for one in state.failures.values() if one.machine in policy.machines)
    for versions, number in by_versions.items():
        if number >= max(FAILURES, policy.share * len(state.versions.get(versions, ()))):
            return f"everything is stopped: {number} machines failed with the same versions"
    for group in policy.groups_of.get(name, ()):
        failed = [member for member in group.members if member in state.failures]
        if failed:
            return f"{failed[0]} of the group {group.name} failed: {state.failures[failed[0]].sentence}"
    if name in state.failures:
        return f"its last turn failed: {state.failures[name].sentence}"
    return ""


@dataclass(frozen=True)
class Obstacle:
    """Why a machine gets no turn now, and when to ask again; ``kind`` is a word for figures."""

    kind: str
    sentence: str
    ask_again: float


def obstacle(
    now: float,
    policy: Policy,
    state: State,
    name: str,
    health: Mapping[str, Health],
    *,
    alerts: Mapping[str, str] = MappingProxyType({}),
) -> Obstacle | None:
    """Return why a machine may not be worked on now; None if it may. This is the gate before a turn.

    :param alerts: projects with a critical alert -> its name.
    """
    held = state.appointments.get(name)
    machine = policy.machines.get(name)
    if held is None or machine is None:
        return Obstacle("planned", "nothing is planned for it", 10 * MINUTE)
    if held.turn:
        return Obstacle("turn", "it has its turn", MINUTE)
    if not held.asked_by:
        if not held.announced or held.announced + machine.notice > held.begin:
            return Obstacle("notice", "people have not been told yet", 10 * MINUTE)
        if now < held.begin:
            return Obstacle("early", "its time has not come", min(10 * MINUTE, held.begin - now))
        if not _fits_now(machine, held, now):
            return Obstacle("window", "too little is left of its window", 10 * MINUTE)
    return next(_obstacles(now, policy, state, machine, health, alerts=alerts), None)


def _fits_now(machine: Machine, held: Appointment, now: float) -> bool:
    found = window_at(machine, now, in_exclusions=held.need.may_enter_exclusions(now))
    return found is not None and now + held.seconds <= found[1]


def _obstacles(
    now: float,
    policy: Policy,
    state: State,
    machine: Machine,
    health: Mapping[str, Health],
    *,
    alerts: Mapping[str, str],
) -> Iterator[Obstacle]:
    stopped = frozen(policy, state, machine.name)
    if stopped:
        yield Obstacle("frozen", stopped, 10 * MINUTE)
    away = {one.machine for one in state.appointments.values() if one.is_open and one.machine in policy.machines}
    for group in policy.groups_of.get(machine.name, ()):
        reasons = {
            member: reason
            for member in group.members
            if member != machine.name and (reason := _absence(now, policy, state, member, health))
        }
        if len(group.members) - 1 - len(reasons) < group.in_service:
            member, reason = min(reasons.items(), default=(machine.name, "is one of too few"))
            yield Obstacle("group", f"{member} {reason}, and {group.in_service} of {group.name} stay", MINUTE)
    if len(away) >= policy.at_once:
        yield Obstacle("share", f"{len(away)} machines of the platform are being worked on", MINUTE)
    beside = [one for one in away if machine.hypervisor and policy.machines[one].hypervisor == machine.hypervisor]
    if len(beside) >= policy.per_hypervisor:
        yield Obstacle("hypervisor", f"{len(beside)} VMs on {machine.hypervisor} are being worked on", MINUTE)
    if machine.project in alerts:
        yield Obstacle("alert", f"the alert {alerts[machine.project]} of {machine.project} is critical", 5 * MINUTE)


def _absence(now: float, policy: Policy, state: State, name: str, health: Mapping[str, Health]) -> str:
    """Return why a machine does not count as in service."""
    held = state.appointments.get(name)
    if held and held.is_open:
        return "is being worked on"
    found = health.get(name, NEVER_HEARD)
    if now - found.heard > policy.silence:
        return "does not answer"
    critical = found.critical - policy.machines[name].ignored
    return f"has the critical check {min(critical)}" if critical else ""


def after(now: float, policy: Policy, held: Appointment, health: Health) -> Event | None:
    """Return how a visit has ended, by what its machine says after it; None while that is open. The gate after."""
    if not held.settled or now < held.settled + policy.settle or health.heard < held.settled:
        return None
    machine = policy.machines.get(held.machine)
    fresh = health.critical - held.critical - (machine.ignored if machine else frozenset())
    if not fresh:
        return {"kind": "done", "machine": held.machine}
    if now > held.settled + policy.settle + policy.patience:
        return {"kind": "failed", "machine": held.machine, "sentence": f"the check {min(fresh)} is critical since"}
    return None


def postpone(now: float, policy: Policy, state: State, name: str, by: str) -> Event | str:
    """Return that an appointment is put off to the next window, or why it cannot be."""
    held = state.appointments.get(name)
    machine = policy.machines.get(name)
    if held is None or machine is None or held.turn:
        return "nothing is planned that could be postponed"
    if by == "hook":
        if state.refused.get(name, 0) >= MOST_REFUSED:
            return f"its hooks have postponed it {MOST_REFUSED} times"
    else:
        before = state.postponed.get(name, [])
        if len(before) >= MOST_POSTPONED:
            return f"it was postponed {MOST_POSTPONED} times"
        if before and now - before[0] > LONGEST_POSTPONED:
            return f"it was postponed for {LONGEST_POSTPONED // DAY} days"
    found = window_at(machine, held.begin, in_exclusions=True)
    return {
        "kind": "postponed",
        "machine": name,
        "by": by,
        "not_before": found[1] if found else held.begin + DAY,
    }
