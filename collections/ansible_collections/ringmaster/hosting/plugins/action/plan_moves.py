# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``plan_moves``: runs on the controller, whatever the host of the task is."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Options
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import moves
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.platform_action import PlatformAction


class ActionModule(PlatformAction):
    """Say where VMs go."""

    ARGUMENTS = {name: {"type": "str", "default": ""} for name in ("vm", "hypervisor", "to")}

    def act(self, options: Options, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the moves; raises DescriptionError with every reason against them."""
        return {"changed": False, "moves": moves.plan(description.read_valid(options), **arguments)}
