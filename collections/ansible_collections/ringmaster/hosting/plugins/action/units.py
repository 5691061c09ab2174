# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.units``: a quick look, and what the module may answer."""

from __future__ import annotations

import shlex
from typing import Any, ClassVar

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import units
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import Kind
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import (
    SENTENCES,
    JudgedAction,
    nothing_to_do,
)

TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "enabled": (bool, type(None)),
    "state": (str, type(None)),
    "restart": bool,
    "reload": bool,
}
"""What a unit of the list has, as it is where nothing has to be converted."""


class ActionModule(JudgedAction):
    """Asks systemd, and runs the module where a unit is not as it should be."""

    EXPECTED: ClassVar[dict[str, Kind]] = {
        "steps": SENTENCES,
    }

    def as_wanted(self) -> dict[str, Any] | None:
        """Return the answer where each unit is as it should be and none is to be restarted or reloaded."""
        wanted = self._wanted()
        if not wanted or any(unit.restart or unit.reload for unit in wanted) or self._task.args.get("daemon_reload"):
            return None
        names = [unit.name for unit in wanted]
        done = self._low_level_execute_command(shlex.join(units.listing(names)))
        said = done["stdout"].replace("\r\n", "\n").strip("\n")
        told = [{line.partition("=")[0] for line in paragraph.splitlines()} for paragraph in said.split("\n\n")]
        if done["rc"] or told != [{*units.PROPERTIES}] * len(names):
            return None  # the module says what systemd said
        return None if units.plan(units.parse(said, names), wanted) else nothing_to_do(steps=[])

    def _wanted(self) -> list[units.Unit]:
        """Return the units that the task names; none where the module must look at what was given."""
        given = self._task.args.get("units")
        if not isinstance(given, list) or self._task.args.keys() - {"units", "daemon_reload"}:
            return []
        for one in given:
            known = isinstance(one, dict) and "name" in one and one.keys() <= TYPES.keys()
            if not known or not all(isinstance(value, TYPES[key]) for key, value in one.items()):
                return []
            if one.get("state") not in (None, "started", "stopped"):
                return []
        return [units.Unit(**one) for one in given]
