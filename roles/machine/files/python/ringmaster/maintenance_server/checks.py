# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the service that makes appointments."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ringmaster.core import below
from ringmaster.core.checks import CRITICAL, OK, UNKNOWN, WARNING, level
from ringmaster.core.report import counted, printable

STATE = Path("/run/ringmaster-maintenance/state.json")
DAY = 86400
SILENT_SECONDS = 300
SHOWN = 3


def state(path: Path = STATE) -> dict[str, Any]:
    """Return what the service wrote last; nothing when it has not run."""
    try:
        with below.parent_of(path) as (folder, name):
            found = json.loads(folder.read(name))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def answers() -> tuple[int, str]:
    """Whether the service runs: without it nobody is restarted."""
    found = state()
    if not found:
        return CRITICAL, "The service has written nothing: no machine gets a turn (ringmaster-maintenance.service)."
    seconds = time.time() - float(found["written"])
    if seconds > SILENT_SECONDS:
        return CRITICAL, f"The service has written nothing for {seconds / 60:.0f} min: no machine gets a turn."
    if found["mail_fails"]:
        return (
            WARNING,
            f"People cannot be told: {printable(str(found['mail_fails']))[:200]}. What is not announced waits.",
        )
    planned = sum(found["appointments"].values())
    return OK, f"{counted(planned, 'machine has', 'machines have')} an appointment, {found['heard']} were heard."


def stopped() -> tuple[int, str]:
    """Whether turns have failed, so that machines wait for somebody to look."""
    found = state()
    failures = found.get("failures") or {}
    if not failures:
        return (OK, "No turn has failed.") if found else (UNKNOWN, "The service has written nothing.")
    said = "; ".join(f"{name}: {printable(str(failures[name]))[:120]}" for name in sorted(failures)[:SHOWN])
    if found["is_frozen"]:
        return (
            CRITICAL,
            f"No machine gets a turn: {counted(len(failures), 'turn')} failed, with the same versions. {said}.",
        )
    return WARNING, f"{counted(len(failures), 'turn has', 'turns have')} failed: {said}."


def needs(warning_days: float, critical_days: float) -> tuple[int, str]:
    """How long the machine has waited that has waited for longest."""
    found = state()
    since = float(found.get("oldest_need") or 0)
    if not since:
        return (OK, "No machine waits for a restart.") if found else (UNKNOWN, "The service has written nothing.")
    days = (time.time() - since) / DAY
    return level(days, warning_days, critical_days), f"The oldest restart has waited for {days:.1f} days."
