# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about what VMs may reach of hypervisors and service machines."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.network import offers
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.glance import glancing


class FilterModule:
    """Filters of the collection for what machines offer."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "machine_addresses": wrap("machine_addresses: {}", glancing(offers.addresses), ValueError),
            "machine_compare": wrap("machine_compare: {}", glancing(offers.compare), ValueError),
            "machine_guard": wrap("machine_guard: {}", glancing(offers.guard), ValueError),
            "vms_beyond": wrap("vms_beyond: {}", glancing(offers.beyond), ValueError),
        }
