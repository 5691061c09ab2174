# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``backup_access``: where a machine's backups go and what opens them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services.backup_access import access
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


def backup_access(
    machine: Mapping[str, Any], platform_secret: str, server: Mapping[str, Any], port: int = 8000
) -> dict[str, str]:
    """Return the access as a dictionary."""
    return asdict(access(machine, platform_secret, server, int(port)))


class FilterModule:
    """Filters of the collection for backups."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"backup_access": wrap("backup_access: {}", backup_access, KeyError, ValueError)}
