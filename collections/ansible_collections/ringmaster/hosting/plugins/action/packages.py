# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.packages``: a quick look, and what the module may answer."""

from __future__ import annotations

import shlex
from typing import Any, ClassVar

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import packages
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import Kind, ListOf, Text
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import JudgedAction, nothing_to_do


class ActionModule(JudgedAction):
    """Asks dpkg, and runs the module where something is missing."""

    EXPECTED: ClassVar[dict[str, Kind]] = {
        "installed": ListOf(Text(r"[a-z0-9][a-z0-9+.:=~_-]*", 200, "a package"), 1000),
    }

    KNOWN = frozenset(("names", "recommends", "update_after", "start_later"))

    def as_wanted(self) -> dict[str, Any] | None:
        """Return the answer where all is installed, and no unit is held back by a run that was killed."""
        names, units = self._task.args.get("names"), self._task.args.get("start_later") or []
        lists = all(isinstance(given, list) and all(isinstance(one, str) for one in given) for given in (names, units))
        if not names or not lists or self._task.args.keys() - self.KNOWN:
            return None  # the module says what is wrong
        command = shlex.join(packages.listing(names))
        if units:
            command += f"; {shlex.join(packages.HELD_BACK)}"
        said = self._low_level_execute_command(command)["stdout"]
        held = {line.removeprefix("held ") for line in said.splitlines() if line.startswith("held ")}
        if packages.absent(said, names) or held & {*units}:
            return None
        return nothing_to_do(installed=[])
