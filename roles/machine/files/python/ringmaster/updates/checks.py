# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of updates: what ``ringmaster updates`` found, and whether it looks."""

from __future__ import annotations

import csv
import datetime
import json
import platform
import time
from pathlib import Path

from ringmaster.core.checks import CRITICAL, OK, UNKNOWN, WARNING
from ringmaster.core.report import counted
from ringmaster.maintenance import turns
from ringmaster.updates import visit

STATE = Path("/var/lib/ringmaster/updates.json")
CONFIGURATION = Path("/etc/ringmaster/maintenance.json")
DATES = Path("/usr/share/distro-info/debian.csv")  # of package distro-info-data, kept up to date by Debian
HOUR = 3600
SHOWN = 8


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
        return OK, f"No security update waits; {counted(len(found['seen']), 'other does', 'others do')}."
    hours = (now - min(waiting)) / HOUR
    names = ", ".join(key.split()[0] for key in found["waiting"][:5])
    those = counted(len(waiting), "security update waits", "security updates wait")
    sentence = f"{those}, the oldest for {hours:.0f} h: {names}."
    return (CRITICAL if hours >= critical_hours else WARNING if hours >= warning_hours else OK), sentence


def turn(silent_hours: float, critical_days: float) -> tuple[int, str]:
    """Whether the service answers that gives this machine its turns, and how long a restart has waited for one."""
    try:
        restarts = json.loads(STATE.read_text()).get("restarts") or {}
    except (OSError, ValueError):
        restarts = {}
    found = visit.heard()
    planned = turns.planned()
    now = time.time()
    days = (now - min(restarts.values())) / (24 * HOUR) if restarts else 0.0
    waits = f"A restart has waited for {days:.1f} days" if restarts else "No restart waits"
    status = CRITICAL if days >= critical_days else OK
    silent = (now - found["silent_since"]) / HOUR if "silent_since" in found else 0.0
    if silent:
        sentence = f"The service maintenance has not answered for {silent:.1f} h: nothing is restarted. {waits}."
        return max(status, WARNING if silent >= silent_hours else OK), sentence
    if planned.get("stopped"):
        return max(status, WARNING), f"{waits}; turns are stopped: {str(planned['stopped'])[:200]}."
    return status, f"{waits}."


def supported(ends: dict[str, str], warning_days: float) -> tuple[int, str]:
    """How long Debian still supports the release, and which installed packages no archive has any more."""
    release = platform.freedesktop_os_release().get("VERSION_ID", "")
    end = ends.get(release) or _end_of_support(release)
    if not end:
        return (
            UNKNOWN,
            f"The end of support of release {release or 'without a number'} is not known (distro-info-data).",
        )
    days = (datetime.date.fromisoformat(end) - datetime.date.today()).days
    status = CRITICAL if days < 0 else WARNING if days < warning_days else OK
    sentence = f"Debian {release} gets security updates until {end} ({counted(days, 'day')})."
    if days < 0:
        sentence = f"Debian {release} has had no security updates since {end}."
    try:
        orphans = json.loads(STATE.read_text()).get("orphans") or []
    except (OSError, ValueError):
        orphans = []
    if orphans:
        more = f" and {len(orphans) - SHOWN} more" if len(orphans) > SHOWN else ""
        sentence += f" No archive has, and nobody updates: {', '.join(orphans[:SHOWN])}{more}."
    return status, sentence


def _end_of_support(release: str) -> str:
    """Return the last day of security updates, with long-term support; empty if Debian has not said so yet."""
    if not release or not DATES.exists():
        return ""
    with DATES.open(encoding="utf-8") as lines:
        found = [row for row in csv.DictReader(lines) if row["version"] == release]
    return max((row.get(kind) or "" for row in found for kind in ("eol", "eol-lts")), default="")
