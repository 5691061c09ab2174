# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``bridge_files``: the systemd-networkd files of a hypervisor's bridges."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.network import bridges


class FilterModule:
    """Filters of the collection for hypervisors."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"bridge_files": bridges.files}
