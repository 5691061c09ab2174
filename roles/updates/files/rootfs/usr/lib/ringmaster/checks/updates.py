# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of updates: what ringmaster-updates found, and whether it looks."""

from __future__ import annotations

import json
import time
from pathlib import Path

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
STATE = Path("/var/lib/ringmaster/updates.json")
CONFIGURATION = Path("/etc/ringmaster/maintenance.json")
HOUR = 3600


def security(warning_hours: float, critical_hours: float) -> tuple[int, str]:
    """How long security updates have waited, and whether new ones are looked for."""
    try:
        found = json.loads(STATE.read_text())
    except (OSError, ValueError):
        # A machine that has just been set up, or has just got this role.
        if CONFIGURATION.exists() and time.time() - CONFIGURATION.stat().st_mtime < 2 * HOUR:
            return OK, "Updates will be looked for within the hour."
        return UNKNOWN, "Updates have not been looked for yet (ringmaster-updates-security.timer)."
    now = time.time()
    if now - found["looked"] > 24 * HOUR:
        return CRITICAL, f"Updates have not been looked for since {(now - found['looked']) / HOUR:.0f} h."
    if now - found["lists"] > 48 * HOUR:
        return WARNING, f"apt has not fetched its lists since {(now - found['lists']) / HOUR:.0f} h."
    waiting = [entry["since"] for entry in found["seen"].values() if entry["security"]]
    if not waiting:
        return OK, f"No security update waits; {len(found['seen'])} others do."
    hours = (now - min(waiting)) / HOUR
    names = ", ".join(key.split()[0] for key in found["waiting"][:5])
    sentence = f"{len(waiting)} security updates wait, the oldest for {hours:.0f} h: {names}."
    return (CRITICAL if hours >= critical_hours else WARNING if hours >= warning_hours else OK), sentence
