# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of certificates: how long each is good, and whether ACME works."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from ringmaster.core.checks import CRITICAL, OK, WARNING
from ringmaster.core.report import counted

HOME = Path("/etc/ringmaster/certificates")
DAY = 86400
# An issue takes a moment, and the first comes just after a vhost has been set up.
PATIENCE = 3600


def age(warning_days: float, critical_days: float) -> tuple[int, str]:
    """Days that each wanted certificate is still good."""
    levels: list[tuple[int, float, str]] = []
    for path in sorted((HOME / "wanted").glob("*.json")):
        entry = json.loads(path.read_text())
        levels.append(_judge(entry, path.stat().st_mtime, warning_days, critical_days))
    if not levels:
        return OK, "No certificate is wanted here."
    worst = max(level for level, _left, _text in levels)
    bad = [text for level, _left, text in sorted(levels, key=lambda one: (-one[0], one[1])) if level > OK]
    if bad:
        more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
        return worst, f"{len(bad)} of {counted(len(levels), 'certificate')}: {'; '.join(bad[:5])}{more}."
    _level, days, text = min(levels, key=lambda one: one[1])
    good = counted(len(levels), "certificate is good", "certificates are good")
    return OK, f"{good}; the first to expire is {text} ({counted(round(days), 'day')})."


def _judge(entry: dict[str, object], since: float, warning_days: float, critical_days: float) -> tuple[int, float, str]:
    name = str(entry["name"])
    link = HOME / name
    try:
        meta = json.loads((link / "meta.json").read_text())
        digest = hashlib.sha256((link / "fullchain.pem").read_bytes()).hexdigest()
    except OSError:
        return CRITICAL, 0.0, f"{name} is missing"
    days = (meta["not_after"] - time.time()) / DAY
    if digest != meta["digests"][0]:
        return WARNING, days, f"{name} was changed by hand"
    life = (meta["not_after"] - meta["not_before"]) / DAY
    if days < 0:
        return CRITICAL, days, f"{name} has expired {-days:.1f} days ago"
    # Those with a short life are renewed when a third of it is left.
    has_failed = entry["source"] == "acme" and (HOME / "versions" / name / "acme.json").exists()
    why = f" ({_failure(name)})" if has_failed else ""
    if days < min(critical_days, life / 6):
        return CRITICAL, days, f"{name} expires in {days:.1f} days{why}"
    if days < min(warning_days, life / 4):
        return WARNING, days, f"{name} expires in {days:.1f} days{why}"
    is_issued = meta["source"] == "acme" and meta["names"] == entry["names"]
    if entry["source"] == "acme" and not is_issued and time.time() - since > PATIENCE:
        return WARNING, days, f"{name} was not issued: {_failure(name)}"
    return OK, days, name


def _failure(name: str) -> str:
    try:
        return str(json.loads((HOME / "versions" / name / "acme.json").read_text())["reason"])
    except (OSError, ValueError, KeyError):
        return "nothing has tried it; see ringmaster-certificates.timer"
