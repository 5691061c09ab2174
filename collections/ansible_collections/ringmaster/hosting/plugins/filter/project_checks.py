# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters ``project_checks`` and ``job_checks``: the checks that a project declares itself, and those of its jobs."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import project_checks
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for monitoring."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "job_checks": wrap("job_checks: {} is missing", project_checks.of_jobs, KeyError),
            "project_checks": wrap("project_checks: {} is missing", project_checks.of_vm, KeyError),
        }
