# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter about who may send mail through the platform."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import mail_out
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for mail that leaves."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"mail_out_rules": wrap("mail_out_rules: {}", mail_out.rules, ValueError)}
