# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``mysql_objects``: the databases and users of a MariaDB server, with digests of their passwords."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mysql


def mysql_objects(
    users: Iterable[Mapping[str, Any]],
    databases: Iterable[Mapping[str, Any]],
    platform_secret: str,
    vm: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the component's program shall make; raises AnsibleFilterError."""
    try:
        return mysql.objects(users, databases, platform_secret, vm)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"mysql_objects: {error}") from error


class FilterModule:
    """Filters of the collection for MariaDB."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"mysql_objects": mysql_objects}
