# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``what_if``: runs on the controller, whatever the host of the task is."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.utils.vars import load_extra_vars
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Options
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import arguments as of_playbooks
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import table
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import what_if
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.platform_action import PlatformAction

ONLY_CHANGES = {
    "ANSIBLE_DISPLAY_OK_HOSTS": "false",
    "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
    "ANSIBLE_NOCOLOR": "true",
    "ANSIBLE_STDOUT_CALLBACK": "default",
}
"""What makes a run say what would change, and nothing else."""


class ActionModule(PlatformAction):
    """Tell what would follow from a change of the description."""

    ARGUMENTS = {
        "changes": {
            "type": "list",
            "elements": "dict",
            "options": {
                "verb": {"type": "str", "required": True, "choices": list(table.CHANGES)},
                "arguments": {"type": "dict", "default": {}},
            },
        },
        "revision": {"type": "str"},
        "live": {"type": "bool", "default": False},
        "refuse": {"type": "list", "elements": "str", "choices": list(what_if.KINDS), "default": []},
    }

    def act(self, options: Options, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return all consequences, as data and as text; fail for those that are refused."""
        changes, revision = arguments["changes"], arguments["revision"]
        if bool(changes) == bool(revision):
            raise AnsibleActionFail("name the changes (verbs with their arguments), or a revision of the description")
        if revision:
            proposing = what_if.of_revision(options, revision, for_run=arguments["live"])
        else:
            asked = [(one["verb"], one["arguments"]) for one in changes]
            proposing = what_if.of_changes(options, asked, for_run=arguments["live"])
        with proposing as proposed:
            found = what_if.between(options, proposed)
            result = {"changed": False, "consequences": what_if.as_data(found)}
            lines = what_if.as_text(found).splitlines()
            if arguments["live"]:
                lines += self._of_machines(proposed, what_if.running(options, found), result)
        result["text"] = lines
        refused = [one for one in found if one.kind in arguments["refuse"]]
        if refused:
            result.update(failed=True, msg="This would follow, and was refused:\n" + what_if.as_text(refused))
        return result

    def _of_machines(self, proposed: Options, vms: list[str], result: dict[str, Any]) -> list[str]:
        """Return what runs in check mode say that would be done on VMs, and notes those that fail in the result."""
        lines = []
        for vm in vms:
            with self._variables() as variables:
                done = subprocess.run(
                    _check(proposed, vm, variables),
                    env={**os.environ, **ONLY_CHANGES},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    check=False,
                )
            said = done.stdout.splitlines()
            lines += [f"vm {vm}, by a run in check mode:", *(f"  {line}" for line in said if line.strip())]
            if done.returncode:
                result.update(failed=True, msg=f"The run for {vm} in check mode has failed:\n{done.stdout[-4000:]}")
        return lines

    @contextlib.contextmanager
    def _variables(self) -> Iterator[str]:
        """Give a file with the extra variables of this run that are not for it alone, such as the platform's secret."""
        given = load_extra_vars(self._loader)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:  # for its owner only
            json.dump({name: given[name] for name in of_playbooks.strangers(["what_if"], given)}, file)
            file.flush()
            yield file.name


def _check(proposed: Options, vm: str, variables: str) -> list[str]:
    """Return argv of a run of a proposed description for one VM, which changes nothing."""
    program = Path(sys.argv[0]).with_name("ansible-playbook")
    argv = [str(program) if program.exists() else "ansible-playbook", "-i", str(proposed.source), "--check", "--diff"]
    for option, given in (("--vault-id", "vault_ids"), ("--vault-password-file", "vault_password_files")):
        # What was to be typed in cannot be asked for once more.
        argv += [
            word
            for value in context.CLIARGS.get(given) or ()
            if not value.endswith("prompt")
            for word in (option, value)
        ]
    return [*argv, "-e", f"@{variables}", "-e", json.dumps({"vm": vm}), "ringmaster.hosting.converge_vm"]
