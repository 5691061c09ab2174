# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``validate``: runs on the controller, whatever the host of the task is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.errors import (
    DescriptionError,
    render_all,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.roles import roles_folder


class ActionModule(ActionBase):
    """Check a platform description."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return counts; fails with every mistake of the description."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _context, arguments = self.validate_argument_spec(argument_spec={"source": {"type": "path"}})
        source = arguments["source"] or (task_vars or {}).get("ringmaster_source")
        if not source:
            raise AnsibleActionFail("no platform is given: use its inventory, or name its file in 'source'")
        try:
            outcome = operations.validate(operations.options_of(Path(str(source)), roles_folder()))
            mistakes = outcome.mistakes
        except DescriptionError as error:
            outcome, mistakes = operations.Outcome(), error.mistakes
        result.update(
            changed=False,
            mistakes=[mistake.as_dict() for mistake in mistakes],
            orphans=outcome.orphans,
            counts=outcome.counts,
        )
        if outcome.warnings:
            result["warnings"] = outcome.warnings
        if mistakes:
            result.update(failed=True, msg=render_all(mistakes))
        return result
