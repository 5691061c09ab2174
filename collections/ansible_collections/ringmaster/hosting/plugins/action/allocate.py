# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``allocate``: runs on the controller, whatever the host of the task is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.roles import roles_folder

ARGUMENTS = {
    "source": {"type": "path"},
    "host_keys": {"type": "dict", "default": {}, "no_log": False},
    "replace_host_keys": {"type": "bool", "default": False, "no_log": False},
    "confirmed_addresses": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):
    """Allocate what the description lacks in the ledger."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what was allocated; fails with every mistake of the description."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _context, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        source = arguments["source"] or (task_vars or {}).get("ringmaster_source")
        if not source:
            raise AnsibleActionFail("no platform is given: use its inventory, or name its file in 'source'")
        host_keys = {
            str(name): [str(key) for key in ([keys] if isinstance(keys, str) else keys)]
            for name, keys in arguments["host_keys"].items()
        }
        try:
            outcome = operations.allocate(
                operations.options_of(Path(str(source)), roles_folder()),
                host_keys=host_keys,
                replace_host_keys=arguments["replace_host_keys"],
                confirmed_addresses=arguments["confirmed_addresses"],
                dry_run=self._task.check_mode,
            )
        except DescriptionError as error:
            return {
                **result,
                "failed": True,
                "msg": str(error),
                "mistakes": [mistake.as_dict() for mistake in error.mistakes],
            }
        result.update(changed=bool(outcome.files), allocated=outcome.allocated, orphans=outcome.orphans)
        if self._task.diff:
            result["diff"] = [
                {
                    "before_header": file["path"],
                    "after_header": file["path"],
                    "before": file["before"],
                    "after": file["after"],
                }
                for file in outcome.files
            ]
        return result
