# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``describe``: runs on the controller, whatever the host of the task is."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Options
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit, effects, table
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.platform_action import PlatformAction


class ActionModule(PlatformAction):
    """Change the description by one verb."""

    ARGUMENTS = {
        "verb": {"type": "str", "required": True, "choices": [*table.CHANGES, *table.STEPS]},
        "request": {"type": "dict", "default": {}},
    }

    def act(self, options: Options, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return what was changed."""
        outcome = edit.apply(options, arguments["verb"], arguments["request"], dry_run=self._task.check_mode)
        for warning in outcome.warnings:
            self._display.warning(warning)
        return {
            "changed": bool(outcome.files),
            "subject": outcome.subject,
            "allocated": outcome.allocated,
            "files": [file["path"] for file in outcome.files],
            "follows": [run.as_dict() for run in outcome.follows],
            "left": [run.command() for run in effects.left(arguments["verb"], outcome.follows)],
            "shown": outcome.shown.get(0, {}),
            **self.diff(outcome.files),
        }
