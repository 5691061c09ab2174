# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``postgresql_objects``: the declared databases and users, as the component's program applies them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import postgresql


def postgresql_objects(
    users: Iterable[Mapping[str, Any]],
    databases: Iterable[Mapping[str, Any]],
    platform_secret: str,
    vm: Mapping[str, Any],
) -> dict[str, Any]:
    """Return databases, roles with SCRAM verifiers, and packages; raises AnsibleFilterError."""
    try:
        return postgresql.objects(users, databases, platform_secret, vm)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"postgresql_objects: {error}") from error


class FilterModule:
    """Filters of the collection for PostgreSQL."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"postgresql_objects": postgresql_objects}
