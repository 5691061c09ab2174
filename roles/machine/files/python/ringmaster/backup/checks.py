# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of backups. Each returns 0 ok, 1 warning, 2 critical or 3 unknown, and a sentence."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ringmaster.core.checks import CRITICAL, OK, WARNING

STATE = Path("/var/lib/ringmaster/backup.json")
BEGIN = Path("/usr/lib/ringmaster/checks.d/backup.json")
HOUR, DAY = 3600, 86400


def age(warning_hours: float, critical_hours: float) -> tuple[int, str]:
    """How old the newest complete backup is."""
    state = _state()
    last = state.get("last_success")
    passed = _since(last)
    level = _level(passed, warning_hours * HOUR, critical_hours * HOUR)
    if last is None:
        return level, f"There is no complete backup yet, {_duration(passed)} after backups were set up."
    if passed < 0:
        return WARNING, "The newest backup is of the future: was the clock wrong?"
    run = state.get("run") or {}
    return level, f"The newest complete backup is {_duration(passed)} old ({_size(run.get('bytes', 0))})."


def result() -> tuple[int, str]:
    """How the newest run went."""
    state = _state()
    running = state.get("running")
    if running:
        passed = time.time() - running["since"]
        if not Path(f"/proc/{running['process']}").exists():
            return WARNING, f"The backup that was begun {_duration(passed)} ago was killed."
        if passed > DAY:
            return CRITICAL, f"A backup has been running for {_duration(passed)}."
    run = state.get("run")
    if not run:
        return OK, "No backup has run yet."
    if run["result"] == "ok":
        dumps = ", ".join(sorted(run["dumps"]))
        return OK, (
            f"The newest backup took {run['seconds']:.0f} s and added {_size(run['bytes_added'])}"
            f"{f', with the dumps of {dumps}' if dumps else ''}."
        )
    errors = run["errors"]
    more = f" (and {len(errors) - 2} more)" if len(errors) > 2 else ""
    reason = "; ".join(errors[:2]) or "it was interrupted"
    if run["result"] == "partial":
        return WARNING, f"The newest backup is not complete: {reason}{more}."
    return CRITICAL, f"The newest backup failed: {reason}{more}."


def proof_age(warning_days: float, critical_days: float) -> tuple[int, str]:
    """When a restore was last proven, and how it went."""
    state = _state()
    proof, last = state.get("proof"), state.get("last_proof")
    if proof and proof["result"] != "ok":
        return CRITICAL, f"The proof failed: {'; '.join(proof['errors'][:2]) or 'it was interrupted'}."
    passed = _since(last)
    level = _level(passed, warning_days * DAY, critical_days * DAY)
    if not proof or last is None:
        return level, f"No restore has been proven yet, {_duration(passed)} after backups were set up."
    parts = [proof["files"], *proof["components"].values()]
    told = "; ".join(one["sentence"] for one in parts)
    return level, f"Restoring was proven {_duration(passed)} ago, in {proof['seconds']:.0f} s: {told}."


def _state() -> dict[str, Any]:
    try:
        return json.loads(STATE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _since(moment: float | None) -> float:
    """Return the seconds since a moment; since the set-up of backups where there is none."""
    return time.time() - (BEGIN.stat().st_mtime if moment is None else moment)


def _level(passed: float, warning: float, critical: float) -> int:
    return CRITICAL if passed > critical else WARNING if passed > warning else OK


def _duration(seconds: float) -> str:
    for unit, length in (("days", DAY), ("h", HOUR), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def _size(size: float) -> str:
    for unit, length in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return f"{size / 1024:.0f} KiB"
