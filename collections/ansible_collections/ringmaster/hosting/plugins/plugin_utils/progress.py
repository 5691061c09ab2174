# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a run of playbooks is: what is said about a step, and how long the rest took in earlier runs."""

from __future__ import annotations

import contextlib
import json
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.files import write_atomically

KEPT = 9
"""Earlier runs of a play whose times count."""
LONGEST = 120
"""Characters of a name that are said."""
PLAYS = 500
"""Plays of one playbook whose times are kept."""
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def words(name: object) -> str:
    """Return a name as one line that a terminal and a page can bear; "…" stands for templates in it."""
    text = _TEMPLATE.sub("…", str(name).strip())
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``40 s``, ``3 min``, ``1 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class Times:
    """How long plays took in earlier runs of a playbook, kept in a file. A file that cannot be used says nothing."""

    def __init__(self, path: Path | None) -> None:
        """Read the file; None keeps nothing."""
        self._path = path
        self._seconds: dict[str, list[float]] = {}
        with contextlib.suppress(OSError, ValueError, AttributeError):
            found = json.loads(path.read_text()) if path else {}
            self._seconds = {
                str(name): [float(one) for one in values if isinstance(one, int | float) and 0 <= one < 1e6][-KEPT:]
                for name, values in list(found.items())[:PLAYS]
                if isinstance(values, list)
            }

    def usual(self, play: str) -> float | None:
        """Return the median seconds of a play; None where nothing is known."""
        found = self._seconds.get(play)
        return statistics.median(found) if found else None

    def add(self, play: str, seconds: float) -> None:
        """Take a play's time."""
        self._seconds[play] = [*self._seconds.get(play, []), round(seconds, 3)][-KEPT:]

    def write(self) -> None:
        """Write the file, whole or not at all."""
        if not self._path:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(dict(list(self._seconds.items())[-PLAYS:]), indent=1))


@dataclass
class Play:
    """A play that runs: its name, when it began, and how its hosts fared."""

    name: str
    began: float
    task: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    """Results of tasks by state."""


class Run:
    """A run of a playbook.

    :param plays: names of its plays, in order. :param times: of earlier runs. :param clock: seconds that never go back.
    :param wall: seconds since 1970. :param tell: takes each event, a map of plain values.
    """

    def __init__(
        self,
        plays: Sequence[str],
        times: Times,
        clock: Callable[[], float],
        wall: Callable[[], float],
        tell: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """Begin."""
        self._plays, self._times, self._clock, self._wall, self._tell = plays, times, clock, wall, tell
        self.play: Play | None = None
        self.number = 0
        self._tasks: dict[tuple[str, str], float] = {}

    def begin(self, name: str) -> Play:
        """Begin a play; the one before has ended."""
        self.end()
        self.number += 1
        self.play = Play(words(name), self._clock())
        self._event("play")
        return self.play

    def end(self) -> None:
        """End the play that runs, if one does."""
        if self.play:
            self._times.add(self.play.name, self._clock() - self.play.began)
            self.play = None

    def begin_task(self, task: str) -> None:
        """Say which task the hosts are at."""
        if self.play:
            self.play.task = words(task)

    def begin_on(self, host: str, task_id: str) -> None:
        """Let a host begin a task."""
        self._tasks[host, task_id] = self._clock()

    def done(self, host: str, task_id: str, task: str, state: str) -> None:
        """Take how a task ended on a host: ok, changed, skipped, failed, ignored or unreachable."""
        began = self._tasks.pop((host, task_id), None)
        spent = 0 if began is None else round(1000 * (self._clock() - began))
        if self.play:
            self.play.counts[state] = self.play.counts.get(state, 0) + 1
        self._event("step", step=words(task), host=words(host), state=state, ms=spent)

    def finish(self, failed: Iterable[str]) -> None:
        """End the run; its times count for the next one where no host failed."""
        self.end()
        names = sorted(words(host) for host in failed)
        if not names:
            self._times.write()
        self._event("end", state="failed" if names else "ok", hosts=names)

    def left(self) -> float | None:
        """Return the seconds that the rest took in earlier runs; None where too little is known to say it."""
        if not self.play:
            return None
        usual = self._times.usual(self.play.name)
        rest = [self._times.usual(words(name)) for name in self._plays[self.number :]]
        if usual is None or None in rest:
            return None
        return max(0.0, usual - (self._clock() - self.play.began)) + sum(one or 0.0 for one in rest)

    def _event(self, kind: str, **more: Any) -> None:
        left = self.left()
        where = {"play": self.play.name} if self.play else {}
        about = {} if left is None else {"left_seconds": round(left)}
        counted = {"number": self.number, "of": max(self.number, len(self._plays))}
        self._tell({"event": kind, "at": round(self._wall(), 3), **counted, **where, **more, **about})
