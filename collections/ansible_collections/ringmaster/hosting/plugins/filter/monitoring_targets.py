# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``monitoring_targets``: what Prometheus reads, from the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import exporters


def monitoring_targets(machines: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the targets by file name; raises AnsibleFilterError."""
    try:
        return exporters.targets(machines)
    except KeyError as error:
        raise AnsibleFilterError(f"monitoring_targets: a host lacks the variable {error}") from error


class FilterModule:
    """Filters of the collection for monitoring."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"monitoring_targets": monitoring_targets}
