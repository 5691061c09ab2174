# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``postgresql_objects``: the declared databases and users, as the component's program applies them."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import postgresql
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for PostgreSQL."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"postgresql_objects": wrap("postgresql_objects: {}", postgresql.objects, KeyError, ValueError)}
