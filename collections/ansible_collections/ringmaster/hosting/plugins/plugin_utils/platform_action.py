# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions that work on a platform description share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.component_options import roles_folder
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Options


class PlatformAction(ActionBase):
    """An action that runs on the controller, whatever the host of the task is."""

    ARGUMENTS: ClassVar[dict[str, dict[str, Any]]] = {}
    """Those beside ``source``."""

    _requires_connection = False
    _supports_check_mode = True

    def act(self, options: Options, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do the work on the platform and return what the task returns. May raise DescriptionError."""
        raise NotImplementedError

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Find the platform, then act; fails with every mistake of the description or of the request."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        specification = {**self.ARGUMENTS, "source": {"type": "path"}}
        _context, arguments = self.validate_argument_spec(argument_spec=specification)
        source = arguments.pop("source") or (task_vars or {}).get("ringmaster_source")
        if not source:
            raise AnsibleActionFail("no platform is given: use its inventory, or name its file in 'source'")
        try:
            options = operations.options_of(Path(str(source)), roles_folder())
            return {**result, **self.act(options, arguments)}
        except DescriptionError as error:
            mistakes = [mistake.as_dict() for mistake in error.mistakes]
            return {**result, "failed": True, "msg": str(error), "mistakes": mistakes}

    def diff(self, files: list[dict[str, str]]) -> dict[str, Any]:
        """Return the files that were written as Ansible shows them, where it is asked to."""
        if not self._task.diff:
            return {}
        return {
            "diff": [
                {
                    "before_header": file["path"],
                    "after_header": file["path"],
                    "before": file["before"],
                    "after": file["after"],
                }
                for file in files
            ]
        }
