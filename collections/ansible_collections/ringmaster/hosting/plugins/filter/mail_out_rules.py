# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter about who may send mail through the platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import mail_out
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.glance import expanded, glance, once_a_task


@once_a_task
def _rules(hostvars: Mapping[str, Any], name: str, vms: Sequence[str], machines: Sequence[str]) -> dict[str, Any]:
    known = glance(hostvars)
    return mail_out.rules(known, name, expanded(known, vms), expanded(known, machines))


class FilterModule:
    """Filters of the collection for mail that leaves."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"mail_out_rules": wrap("mail_out_rules: {}", _rules, ValueError)}
