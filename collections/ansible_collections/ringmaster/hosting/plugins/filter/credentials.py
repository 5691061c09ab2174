# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``credentials``: the credentials files of all components of a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.users import entries
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.with_users import WITH_USERS


def credentials(vms: Iterable[Mapping[str, Any]], platform_secret: str) -> list[dict[str, Any]]:
    """Return entries for module ``files``; raises AnsibleFilterError."""
    try:
        return entries(WITH_USERS, vms, platform_secret)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"credentials: {error}") from error


class FilterModule:
    """Filters of the collection for credentials."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"credentials": credentials}
