# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``what_if``: runs on the controller, whatever the host of the task is."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Options
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import table
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import what_if
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.platform_action import PlatformAction


class ActionModule(PlatformAction):
    """Tell what would follow from a change of the description."""

    ARGUMENTS = {
        "changes": {
            "type": "list",
            "elements": "dict",
            "options": {
                "verb": {"type": "str", "required": True, "choices": list(table.VERBS)},
                "arguments": {"type": "dict", "default": {}},
            },
        },
        "revision": {"type": "str"},
        "refuse": {"type": "list", "elements": "str", "choices": list(what_if.KINDS), "default": []},
    }

    def act(self, options: Options, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return all consequences, as data and as text; fail for those that are refused."""
        changes, revision = arguments["changes"], arguments["revision"]
        if bool(changes) == bool(revision):
            raise AnsibleActionFail("name the changes (verbs with their arguments), or a revision of the description")
        if revision:
            found = what_if.of_revision(options, revision)
        else:
            found = what_if.of_changes(options, [(one["verb"], one["arguments"]) for one in changes])
        text = what_if.as_text(found)
        result = {"changed": False, "consequences": what_if.as_data(found), "text": text.splitlines()}
        refused = [one for one in found if one.kind in arguments["refuse"]]
        if refused:
            result.update(failed=True, msg="This would follow, and was refused:\n" + what_if.as_text(refused))
        return result
