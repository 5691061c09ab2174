# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a component's checks know from its program: /var/lib/ringmaster/<component>.json."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ringmaster.core import files, inbox
from ringmaster.core.report import Report

FOLDER = Path("/var/lib/ringmaster")


def read(component: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Return what the newest converge left; empty when there was none."""
    try:
        return json.loads((folder / f"{component}.json").read_text())
    except FileNotFoundError:
        return {}


def remember(
    component: str, signature: inbox.Signature, found: inbox.Inbox, report: Report, folder: Path = FOLDER
) -> None:
    """Write what the checks tell. A pending restart keeps the time at which it began."""
    try:
        before = {entry["setting"]: entry for entry in read(component, folder)["pending_restart"]}
    except (OSError, ValueError, KeyError, TypeError):
        before = {}
    now = round(time.time())
    for entry in report.pending_restart:
        old = before.get(entry["setting"], {})
        entry["since"] = old.get("since", now) if old.get("run_id") == entry["run_id"] else now
    content = {
        "signature": signature,
        "accepted": sorted(found.texts),
        "refused": report.refused,
        "pending_restart": report.pending_restart,
    }
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(folder / f"{component}.json", json.dumps(content, indent=1) + "\n")
