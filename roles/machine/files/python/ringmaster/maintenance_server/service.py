# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service: takes what machines say, lets the schedule decide, and writes down what happens before it is true.

It logs in nowhere and calls nobody: machines ask for their turn. What it knows of their health it has heard since it
was started, so that nobody gets a turn beside a machine that it has not heard of yet.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from ringmaster.maintenance_server import answers, schedule
from ringmaster.maintenance_server.answers import Refused
from ringmaster.maintenance_server.ledger import Ledger
from ringmaster.maintenance_server.model import (
    MINUTE,
    Appointment,
    Event,
    Health,
    Policy,
)

Answer = dict[str, Any]
POSTPONED, BEGINS = "It is postponed.", "It begins as soon as the others are well."


class Service:
    """All methods may be called from several threads."""

    def __init__(self, policy: Policy, ledger: Ledger, alerts: Callable[[], dict[str, str]] = dict) -> None:
        """Begin with what the ledger says.

        :param alerts: returns projects with a critical alert -> its name.
        """
        self.policy = policy
        self.ledger = ledger
        self.health: dict[str, Health] = {}
        self.denied: Counter[str] = Counter()
        self.alerts = alerts
        self._critical: dict[str, str] = {}
        self.lock = threading.RLock()

    def tick(self, now: float) -> list[Event]:
        """Let happen what happens by itself; return it."""
        critical = self.alerts()
        with self.lock:
            self._critical = critical
            return self._planned(now)

    def _planned(self, now: float) -> list[Event]:
        """Plan anew, and return what has changed by that; the lock is held."""
        return self.ledger.add(schedule.schedule(now, self.policy, self.ledger.state), now)

    def report(self, name: str, body: Any, now: float) -> Answer:
        """Take what a machine says, and return its turn, or why it has none. Raises Refused."""
        said = answers.report(body, now)
        with self.lock:
            self._known(name)
            self.health[name] = Health(now, said.critical)
            self.ledger.add(self._news(name, said, now), now)
            held = self.ledger.state.appointments.get(name)
            ended = schedule.after(now, self.policy, held, self.health[name]) if held else None
            if ended:
                self.ledger.add([ended], now)
                held = None
            if said.holding and not (held and held.turn):
                return {"wait": "your turn has ended", "ended": said.holding, "try_after": MINUTE, **self._told(name)}
            if held and held.settled:
                return {"wait": "it is seen whether all is well", "try_after": MINUTE, **self._told(name)}
            if held and held.turn:
                return self._turn(held)
            found = schedule.obstacle(now, self.policy, self.ledger.state, name, self.health, alerts=self._critical)
            if found:
                self.denied[found.kind] += 1
                return {"wait": found.sentence, "try_after": round(max(1, found.ask_again)), **self._told(name)}
            turn = self.ledger.state.turns.get(name, 0) + 1
            until = now + 2 * self.ledger.state.appointments[name].seconds
            critical = sorted(said.critical)
            event = {"kind": "running", "machine": name, "turn": turn, "until": until, "critical": critical}
            self.ledger.add([event], now)
            return self._turn(self.ledger.state.appointments[name])

    def _news(self, name: str, said: answers.Report, now: float) -> list[Event]:
        """Return what a report changes."""
        state = self.ledger.state
        events: list[Event] = []
        held = state.appointments.get(name)
        highest = max(said.highest, said.holding)
        if highest > state.turns.get(name, 0) and not said.holding:
            events.append({"kind": "advanced", "machine": name, "turn": highest})
        if said.holding > state.turns.get(name, 0) and name not in state.failures:
            # The file of events is an older one: it has a turn that nobody here knows of.
            seconds = 2 * state.estimate(name, said.need) if said.need else 2 * self.policy.late
            events.append({"kind": "running", "machine": name, "turn": said.holding, "until": now + seconds})
        elif held is None or not held.turn:
            before = state.needs.get(name)
            if said.need is None:
                if held:
                    events.append({"kind": "cancelled", "machine": name, "why": "nothing is left to do"})
                if before:
                    events.append({"kind": "met", "machine": name})
                if name in state.failures and not said.critical:
                    events.append(
                        {"kind": "resumed", "machine": name, "by": "the machine, which needs nothing any more"}
                    )
            elif before is None or _differs(said.need, before):
                since = min(said.need.since, before.since if before else said.need.since)
                events.append(
                    {"kind": "needed", "machine": name, "need": {**_plain(said.need), "since": round(since, 3)}}
                )
        return events

    def result(self, name: str, turn: int, body: Any, now: float) -> Answer:
        """Take how a machine's turn has gone. Raises Refused."""
        if not isinstance(body, dict):
            raise Refused("it is no object")
        result, said = body.get("result"), answers.sentence(body.get("sentence", ""))
        with self.lock:
            self._known(name)
            held = self.ledger.state.appointments.get(name)
            if not held or not held.turn or held.turn != turn:
                return {"ended": turn}
            if result == "done":
                if not held.settled:
                    self.ledger.add([{"kind": "settling", "machine": name}], now)
                return {"try_after": round(self.policy.settle) + 1}
            if held.settled:
                return {"ended": turn}
            if result == "failed":
                event: Event = {"kind": "failed", "machine": name, "sentence": said or "it did not say why"}
            elif result == "retry":
                event = {"kind": "retried", "machine": name}
            elif result == "postpone":
                return self._postponed_by_hook(name, held, now)
            else:
                raise Refused("a result is done, failed, retry or postpone")
            self.ledger.add([event], now)
            return {}

    def _postponed_by_hook(self, name: str, held: Appointment, now: float) -> Answer:
        events = [{"kind": "retried", "machine": name}]
        if self.ledger.state.refused.get(name, 0) < schedule.MOST_REFUSED:
            self.ledger.add(events, now)
            found = schedule.postpone(now, self.policy, self.ledger.state, name, "hook")
            if not isinstance(found, str):
                self.ledger.add([found], now)
            return {}
        return self._turn(held)

    def now(self, name: str, body: Any, now: float) -> Answer:
        """Let a machine's people have its turn at once: only the gate counts, not window and notice. Raises Refused."""
        by = answers.person(body.get("by") if isinstance(body, dict) else None)
        with self.lock:
            self._known(name)
            state = self.ledger.state
            need, held = state.needs.get(name), state.appointments.get(name)
            if need is None:
                return {"said": "Nothing is needed.", **self._told(name)}
            if held and held.turn:
                return {"said": "It has its turn already.", **self._told(name)}
            events: list[Event] = [{"kind": "resumed", "machine": name, "by": by}] if name in state.failures else []
            seconds = state.estimate(name, need)
            events.append({"kind": "scheduled", "machine": name, "begin": now, "seconds": seconds, "by": by})
            self.ledger.add(events, now)
            return {"said": BEGINS, **self._told(name)}

    def postpone(self, name: str, body: Any, now: float) -> Answer:
        """Put an appointment off to the next window. Raises Refused."""
        by = answers.person(body.get("by") if isinstance(body, dict) else None)
        with self.lock:
            self._known(name)
            # A need that the machine has just told of has no appointment before the next tick.
            self._planned(now)
            found = schedule.postpone(now, self.policy, self.ledger.state, name, by)
            if isinstance(found, str):
                return {"said": f"It stays as planned: {found}.", **self._told(name)}
            self.ledger.add([found], now)
            self._planned(now)
            return {"said": POSTPONED, **self._told(name)}

    def resume(self, name: str, by: str, now: float) -> Answer:
        """Go on after failures: of one machine, or with an empty name of all."""
        with self.lock:
            number = 1 if name in self.ledger.state.failures else 0 if name else len(self.ledger.state.failures)
            if number:
                self.ledger.add([{"kind": "resumed", "machine": name, "by": by}], now)
            return {"resumed": number}

    def announced(self, names: list[str], now: float) -> None:
        """Remember that people were told of the appointments of these machines."""
        with self.lock:
            held = self.ledger.state.appointments
            told = [
                {"kind": "announced", "machine": name} for name in names if name in held and not held[name].announced
            ]
            self.ledger.add(told, now)

    def untold(self) -> list[Event]:
        """Return how appointments ended of which people have not heard yet."""
        with self.lock:
            return [event for event in self.ledger.state.ended if event["n"] > self.ledger.state.told]

    def told(self, upto: int, now: float) -> None:
        """Remember that people have heard of all endings up to an event."""
        with self.lock:
            if upto > self.ledger.state.told:
                self.ledger.add([{"kind": "told", "upto": upto}], now)

    def appointments(self) -> list[Appointment]:
        """Return what is planned and running, by time."""
        with self.lock:
            return sorted(self.ledger.state.appointments.values(), key=lambda one: (one.begin, one.machine))

    def _known(self, name: str) -> None:
        if name not in self.policy.machines:
            raise Refused("the description has no such machine")

    def _turn(self, held: Appointment) -> Answer:
        return {
            "turn": held.turn,
            "until": round(held.until),
            "units": list(held.need.units),
            "reboot": held.need.reboot,
            "is_last_call": self.ledger.state.refused.get(held.machine, 0) >= schedule.MOST_REFUSED,
        }

    def _told(self, name: str) -> Answer:
        """Return what a machine tells its people."""
        held = self.ledger.state.appointments.get(name)
        if held is None:
            stopped = schedule.frozen(self.policy, self.ledger.state, name)
            return {"appointment": None, **({"stopped": stopped} if stopped else {})}
        return {
            "appointment": {
                "id": held.id,
                "state": held.state,
                "begin": round(held.begin),
                "seconds": round(held.seconds),
                "units": list(held.need.units),
                "reboot": held.need.reboot,
                "reason": held.need.reason,
            }
        }


def _differs(new: Any, before: Any) -> bool:
    return (new.units, new.reboot, new.versions, new.security) != (
        before.units,
        before.reboot,
        before.versions,
        before.security,
    )


def _plain(need: Any) -> dict[str, Any]:
    return {
        "since": round(need.since, 3),
        "units": list(need.units),
        "reboot": need.reboot,
        "reason": need.reason,
        "versions": need.versions,
        "security": need.security,
    }
