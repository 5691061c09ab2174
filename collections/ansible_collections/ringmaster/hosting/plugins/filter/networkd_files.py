# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``networkd_files``: the systemd-networkd files of a VM."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.network.networkd import files, machine_files
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for networks."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "machine_networkd_files": wrap("machine_networkd_files: {}", machine_files, ValueError),
            "networkd_files": wrap(
                "networkd_files: {}", wrap("networkd_files: variable {} is missing", files, KeyError), ValueError
            ),
        }
