# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``validate``: runs on the controller, whatever the host of the task is."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import render_all
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Options
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.platform_action import PlatformAction


class ActionModule(PlatformAction):
    """Check a platform description."""

    def act(self, options: Options, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return counts and every mistake of the description."""
        outcome = operations.validate(options)
        result: dict[str, Any] = {
            "changed": False,
            "mistakes": [mistake.as_dict() for mistake in outcome.mistakes],
            "orphans": outcome.orphans,
            "counts": outcome.counts,
        }
        if outcome.warnings:
            result["warnings"] = outcome.warnings
        if outcome.mistakes:
            result.update(failed=True, msg=render_all(outcome.mistakes))
        return result
