# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of all components share. A check returns 0 ok, 1 warning, 2 critical or 3 unknown, and a sentence."""

from __future__ import annotations

import functools
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ringmaster.core import inbox, state
from ringmaster.core.report import counted

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
PATIENCE = 180
DAY = 86400
GIB = 1024**3

Check = Callable[..., tuple[int, str]]


def level(value: float, warning: float, critical: float) -> int:
    """Return the status of a value that is bad when it is high."""
    if value >= critical:
        return CRITICAL
    return WARNING if value >= warning else OK


def needs_answer(service: str | Callable[[], str], *errors: type[Exception]) -> Callable[[Check], Check]:
    """Say plainly that there are no figures; that the service is down is the matter of its check login."""
    expected: tuple[type[Exception], ...] = (OSError, *errors)

    def decorate(function: Check) -> Check:
        @functools.wraps(function)
        def guarded(**arguments: Any) -> tuple[int, str]:
            try:
                return function(**arguments)
            except expected as error:
                named = service if isinstance(service, str) else service()
                return UNKNOWN, f"{named} does not answer: {reason(error)}."

        return guarded

    return decorate


def reason(error: Exception) -> str:
    """Return an error as a part of a sentence."""
    return str(getattr(error, "strerror", None) or error).strip().rstrip(".")


def disk(folder: Path, warning: float, critical: float) -> tuple[int, str]:
    """Space in use where a folder lies, in percent."""
    usage = shutil.disk_usage(folder)
    percent = 100 * usage.used / (usage.used + usage.free)
    sentence = f"{percent:.0f} % of the disk are in use, {usage.free / GIB:.1f} GiB are free."
    return level(percent, warning, critical), sentence


def drop_ins(component: str, suffix: str, folder: Path, daemon: str = "") -> tuple[int, str]:
    """Drop-ins that were left out, or that nobody has looked at."""
    known = state.read(daemon or component)
    now = inbox.signature(folder, suffix)
    if now != known.get("signature", now) and time.time() - folder.stat().st_ctime > PATIENCE:
        return WARNING, f"A change in {folder} waits for ringmaster-{component}-inbox.service to look at it."
    refused = known.get("refused", {})
    if refused:
        parts = [f"{name} is left out: {why}" for name, why in sorted(refused.items())]
        return WARNING, f"In {folder}, {'; '.join(parts)}."
    return OK, in_use(len(known.get("accepted", [])), str(folder))


def in_use(number: int, place: str, what: str = "drop-in") -> str:
    """Say how many files of the project's own are in use, where none is refused."""
    if not number:
        return f"No {what}s in {place}."
    return f"{counted(number, f'{what} of {place} is', f'{what}s of {place} are')} in use, none is refused."


def restart_pending(component: str, run_id: str, warning_days: float) -> tuple[int, str]:
    """Settings that wait for a restart of the process that ``run_id`` names."""
    pending = [one for one in state.read(component).get("pending_restart", []) if one["run_id"] == run_id]
    if not pending:
        return OK, "No setting waits for a restart."
    days = (time.time() - min(one["since"] for one in pending)) / DAY
    parts = [f"{one['setting']} ({one['live']}, wanted {one['wanted']})" for one in pending]
    sentence = f"Waiting for a restart for {days:.1f} days: {', '.join(parts)}."
    return level(days, warning_days, float("inf")), sentence
