# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``plan_moves``: runs on the controller, whatever the host of the task is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description, moves, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.roles import roles_folder

ARGUMENTS = {name: {"type": "str", "default": ""} for name in ("vm", "hypervisor", "to")}


class ActionModule(ActionBase):
    """Say where VMs go."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the moves; fails with every reason against them."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _context, arguments = self.validate_argument_spec(argument_spec={**ARGUMENTS, "source": {"type": "path"}})
        source = arguments.pop("source") or (task_vars or {}).get("ringmaster_source")
        if not source:
            raise AnsibleActionFail("no platform is given: use its inventory, or name its file in 'source'")
        try:
            found = description.read_valid(operations.options_of(Path(str(source)), roles_folder()))
            planned = moves.plan(found, **arguments)
        except DescriptionError as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False, "moves": planned}
