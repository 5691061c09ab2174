# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``status_description``: what the status pages say of the platform."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import status


def status_description(
    machines: Iterable[Mapping[str, Any]], incidents: Mapping[str, Mapping[str, Any]], platform: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the description for the status pages; raises AnsibleFilterError."""
    try:
        return status.description(machines, incidents, platform)
    except KeyError as error:
        raise AnsibleFilterError(f"status_description: the variable {error} is missing") from error


class FilterModule:
    """Filters of the collection for status pages."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"status_description": status_description}
