# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``backup_repositories``: what the backup machine keeps for each machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services.backup_access import repositories
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


def backup_repositories(machines: Iterable[Mapping[str, Any]], platform_secret: str) -> dict[str, Any]:
    """Return repositories and password file."""
    found, htpasswd = repositories(machines, platform_secret)
    return {"repositories": found, "htpasswd": htpasswd}


class FilterModule:
    """Filters of the collection for backups."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "backup_repositories": wrap("backup_repositories: {}", backup_repositories, KeyError, ValueError),
        }
