# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Appointments as figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ringmaster.core.figures import metric
from ringmaster.maintenance_server.checks import STATE, state


def metrics(path: Path = STATE) -> Iterator[str]:
    """Yield what is planned, what was done, and what is stopped."""
    found = state(path)
    if not found:
        return
    name = "ringmaster_maintenance"
    yield from metric(f"{name}_appointments", "gauge", _numbers(found["appointments"]), "state")
    yield from metric(f"{name}_ended_total", "counter", _numbers(found["counts"]), "how")
    yield from metric(f"{name}_denied_total", "counter", _numbers(found["denied"]), "reason")
    yield from metric(f"{name}_planned_seconds", "gauge", _numbers(found["planned_seconds"]), "vm")
    yield from metric(f"{name}_took_seconds", "gauge", _numbers(found["took_seconds"]), "vm")
    yield from metric(f"{name}_stopped_machines", "gauge", {"": float(found["stopped"])})
    yield from metric(f"{name}_campaign_frozen", "gauge", {"": float(bool(found["is_frozen"]))})
    yield from metric(f"{name}_spare_in_service", "gauge", {"": float(found["group_in_service"])})
    if found["oldest_need"]:
        waited = max(0.0, float(found["written"]) - float(found["oldest_need"]))
        yield from metric(f"{name}_oldest_need_seconds", "gauge", {"": waited})


def _numbers(values: dict[str, float]) -> dict[str, float]:
    return {key: float(value) for key, value in sorted(values.items())}
