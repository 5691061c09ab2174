# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``credentials``: the credentials files of all components of a project."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import WITH_USERS
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.users import entries
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for credentials."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"credentials": wrap("credentials: {}", partial(entries, WITH_USERS), KeyError, ValueError)}
