# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``firewall_edge``: what the gateway lets in from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import firewall
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.glance import glancing


def firewall_edge(hostvars: Mapping[str, Any], vms: Sequence[str]) -> dict[str, Any]:
    """Return what the gateway lets in from outside."""
    return firewall.edge(hostvars[name] for name in vms)


class FilterModule:
    """Filters of the collection for the firewall."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"firewall_edge": wrap("firewall_edge: {}", glancing(firewall_edge), ValueError)}
