# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the steward, by what it writes down itself. Each returns a status (0 to 3) and a sentence."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ringmaster.core import below
from ringmaster.core.checks import CRITICAL, OK, WARNING, level
from ringmaster.core.report import counted

HEALTH = Path("/var/lib/ringmaster-steward/state/health.json")


def health(path: Path = HEALTH) -> dict[str, Any]:
    """Return what the steward wrote last; nothing where it never did."""
    try:
        with below.opened(path.parent) as folder:
            found = json.loads(folder.text(path.name))
    except (FileNotFoundError, ValueError, below.Refused):
        return {}
    return found if isinstance(found, dict) else {}


def works(silent_seconds: float, path: Path = HEALTH) -> tuple[int, str]:
    """The steward is at work: it writes down how it goes three times a minute."""
    found = health(path)
    if not found:
        return CRITICAL, "The steward has not begun to work yet: journalctl -u ringmaster-steward says why."
    passed = time.time() - float(found.get("at") or 0)
    if passed > silent_seconds:
        return CRITICAL, f"The steward has written nothing for {passed:.0f} seconds."
    waiting = counted(int(found.get("open") or 0), "request is", "requests are")
    return OK, f"The steward is at work; {waiting} open."


def queue(warning_seconds: float, critical_seconds: float, path: Path = HEALTH) -> tuple[int, str]:
    """The queue was heard lately."""
    heard = float(health(path).get("queue_at") or 0)
    if not heard:
        return CRITICAL, "The queue has not answered yet."
    passed = time.time() - heard
    return level(passed, warning_seconds, critical_seconds), f"The queue answered {passed:.0f} seconds ago."


def description(path: Path = HEALTH) -> tuple[int, str]:
    """The description has no mistake, so that requests can be done."""
    problem = str(health(path).get("description") or "")
    if problem:
        return CRITICAL, f"Requests wait, since the description has a mistake: {problem}"
    return OK, "The description can be read."


def notices(warning_hours: float = 1, path: Path = HEALTH) -> tuple[int, str]:
    """What people are told by mail leaves."""
    found = health(path).get("notices") or {}
    waiting = int(found.get("waiting") or 0)
    passed = time.time() - float(found.get("since") or 0) if waiting else 0.0
    said = f"{counted(waiting, 'notice', 'notices')} to people {'waits' if waiting == 1 else 'wait'}"
    if passed > warning_hours * 3600:
        return WARNING, f"{said}, the oldest for {passed / 3600:.0f} hours: journalctl -u ringmaster-steward says why."
    return OK, f"{said}."


def regular(path: Path = HEALTH) -> tuple[int, str]:
    """Regular runs happen, and go well."""
    found = health(path).get("regular") or {}
    wrong = [str(problem) for _name, problem in sorted(found.items()) if problem]
    if wrong:
        return CRITICAL, f"{'; '.join(wrong)}."
    names = ", ".join(sorted(found)) or "none"
    return OK, f"Regular runs go as they should: {names}."
