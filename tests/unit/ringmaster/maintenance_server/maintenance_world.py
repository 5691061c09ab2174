# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform whose machines need restarts, fail and come back, at a speed of weeks in a second.

The service is the real one; only its ledger is kept in memory, and machines and mail are made up. What must never
happen is looked for at every event.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringmaster.maintenance_server import announce
from ringmaster.maintenance_server.model import (
    DAY,
    HOUR,
    MINUTE,
    Event,
    Health,
    Policy,
    State,
    window_at,
)
from ringmaster.maintenance_server.service import Service


class Memory:
    """A ledger that lies nowhere; each event is looked at when it has happened."""

    def __init__(self, judge: Callable[[Event], None]) -> None:
        self.state = State()
        self.judge = judge

    def add(self, events: list[Event], now: float) -> list[Event]:
        numbered = [{"n": self.state.number + place, "at": now, **one} for place, one in enumerate(events, start=1)]
        for event in numbered:
            self.state.apply(event)
            self.judge(event)
        return numbered


class Heard(Mapping[str, Health]):
    """All machines that are up say so, all the time."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __getitem__(self, name: str) -> Health:
        if name in self.world.away:
            return Health(0.0)
        return Health(self.world.now, frozenset(self.world.critical.get(name, ())))

    def __setitem__(self, name: str, health: Health) -> None:
        """What a machine says is true anyway."""

    def __iter__(self) -> Iterator[str]:
        return iter(self.world.policy.machines)

    def __len__(self) -> int:
        return len(self.world.policy.machines)


@dataclass(frozen=True)
class Chances:
    """How often what goes wrong, in a visit."""

    fails: float = 0.0
    dies: float = 0.0
    is_sick: float = 0.0
    mail_is_away: float = 0.0
    postpones: float = 0.0


@dataclass
class World:
    policy: Policy
    seed: int
    now: float
    chances: Chances
    away: dict[str, float] = field(default_factory=dict)
    """Machines that are down, until when."""
    critical: dict[str, set[str]] = field(default_factory=dict)
    visits: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    longest_wait: float = 0.0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.memory = Memory(self._judge)
        self.service = Service(self.policy, self.memory)  # type: ignore[arg-type]
        self.service.health = Heard(self)  # type: ignore[assignment]
        self._queue: list[tuple[float, int, str, str]] = []
        self._number = 0
        self._mail_back = 0.0
        self._needs: dict[str, dict[str, Any]] = {}

    def need(self, name: str, at: float, *, reboot: bool = True, versions: str = "aa", security: bool = False) -> None:
        self._needs[f"{name} {at}"] = {"reboot": reboot, "units": ["x.service"], "versions": versions,
                                       "security": security}  # fmt: skip
        self._put(at, "needs", name)

    def _put(self, at: float, what: str, name: str = "") -> None:
        self._number += 1
        heapq.heappush(self._queue, (at, self._number, what, name))

    def run(self, until: float) -> None:
        """Let time pass."""
        self._put(self.now, "tick")
        while self._queue and self._queue[0][0] <= until:
            at, _number, what, name = heapq.heappop(self._queue)
            self.now = at
            getattr(self, f"_on_{what}")(name)
        self.now = until

    def _on_tick(self, _name: str) -> None:
        self.service.tick(self.now)
        if self.now >= self._mail_back:
            if self.random.random() < self.chances.mail_is_away / 100:
                self._mail_back = self.now + self.random.uniform(1, 40) * HOUR
            else:
                held = self.service.appointments()
                for batch in announce.due(self.now, self.policy, held):
                    self.service.announced([one.machine for one in batch.appointments], self.now)
        self._put(self._next_tick(), "tick")
        for one in self.service.appointments():
            if one.begin <= self.now and not one.turn and one.machine not in self.away:
                self._ask(one.machine)

    def _next_tick(self) -> float:
        """Return when something may happen by itself: soon where something goes on, else when the next thing begins."""
        state = self.memory.state
        soon = [self.now + 10 * HOUR]
        for one in state.appointments.values():
            if one.turn or one.begin <= self.now:
                soon.append(self.now + 2 * MINUTE)
            else:
                soon.append(max(one.begin, self.now + MINUTE))
                if not one.announced:
                    soon.append(self.now + 20 * MINUTE)
        if set(state.needs) - set(state.appointments):
            soon.append(self.now + HOUR)
        return min(soon)

    def _on_needs(self, name: str) -> None:
        if name in self.away or name not in self.policy.machines:
            self._put(self.now + HOUR, "needs_later", name)
            return
        found = next((key for key in self._needs if key.startswith(f"{name} ")), None)
        if found:
            self.service.report(name, self._said(name, self._needs[found]), self.now)

    _on_needs_later = _on_needs

    def _said(self, name: str, need: dict[str, Any] | None) -> dict[str, Any]:
        return {"need": need, "critical": sorted(self.critical.get(name, ()))}

    def _current(self, name: str) -> dict[str, Any] | None:
        need = self.memory.state.needs.get(name)
        return None if need is None else {
            "since": need.since, "units": list(need.units), "reboot": need.reboot, "versions": need.versions,
            "security": need.security,
        }  # fmt: skip

    def _ask(self, name: str) -> None:
        answer = self.service.report(name, self._said(name, self._current(name)), self.now)
        if "turn" not in answer:
            return
        if self.random.random() < self.chances.postpones:
            self.service.result(name, answer["turn"], {"result": "postpone"}, self.now)
            return
        self.visits += 1
        held = self.memory.state.appointments[name]
        self.longest_wait = max(self.longest_wait, self.now - held.need.since)
        dice = self.random.random()
        took = self.random.uniform(20, 0.9 * held.seconds)
        self.away[name] = self.now + took
        if dice < self.chances.dies:
            self.away[name] = self.now + 2 * DAY
            self._put(self.away[name], "comes_back", name)
        elif dice < self.chances.dies + self.chances.fails:
            self._put(self.now + took, "has_failed", f"{name} {answer['turn']}")
        else:
            self._put(self.now + took, "is_done", f"{name} {answer['turn']}")

    def _on_comes_back(self, name: str) -> None:
        self.away.pop(name, None)
        self._on_well(name)

    def _on_has_failed(self, words: str) -> None:
        name, turn = words.split()
        self.away.pop(name, None)
        self.service.result(name, int(turn), {"result": "failed", "sentence": "dice"}, self.now)
        self._put(self.now + DAY, "resume", name)

    def _on_resume(self, name: str) -> None:
        self.service.resume(name, "operator", self.now)

    def _on_is_done(self, words: str) -> None:
        name, turn = words.split()
        self.away.pop(name, None)
        self._needs = {key: value for key, value in self._needs.items() if not key.startswith(f"{name} ")}
        self.service.result(name, int(turn), {"result": "done"}, self.now)
        if self.random.random() < self.chances.is_sick:
            self.critical[name] = {"redis/login"}
            self._put(self.now + DAY, "well", name)
        self._put(self.now + self.policy.settle + 1, "settled", name)
        self._put(self.now + self.policy.settle + self.policy.patience + 10, "settled", name)

    def _on_settled(self, name: str) -> None:
        if name not in self.away:
            self.service.report(name, self._said(name, None), self.now)

    def _on_well(self, name: str) -> None:
        self.critical.pop(name, None)
        self._needs = {key: value for key, value in self._needs.items() if not key.startswith(f"{name} ")}
        self.service.report(name, self._said(name, None), self.now)

    def _judge(self, event: Event) -> None:
        self.ended[event["kind"]] += 1
        if event["kind"] == "running":
            self._judge_turn(event)

    def _judge_turn(self, event: Event) -> None:
        name, state, policy = event["machine"], self.memory.state, self.policy
        held, machine = state.appointments[name], policy.machines[name]
        out = {one.machine for one in state.appointments.values() if one.turn}
        for group in policy.groups_of.get(name, ()):
            down = [one for one in group.members if one in out or one in self.away or self.critical.get(one)]
            assert len(group.members) - len(set(down) | {name}) >= group.in_service, (event, group, down)
        found = window_at(machine, event["at"], in_exclusions=held.need.may_enter_exclusions(event["at"]))
        assert found and event["at"] + held.seconds <= found[1], (event, found)
        assert held.announced and event["at"] - held.announced >= machine.notice, (event, held)
        assert len(out) <= policy.at_once, event
        beside = [one for one in out if machine.hypervisor and policy.machines[one].hypervisor == machine.hypervisor]
        assert len(beside) <= policy.per_hypervisor, event
        others = [one for one in state.failures if one != name]
        assert not set(others) & {one for group in policy.groups_of.get(name, ()) for one in group.members}, event
