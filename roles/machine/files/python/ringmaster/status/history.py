# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures over time: availability, the course of the day, load. What changes slowly is asked for seldom."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ringmaster.core import files
from ringmaster.status.sources import Prometheus

DAY = 86400
SPANS = {"24 h": DAY, "7 days": 7 * DAY, "30 days": 30 * DAY, "90 days": 90 * DAY}
STEP = 900
SLOW = 600  # seconds between two questions about curves
SLOWEST = 3600  # the same about long spans of time
# Machines in one question about a long span: Prometheus limits how many samples it reads for one.
BATCH = 100
CURVES = {
    "cpu": '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[15m]))',
    "memory": "1 - max by (instance) (node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
    "disk": (
        'max by (instance) (1 - node_filesystem_avail_bytes{mountpoint="/"}'
        ' / node_filesystem_size_bytes{mountpoint="/"})'
    ),
    "network": (
        'sum by (instance) (rate(node_network_receive_bytes_total{device!="lo"}[15m])'
        ' + rate(node_network_transmit_bytes_total{device!="lo"}[15m]))'
    ),
    # Worst of the quarter of an hour: 0 good, 1 warning, 2 critical; what is not known is no trouble here.
    "checks": "max by (instance) (max_over_time((ringmaster_check_status % 3)[15m:1m]))",
    "reachable": "min by (instance) (min_over_time(ringmaster:available[15m]))",
}


class History:
    """Availability and curves.

    ``uptime`` is machine -> span -> share, ``curves`` name -> machine -> moment -> value.
    """

    def __init__(self, path: Path) -> None:
        """Read what is kept in a file; what cannot be read is asked for again."""
        self._path = path
        self.uptime: dict[str, dict[str, float]] = {}
        self.curves: dict[str, dict[str, dict[str, float]]] = {}
        self._asked: dict[str, float] = {}
        try:
            content = json.loads(path.read_text())
            self.uptime = {name: _numbers(spans) for name, spans in content["uptime"].items()}
            self.curves = {
                name: {machine: _numbers(values) for machine, values in machines.items()}
                for name, machines in content["curves"].items()
            }
            self._asked = _numbers(content["asked"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.uptime, self.curves, self._asked = {}, {}, {}

    def refresh(self, prometheus: Prometheus, machines: Iterable[str], now: float) -> None:
        """Ask for what is due; raises NoFigures."""
        names = sorted(machines)
        known, before = set(names), dict(self._asked)
        for span, seconds in SPANS.items():
            if self._is_due(span, SLOW if seconds == DAY else SLOWEST, now):
                for begin in range(0, len(names), BATCH):
                    chosen = "|".join(names[begin : begin + BATCH])
                    question = f'avg_over_time(ringmaster:available{{instance=~"{chosen}"}}[{seconds}s])'
                    for labels, value in prometheus.now(f"max by (instance) ({question})"):
                        self.uptime.setdefault(labels.get("instance", ""), {})[span] = round(min(1, max(0, value)), 6)
                self._asked[span] = now
        if self._is_due("curves", SLOW, now):
            end = now - now % STEP
            for name, expression in CURVES.items():
                found = prometheus.over(expression, end - DAY, end, STEP)
                self.curves[name] = {
                    labels["instance"]: {str(moment): round(value, 4) for moment, value in values.items()}
                    for labels, values in found
                    if labels.get("instance") in known
                }
            self._asked["curves"] = now
        for table in (self.uptime, *self.curves.values()):
            for gone in set(table) - known:
                del table[gone]
        if self._asked != before:
            self._keep()

    def _is_due(self, what: str, seconds: float, now: float) -> bool:
        # Short spans of a young platform change quickly, so the first hour asks each time.
        first = self._asked.setdefault(f"{what}, first", now)
        patience = 0.0 if now - first < SLOWEST else seconds
        return not 0 <= now - self._asked.get(what, float("-inf")) < patience

    def _keep(self) -> None:
        content: dict[str, Any] = {"uptime": self.uptime, "curves": self.curves, "asked": self._asked}
        files.replace(self._path, json.dumps(content))


def _numbers(found: dict[str, Any]) -> dict[str, float]:
    """Return figures that can be counted with, whatever wrote them."""
    if set(map(type, found.values())) <= {int, float} and math.isfinite(sum(found.values())):
        return found
    return {name: value for name, value in found.items() if type(value) in (int, float) and math.isfinite(value)}
