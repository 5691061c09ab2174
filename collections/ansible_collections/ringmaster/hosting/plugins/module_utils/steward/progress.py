# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a run is, from what the callback ``ringmaster.hosting.progress`` writes: plays, as steps for people. Pure.

Names of plays, of tasks and of hosts are read, and states and times; what a machine has answered is not in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import one_line

BAD = {"failed": "failed", "unreachable": "could not be reached"}
"""States of a step on a host, and what is said of the host."""
HOSTS = 5
"""Hosts that a sentence names."""


@dataclass(frozen=True)
class Progress:
    """A step of a run, the n-th, in the words of its playbook."""

    n: int
    text: str
    host: str
    state: str
    ms: int


@dataclass
class Watch:
    """What was read so far; ``bad`` are hosts that failed, and at what."""

    left: int | None = None
    bad: dict[str, str] = field(default_factory=dict)
    _now: Progress | None = None
    _began: float = 0.0
    _news: list[Progress] = field(default_factory=list)

    def feed(self, data: bytes) -> None:
        """Read whole lines; one of another form says nothing."""
        for line in data.splitlines():
            try:
                found: Any = json.loads(line[:4096])
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                self._take(found)

    def taken(self) -> list[Progress]:
        """Return the steps since the last time."""
        news, self._news = self._news, []
        return news

    def sentence(self) -> str:
        """Say which hosts failed; an empty text where none did."""
        said = [f"{host} {why}" for host, why in list(self.bad.items())[:HOSTS]]
        more = len(self.bad) - len(said)
        return "; ".join([*said, *([f"and {more} more"] if more else [])])

    def _take(self, found: dict[str, Any]) -> None:
        at = found.get("at")
        at = float(at) if isinstance(at, (int, float)) and not isinstance(at, bool) else self._began
        left = found.get("left_seconds")
        if isinstance(left, (int, float)) and not isinstance(left, bool):
            self.left = max(0, min(int(left), 10**6))
        if found.get("event") == "play":
            self._end(at)
            number, name = found.get("number"), found.get("play")
            if isinstance(number, int) and not isinstance(number, bool) and isinstance(name, str):
                self._now = Progress(max(0, number - 1), one_line(name[:120]), "", "running", 0)
                self._began = at
                self._news.append(self._now)
        elif found.get("event") == "step" and found.get("state") in BAD:
            host, task = found.get("host"), found.get("step")
            if isinstance(host, str) and isinstance(task, str):
                why = BAD[found["state"]]
                known = one_line(host[:64])
                self.bad.setdefault(known, f"{why} at '{one_line(task[:120])}'" if why == "failed" else why)
                if self._now:
                    self._now = Progress(self._now.n, self._now.text, known, "failed", 0)
        elif found.get("event") == "end":
            self._end(at)

    def _end(self, at: float) -> None:
        if self._now:
            state = "failed" if self._now.state == "failed" else "ok"
            ms = max(0, min(int((at - self._began) * 1000), 2**40))
            self._news.append(Progress(self._now.n, self._now.text, self._now.host, state, ms))
        self._now = None
