# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for maintenance: who may be worked on when, by whose word."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import maintenance
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for maintenance."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "maintenance_windows": wrap("maintenance_windows: {}", maintenance.windows, KeyError, ValueError),
            "maintenance_policy": wrap("maintenance_policy: {}", maintenance.policy, KeyError, ValueError),
            "maintenance_passwords": wrap("maintenance_passwords: {}", maintenance.passwords, KeyError, ValueError),
            "maintenance_password": wrap("maintenance_password: {}", maintenance.password, KeyError, ValueError),
            "maintenance_calendars": wrap("maintenance_calendars: {}", maintenance.calendars, KeyError, ValueError),
        }
