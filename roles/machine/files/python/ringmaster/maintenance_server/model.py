# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What appointments are made of: the policy of the description, what happened, and what follows from it. Pure.

All that is known follows from events, which are only ever added: the state is their fold. Times are Unix seconds.

An appointment is ``scheduled``, ``announced`` once people were told, ``running`` while its machine has the turn, and
``settling`` until the machine was seen to be well. Then it is ``done`` or ``failed``. Before it has begun it may also
be ``postponed`` by people, ``overtaken`` by what came between (and planned again), or ``cancelled`` because nothing is
left to do.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringmaster.maintenance.window import Window

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 7 * 86400
REBOOT_SECONDS, RESTART_SECONDS = 600, 300
"""How long a visit is expected to take where the machine has none behind it."""
REMEMBERED = 20
"""Visits of a machine from which the next one is estimated; of so many, the longest is the 95th percentile."""
LONGEST_SECONDS = 2 * HOUR
EXCLUDED_SECONDS = 30 * DAY
"""So long an exclusion holds security updates up."""
Event = dict[str, Any]


@dataclass(frozen=True)
class Machine:
    """What the description says of a machine that gets turns."""

    name: str
    project: str
    window: Window
    notice: float = DAY
    hypervisor: str = ""
    is_gateway: bool = False
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Group:
    """Machines of which so many stay in service."""

    name: str
    members: tuple[str, ...]
    in_service: int


@dataclass(frozen=True)
class Policy:
    """What appointments have to keep to."""

    machines: Mapping[str, Machine]
    groups: tuple[Group, ...] = ()
    per_hypervisor: int = 2
    share: float = 0.05
    """How much of the platform may be worked on at once, and fail with the same versions before all is stopped."""
    gather: float = HOUR
    """How long to wait for a project's other machines before their people are told."""
    settle: float = 3 * MINUTE
    patience: float = 15 * MINUTE
    """How long a machine may take to be well after it has settled."""
    late: float = 30 * MINUTE
    silence: float = 25 * MINUTE
    """After so long without a word a machine does not count as in service."""

    @functools.cached_property
    def groups_of(self) -> Mapping[str, tuple[Group, ...]]:
        """Return the groups of each machine."""
        found: dict[str, list[Group]] = {}
        for group in self.groups:
            for member in group.members:
                found.setdefault(member, []).append(group)
        return {name: tuple(groups) for name, groups in found.items()}

    @property
    def at_once(self) -> int:
        """Return how many machines may be worked on at once."""
        return max(1, int(self.share * len(self.machines)))


def policy(record: Mapping[str, Any]) -> Policy:
    """Read what role ``maintenance_server`` writes."""
    machines = {
        name: Machine(
            name=name,
            project=str(one["project"]),
            window=Window.from_mapping(one["window"]),
            notice=float(one["notice_hours"]) * HOUR,
            hypervisor=str(one.get("hypervisor") or ""),
            is_gateway=bool(one.get("is_gateway")),
            ignored=frozenset(one.get("ignore_checks") or []),
        )
        for name, one in record["machines"].items()
    }
    groups = tuple(Group(one["name"], tuple(one["members"]), int(one["in_service"])) for one in record["groups"])
    limits = {name: float(value) for name, value in record.get("limits", {}).items()}
    known = {one.name for one in dataclasses.fields(Policy)}
    found: dict[str, Any] = {name: value for name, value in limits.items() if name in known}
    if "per_hypervisor" in found:
        found["per_hypervisor"] = int(found["per_hypervisor"])
    return Policy(machines, groups, **found)


@functools.lru_cache(maxsize=20000)
def _spans(window: Window, day: int) -> tuple[tuple[float, float], ...]:
    """Return begin and end of the windows of a week and a bit, from that UTC day on."""
    moment = datetime.datetime.fromtimestamp(day * DAY, datetime.UTC)
    return tuple((span.begin.timestamp(), span.end.timestamp()) for span in window.spans(moment))


def openings(
    machine: Machine, after: float, until: float, *, in_exclusions: bool = False
) -> Iterator[tuple[float, float]]:
    """Yield the windows that end after a moment and begin before another, with or without those on excluded days."""
    window = dataclasses.replace(machine.window, exclusions=()) if in_exclusions else machine.window
    seen = after
    while seen < until:
        found = [(begin, end) for begin, end in _spans(window, int(seen // DAY)) if end > seen and begin < until]
        yield from found
        seen = found[-1][1] if found else seen + 7 * DAY


@functools.lru_cache(maxsize=50000)
def window_at(machine: Machine, moment: float, *, in_exclusions: bool = False) -> tuple[float, float] | None:
    """Return the window that a moment lies in."""
    found = openings(machine, moment, moment + 1, in_exclusions=in_exclusions)
    return next(((begin, end) for begin, end in found if begin <= moment < end), None)


@dataclass(frozen=True)
class Need:
    """What a machine says it needs: restarts of these units, or its own."""

    since: float
    units: tuple[str, ...]
    reboot: bool
    reason: str = ""
    versions: str = ""
    """What tells these versions from others; machines that need the same say the same."""
    security: bool = False

    def grows(self, before: Need) -> bool:
        """Whether people would notice more than what they were told of."""
        return (self.reboot and not before.reboot) or bool(set(self.units) - set(before.units))

    def may_enter_exclusions(self, now: float) -> bool:
        """Whether it has waited for too long."""
        return self.security and now - self.since > EXCLUDED_SECONDS

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Need:
        """Read it from an event."""
        return cls(**{**record, "units": tuple(record["units"])})


@dataclass(frozen=True)
class Appointment:
    """When a machine is worked on. ``begin`` is announced; ``until`` is when the turn ends, while there is one."""

    id: int
    machine: str
    begin: float
    seconds: float
    need: Need
    sequence: int = 0
    made: float = 0
    announced: float = 0
    """When people were told; 0 is not yet."""
    asked_by: str = ""
    """Who wants it now: neither window nor notice count."""
    turn: int = 0
    until: float = 0
    begun: float = 0
    settled: float = 0
    """When the machine said that it was done."""
    critical: frozenset[str] = frozenset()
    """Checks that were critical before."""

    @property
    def state(self) -> str:
        """Return the state as people know it."""
        if self.settled:
            return "settling"
        if self.turn:
            return "running"
        return "announced" if self.announced or self.asked_by else "scheduled"

    @property
    def is_open(self) -> bool:
        """Whether the machine may be away."""
        return bool(self.turn)


@dataclass(frozen=True)
class Failure:
    """A turn that went wrong, which nobody has resumed yet."""

    machine: str
    at: float
    versions: str
    sentence: str


@dataclass(frozen=True)
class Health:
    """What was last heard of a machine."""

    heard: float
    critical: frozenset[str] = frozenset()


@dataclass
class State:
    """The fold of the events. ``appointments`` has one for each machine, while it is not over."""

    number: int = 0
    needs: dict[str, Need] = field(default_factory=dict)
    appointments: dict[str, Appointment] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    """The number of each machine's last turn."""
    took: dict[str, list[float]] = field(default_factory=dict)
    versions: dict[str, set[str]] = field(default_factory=dict)
    """Machines that have come back with these versions."""
    not_before: dict[str, float] = field(default_factory=dict)
    postponed: dict[str, list[float]] = field(default_factory=dict)
    """When each need was postponed, by people; ``refused`` counts the same of hooks."""
    refused: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    ended: list[Event] = field(default_factory=list)
    """How the last appointments ended: the event, with the ``appointment``."""
    told: int = 0
    """The last event of ``ended`` that people were told of."""

    def estimate(self, machine: str, need: Need) -> float:
        """Return how long a visit will take."""
        took = self.took.get(machine)
        usual = max(took) if took else 0.0
        return min(LONGEST_SECONDS, max(usual, REBOOT_SECONDS if need.reboot else RESTART_SECONDS))

    def apply(self, event: Event) -> None:
        """Take an event in."""
        self.number = int(event["n"])
        kind, name = str(event["kind"]), str(event.get("machine", ""))
        self.counts[kind] = self.counts.get(kind, 0) + 1
        getattr(self, f"_{kind}")(event, name)

    def _change(self, name: str, **values: Any) -> None:
        if name in self.appointments:
            self.appointments[name] = dataclasses.replace(self.appointments[name], **values)

    def _over(self, event: Event, name: str) -> None:
        gone = self.appointments.pop(name, None)
        if gone:
            self.ended = [*self.ended[-499:], {**event, "appointment": gone}]

    def _needed(self, event: Event, name: str) -> None:
        need = Need.of(event["need"])
        before = self.needs.get(name)
        self.needs[name] = need
        held = self.appointments.get(name)
        if held and not held.turn:
            # What people were told of is no longer all.
            announced = 0.0 if before and need.grows(before) else held.announced
            self._change(name, need=need, announced=announced, seconds=self.estimate(name, need))

    def _met(self, _event: Event, name: str) -> None:
        self.needs.pop(name, None)
        self.not_before.pop(name, None)
        self.postponed.pop(name, None)
        self.refused.pop(name, None)

    def _scheduled(self, event: Event, name: str) -> None:
        held = self.appointments.get(name)
        need = self.needs.get(name) or Need(float(event["at"]), (), False)
        self.appointments[name] = Appointment(
            id=held.id if held else self.number,
            machine=name,
            begin=float(event["begin"]),
            seconds=float(event["seconds"]),
            need=need,
            sequence=held.sequence + 1 if held else 0,
            made=float(event["at"]),
            asked_by=str(event.get("by", "")),
        )

    def _announced(self, event: Event, name: str) -> None:
        self._change(name, announced=float(event["at"]))

    def _advanced(self, event: Event, name: str) -> None:
        self.turns[name] = max(self.turns.get(name, 0), int(event["turn"]))

    def _running(self, event: Event, name: str) -> None:
        if name not in self.appointments:  # of an older ledger: a turn that nobody here remembers
            self._scheduled({**event, "begin": event["at"], "seconds": REBOOT_SECONDS}, name)
        self.turns[name] = int(event["turn"])
        critical = frozenset(event.get("critical") or [])
        self._change(
            name,
            turn=int(event["turn"]),
            until=float(event["until"]),
            begun=float(event["at"]),
            critical=critical,
            settled=0.0,
        )

    def _settling(self, event: Event, name: str) -> None:
        self._change(name, settled=float(event["at"]))

    def _done(self, event: Event, name: str) -> None:
        held = self.appointments.get(name)
        if held:
            self.took[name] = [*self.took.get(name, []), held.settled - held.begun][-REMEMBERED:]
            self.versions.setdefault(held.need.versions, set()).add(name)
        self._over(event, name)
        self._met(event, name)
        self.failures.pop(name, None)

    def _failed(self, event: Event, name: str) -> None:
        held = self.appointments.get(name)
        versions = held.need.versions if held else ""
        self.failures[name] = Failure(name, float(event["at"]), versions, str(event["sentence"]))
        self._over(event, name)

    def _retried(self, _event: Event, name: str) -> None:
        """Give the turn back: the machine asks again in a moment."""
        self._change(name, turn=0, until=0.0, begun=0.0)

    def _postponed(self, event: Event, name: str) -> None:
        self.not_before[name] = float(event["not_before"])
        if event["by"] == "hook":
            self.refused[name] = self.refused.get(name, 0) + 1
        else:
            self.postponed[name] = [*self.postponed.get(name, []), float(event["at"])]
        self._over(event, name)

    def _overtaken(self, event: Event, name: str) -> None:
        self._over(event, name)

    def _cancelled(self, event: Event, name: str) -> None:
        self._over(event, name)

    def _gone(self, event: Event, name: str) -> None:
        """Forget a machine that the description no longer has."""
        self._over(event, name)
        self._met(event, name)
        self.failures.pop(name, None)

    def _told(self, event: Event, _name: str) -> None:
        self.told = int(event["upto"])

    def _resumed(self, _event: Event, name: str) -> None:
        if name:
            self.failures.pop(name, None)
        else:
            self.failures.clear()


def fold(events: Iterable[Event]) -> State:
    """Return what follows from events."""
    state = State()
    for event in events:
        state.apply(event)
    return state
