# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about what the gateway lets in from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import firewall
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.glance import machines, once_a_task


@once_a_task
def firewall_edge(hostvars: Mapping[str, Any], vms: Sequence[str]) -> dict[str, Any]:
    """Return what the gateway lets in from outside, as texts of nftables."""
    return firewall.edge_texts(machines(hostvars, vms))


class FilterModule:
    """Filters of the collection for the firewall."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "firewall_edge": wrap("firewall_edge: {}", firewall_edge, ValueError),
            "firewall_openings": wrap("firewall_openings: an opening lacks {}", firewall.openings, KeyError),
        }
