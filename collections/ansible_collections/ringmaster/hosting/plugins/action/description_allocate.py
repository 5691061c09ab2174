# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``allocate``: runs on the controller, whatever the host of the task is."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Options
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.platform_action import PlatformAction


class ActionModule(PlatformAction):
    """Allocate what the description lacks in the ledger."""

    ARGUMENTS = {
        "host_keys": {"type": "dict", "default": {}, "no_log": False},
        "replace_host_keys": {"type": "bool", "default": False, "no_log": False},
        "confirmed_addresses": {"type": "list", "elements": "str", "default": []},
    }

    def act(self, options: Options, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return what was allocated."""
        host_keys = {
            str(name): [str(key) for key in ([keys] if isinstance(keys, str) else keys)]
            for name, keys in arguments["host_keys"].items()
        }
        outcome = operations.allocate(
            options,
            host_keys=host_keys,
            replace_host_keys=arguments["replace_host_keys"],
            confirmed_addresses=arguments["confirmed_addresses"],
            dry_run=self._task.check_mode,
        )
        for warning in outcome.warnings:
            self._display.warning(warning)
        return {
            "changed": bool(outcome.files),
            "allocated": outcome.allocated,
            "orphans": outcome.orphans,
            **self.diff(outcome.files),
        }
