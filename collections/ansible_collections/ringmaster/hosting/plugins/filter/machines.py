# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``machines``: the variables of many machines."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.plugin_utils.glance import machines


class FilterModule:
    """Filters of the collection for looking at many machines."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"machines": machines}
