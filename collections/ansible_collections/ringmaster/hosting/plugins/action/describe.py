# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``describe``: runs on the controller, whatever the host of the task is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import edit, operations, verbs
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.roles import roles_folder

ARGUMENTS = {
    "verb": {"type": "str", "required": True, "choices": list(verbs.ALL)},
    "request": {"type": "dict", "default": {}},
    "source": {"type": "path"},
}


class ActionModule(ActionBase):
    """Change the description by one verb."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what was changed; fails with every mistake of the request or of the description."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _context, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        source = arguments["source"] or (task_vars or {}).get("ringmaster_source")
        if not source:
            raise AnsibleActionFail("no platform is given: use its inventory, or name its file in 'source'")
        try:
            outcome = edit.apply(
                operations.options_of(Path(str(source)), roles_folder()),
                arguments["verb"],
                arguments["request"],
                dry_run=self._task.check_mode,
            )
        except DescriptionError as error:
            return {
                **result,
                "failed": True,
                "msg": str(error),
                "mistakes": [mistake.as_dict() for mistake in error.mistakes],
            }
        result.update(
            changed=bool(outcome.files),
            subject=outcome.subject,
            allocated=outcome.allocated,
            files=[file["path"] for file in outcome.files],
        )
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
