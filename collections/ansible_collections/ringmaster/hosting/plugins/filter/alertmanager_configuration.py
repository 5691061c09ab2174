# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``alertmanager_configuration``: who is told about which alert."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import alerting


def alertmanager_configuration(
    projects: Iterable[Mapping[str, Any]], platform: Mapping[str, Any], mail: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the configuration of Alertmanager; raises AnsibleFilterError."""
    try:
        return alerting.configuration(projects, platform, mail)
    except KeyError as error:
        raise AnsibleFilterError(f"alertmanager_configuration: {error} is missing") from error


class FilterModule:
    """Filters of the collection for alerts."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"alertmanager_configuration": alertmanager_configuration}
