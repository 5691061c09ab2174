# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus reads and may fetch, and whom it alerts, from the inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import exporters, fetching, monitored
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.glance import glance, machines, once_a_task


@once_a_task
def _monitored(hostvars: Mapping[str, Any], names: Sequence[str], by: str) -> dict[str, Any]:
    return monitored.monitored(machines(hostvars, names), glance(hostvars)[by])


class FilterModule:
    """Filters of the collection for monitoring."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "monitoring_targets": wrap("monitoring_targets: a host lacks the variable {}", exporters.targets, KeyError),
            "monitored": wrap(
                "monitored: a host lacks the variable {}",
                wrap("monitoring_machines: {}", _monitored, ValueError),
                KeyError,
            ),
            "fetch_rules": wrap("fetch_rules: {} is missing", fetching.rules, KeyError),
        }
