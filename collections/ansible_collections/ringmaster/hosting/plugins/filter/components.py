# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters ``component_parts``, ``component_logs``, ``component_leaving``, ``undescribed_components``: the catalogue."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import leaving
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for components."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "component_parts": wrap("component_parts: {}", leaving.parts, KeyError, TypeError),
            "component_logs": wrap("component_logs: {}", leaving.logs, KeyError, TypeError),
            "component_leaving": wrap("component_leaving: {}", leaving.plan, KeyError, TypeError),
            "undescribed_components": wrap("undescribed_components: {}", leaving.undescribed, TypeError),
        }
