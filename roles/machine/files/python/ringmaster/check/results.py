# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep, publish and show results: checks.json for people and programs, a textfile for Prometheus."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ringmaster.check.definitions import Definition
from ringmaster.check.execution import Outcome, one_line

FORMAT = 1
STATES = ("ok", "warning", "critical", "unknown")
# Worst first, as people want to read it and as one figure for a machine is chosen.
SEVERITY = (2, 3, 1, 0)
EARLY = 10.0
SURE = 2
"""So many times in a row a check has failed before its state is certain; until then it is asked again at once."""


@dataclass(frozen=True)
class Result:
    """The newest result of a check. ``time`` and ``since`` (when it took this state) are Unix times.

    ``attempt`` counts how many times in a row it has failed, with whatever state; 0 while it is good.
    """

    component: str
    check: str
    status: int
    state: str
    output: str
    time: float
    since: float
    duration: float
    interval: int
    attempt: int = SURE

    @property
    def key(self) -> str:
        """``component/check``."""
        return f"{self.component}/{self.check}"


def from_outcome(outcome: Outcome, previous: Result | None) -> Result:
    """Turn an outcome into a result that remembers since when the state has lasted."""
    definition = outcome.definition
    same = previous is not None and previous.status == outcome.status
    return Result(
        component=definition.component,
        check=definition.name,
        status=outcome.status,
        state=STATES[outcome.status],
        output=outcome.message,
        time=round(outcome.started, 3),
        since=previous.since if previous is not None and same else round(outcome.started, 3),
        duration=round(outcome.duration, 3),
        interval=definition.interval,
        attempt=0 if outcome.status == 0 else min(SURE, previous.attempt if previous is not None else 0) + 1,
    )


def is_due(definition: Definition, previous: Result | None, now: float) -> bool:
    """Whether it is time, a little early rather than a minute late. A clock set back is no harm.

    What has just failed is asked again at the next occasion, however seldom it is asked else.
    """
    if previous is None or previous.time > now or 0 < previous.attempt < SURE:
        return True
    return now - previous.time >= definition.interval - EARLY


def worst(results: Iterable[Result]) -> int:
    """Return the most severe status: critical, then unknown, then warning."""
    found = {result.status for result in results}
    return next((status for status in SEVERITY if status in found), 0)


def by_severity(results: Iterable[Result]) -> list[Result]:
    """Worst first, then by name."""
    return sorted(results, key=lambda result: (SEVERITY.index(result.status), result.key))


def read(path: Path) -> dict[str, Result]:
    """Return the stored results by key. What cannot be read counts as nothing: it is made again."""
    try:
        content = json.loads(path.read_text())
        if content["format"] != FORMAT:
            return {}
        found = [Result(**item) for item in content["checks"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {result.key: result for result in found}


def time_of(path: Path, now: float) -> float:
    """Return when the checks ran that are stored, now where that is not known."""
    try:
        return min(now, float(json.loads(path.read_text())["time"]))
    except (OSError, ValueError, KeyError, TypeError):
        return now


def convergence(folder: Path) -> dict[str, Any]:
    """Return ``{digest, commit, at}``: what the last complete run has brought this machine to, and when (Unix time).

    It is empty where no run has, or where another one has begun since.
    """
    try:
        found = json.loads((folder / "reached").read_text())
        record = {"digest": str(found["digest"]), "commit": str(found["commit"]), "at": int(found["at"])}
        begun = (folder / "wanted").read_text().strip()
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return record if record["digest"] == begun else {}


def document(results: Iterable[Result], now: float, converged: Mapping[str, Any]) -> dict[str, Any]:
    """Return what checks.json holds."""
    ordered = by_severity(results)
    return {
        "format": FORMAT,
        "host": socket.gethostname(),
        "time": round(now, 3),
        "status": worst(ordered),
        "state": STATES[worst(ordered)],
        "convergence": dict(converged),
        "checks": [asdict(result) for result in ordered],
    }


def metrics(results: Iterable[Result], now: float, converged: Mapping[str, Any]) -> str:
    """Return the same for the textfile collector of node exporter."""
    ordered = sorted(results, key=lambda result: result.key)
    lines = [
        "# HELP ringmaster_check_status Result of the check: 0 ok, 1 warning, 2 critical, 3 unknown.",
        "# TYPE ringmaster_check_status gauge",
        *(f"ringmaster_check_status{_labels(result)} {result.status}" for result in ordered),
        "# HELP ringmaster_check_duration_seconds How long the check took.",
        "# TYPE ringmaster_check_duration_seconds gauge",
        *(f"ringmaster_check_duration_seconds{_labels(result)} {result.duration:.3f}" for result in ordered),
        "# HELP ringmaster_check_timestamp_seconds When the checks ran for the last time.",
        "# TYPE ringmaster_check_timestamp_seconds gauge",
        f"ringmaster_check_timestamp_seconds {now:.0f}",
    ]
    if converged:
        lines += [
            "# HELP ringmaster_converged_timestamp_seconds When a complete run has brought the machine to this digest.",
            "# TYPE ringmaster_converged_timestamp_seconds gauge",
            "ringmaster_converged_timestamp_seconds"
            f'{{digest="{converged["digest"]}",commit="{converged["commit"]}"}} {converged["at"]}',
        ]
    return "\n".join(lines) + "\n"


def _labels(result: Result) -> str:
    return f'{{component="{result.component}",check="{result.check}"}}'


def as_text(content: Mapping[str, Any], now: float) -> str:
    """Return the summary for people: one line a check, worst first."""
    checks = content["checks"]
    counts = [
        f"{number} {state}"
        for state in ("critical", "unknown", "warning", "ok")
        if (number := sum(1 for check in checks if check["state"] == state))
    ]
    lines = [f"{content['host']}: {', '.join(counts) or 'no checks'} ({age(now - content['time'])} ago)"]
    width = max((len(check["component"]) + len(check["check"]) + 1 for check in checks), default=0)
    for check in checks:
        name = f"{check['component']}/{check['check']}"
        since = "" if check["status"] == 0 else f" (for {age(now - check['since'])})"
        lines.append(f"{check['state'].upper():<8}  {name:<{width}}  {one_line(check['output'])}{since}")
    return "\n".join(lines)


def age(seconds: float) -> str:
    """Return a duration in the largest fitting unit, such as ``5 min``."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
