# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for the status pages: what they say of the platform, and to whom."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import status
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for status pages."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "status_description": wrap("status_description: the variable {} is missing", status.description, KeyError),
            "status_password_files": status.password_files,
        }
