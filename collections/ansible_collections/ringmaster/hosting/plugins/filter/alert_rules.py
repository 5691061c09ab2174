# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``alert_rules``: the alert rules that lie beside each role, with the link to what to do."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import runbooks


class FilterModule:
    """Filters of the collection for alerts."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"alert_rules": runbooks.alert_rules}
