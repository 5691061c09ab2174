# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about what machines reach of each other: what to ask, and what was found."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import reach
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for the firewall."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "firewall_compare": wrap("firewall_compare: {}", reach.compare, ValueError),
            "firewall_questions": wrap("firewall_questions: {}", reach.questions, ValueError),
        }
