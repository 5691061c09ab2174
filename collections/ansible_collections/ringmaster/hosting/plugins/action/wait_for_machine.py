# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for a machine that starts, and not for one that lies."""

from __future__ import annotations

import shlex
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import refusals
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import machine_of

ARGUMENTS = {"timeout": {"type": "int", "default": 600}}
PAUSE = 1
"""Seconds between two questions."""
STARTING = 30
"""Seconds that a machine which was reached may say something else than it should: it may be coming up."""
ANSWER = 120
"""Seconds that it has for an answer, however slow an emulated machine is while it starts."""


class ActionModule(ActionBase):
    """Asks until there is an answer. One that the connection refuses ends it."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return how many seconds it took, or fail."""
        super().run(tmp, task_vars)
        _context, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        if self._task.check_mode:
            return {"skipped": True}
        begun = time.monotonic()
        reached = 0.0
        while True:
            try:
                said = self._ask(task_vars or {})
            except AnsibleConnectionFailure as error:
                reached, reason = 0.0, str(error)
            else:
                if not said:
                    refusals.forgiven(machine_of(self._task, task_vars or {}))
                    return {"changed": False, "elapsed": int(time.monotonic() - begun)}
                reached, reason = reached or time.monotonic(), said
            now = time.monotonic()
            if now - begun >= arguments["timeout"] or (reached and now - reached >= STARTING):
                elapsed = int(now - begun)
                return {"failed": True, "elapsed": elapsed, "msg": f"no answer after {elapsed} s: {reason}"}
            time.sleep(PAUSE)

    def _ask(self, variables: dict[str, Any]) -> str:
        """Ask over a new connection; return what is wrong with the answer, if anything is."""
        self._connection.reset()
        if self._connection.has_option("answer_seconds"):
            limit = min(ANSWER, self._connection.get_option("answer_seconds"))
            self._connection.set_option("answer_seconds", limit)
        # The quick way first: Ansible's own library takes an emulated machine many seconds while it starts.
        if self._is_pipelining_enabled("new"):
            python = str(variables.get("ansible_python_interpreter") or "")
            python = python if python.startswith("/") else "/usr/bin/python3"
            said = self._low_level_execute_command(f"{shlex.quote(python)} -", in_data=b"print('pong')\n")
            if said["rc"] == 0 and said["stdout"].strip() == "pong":
                return ""
        answer = self._execute_module(module_name="ansible.builtin.ping", module_args={}, task_vars=variables)
        if answer.get("unreachable"):
            raise AnsibleConnectionFailure(str(answer.get("msg", "")))
        if answer.get("ping") == "pong":
            return ""
        return str(answer.get("msg") or "it was reached, and did not answer as a machine does")
