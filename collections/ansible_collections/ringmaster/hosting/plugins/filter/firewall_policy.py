# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about the firewall policy of a VM: as a table, as a ruleset of nftables, and what of it is meant."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import firewall
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for the firewall."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "firewall_policy": wrap("firewall_policy: {}", firewall.shown, ValueError),
            "firewall_explained": wrap("firewall_explained: {}", firewall.explained, ValueError),
            "firewall_ruleset": wrap("firewall_ruleset: {}", firewall.ruleset, ValueError),
        }
