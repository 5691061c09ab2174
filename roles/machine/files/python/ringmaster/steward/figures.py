# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the steward goes, as figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ringmaster.core.figures import metric
from ringmaster.steward.checks import HEALTH, health


def metrics(path: Path = HEALTH) -> Iterator[str]:
    """Yield the open requests, when the steward and the queue were heard, and which regular runs are overdue."""
    found = health(path)
    if not found:
        return
    yield from metric("ringmaster_steward_open_requests", "gauge", {"": float(found.get("open") or 0)})
    yield from metric("ringmaster_steward_at_seconds", "gauge", {"": float(found.get("at") or 0)})
    yield from metric("ringmaster_steward_queue_at_seconds", "gauge", {"": float(found.get("queue_at") or 0)})
    late = {str(name): float(bool(problem)) for name, problem in sorted((found.get("regular") or {}).items())}
    yield from metric("ringmaster_steward_run_overdue", "gauge", late, "run")
