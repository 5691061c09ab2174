# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``backup_repositories``: what the backup machine keeps for each machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import backup_access


def backup_repositories(machines: Iterable[Mapping[str, Any]], platform_secret: str) -> dict[str, Any]:
    """Return repositories and password file; raises AnsibleFilterError."""
    try:
        found, htpasswd = backup_access.repositories(machines, platform_secret)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"backup_repositories: {error}") from error
    return {"repositories": found, "htpasswd": htpasswd}


class FilterModule:
    """Filters of the collection for backups."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"backup_repositories": backup_repositories}
