# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about who is told about which alert."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import alerting
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for alerts."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "alerted_projects": alerting.projects,
            "alertmanager_configuration": wrap(
                "alertmanager_configuration: {} is missing", alerting.configuration, KeyError
            ),
        }
