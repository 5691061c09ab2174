# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``mysql_objects``: the databases and users of a MariaDB server, with digests of their passwords."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mysql
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for MariaDB."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"mysql_objects": wrap("mysql_objects: {}", mysql.objects, KeyError, ValueError)}
