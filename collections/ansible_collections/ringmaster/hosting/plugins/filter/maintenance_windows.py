# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``maintenance_windows``: who may be worked on when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import maintenance


def maintenance_windows(members: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the window of each VM of a project; raises AnsibleFilterError."""
    try:
        return maintenance.windows(members)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"maintenance_windows: {error}") from error


class FilterModule:
    """Filters of the collection for maintenance."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"maintenance_windows": maintenance_windows}
