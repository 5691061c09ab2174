# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus reads and may fetch, and whom it alerts, from the inventory."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import exporters, fetching
from ansible_collections.ringmaster.hosting.plugins.module_utils.services.monitored import monitored
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for monitoring."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "monitoring_targets": wrap("monitoring_targets: a host lacks the variable {}", exporters.targets, KeyError),
            "monitored": wrap("monitored: a host lacks the variable {}", monitored, KeyError),
            "fetch_rules": wrap("fetch_rules: {} is missing", fetching.rules, KeyError),
        }
