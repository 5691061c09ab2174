# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.packages``: a quick look, and what the module may answer."""

from __future__ import annotations

import shlex
from typing import Any, ClassVar

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import declared_packages, packages
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import Kind, ListOf, Text
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import JudgedAction, nothing_to_do

PACKAGES = ListOf(Text(r"[a-z0-9][a-z0-9+.:=~_-]*", 200, "a package"), 1000)


class ActionModule(JudgedAction):
    """Asks dpkg, and runs the module where something is missing."""

    EXPECTED: ClassVar[dict[str, Kind]] = {
        **dict.fromkeys(("installed", "removed", "left"), PACKAGES),
        "not_started": ListOf(Text(r"[A-Za-z0-9:_.@\\-]+", 255, "a unit"), 1000),
    }

    KNOWN = frozenset(("names", "recommends", "update_after", "start_later", "declared", "denied", "remove"))

    def as_wanted(self) -> dict[str, Any] | None:
        """Return the answer where all is installed, and no unit is held back by a run that was killed."""
        names = self._task.args.get("names")
        units, declared = (self._task.args.get(key) or [] for key in ("start_later", "declared"))
        given = (names, units, declared)
        lists = all(isinstance(one, list) and all(isinstance(word, str) for word in one) for one in given)
        if not names or not lists or self._task.args.keys() - self.KNOWN:
            return None  # the module says what is wrong
        command = shlex.join(packages.listing([*names, *declared]))
        asks = self._task.args.get("declared") is not None
        if asks:
            command += f"; {shlex.join(declared_packages.RECORDED)}"
        if units:
            command += f"; {shlex.join(packages.HELD_BACK)}"
        said = self._low_level_execute_command(command)["stdout"]
        held = {line.removeprefix("held ") for line in said.splitlines() if line.startswith("held ")}
        if packages.absent(said, [*names, *declared]) or held & {*units}:
            return None
        # What was asked for once is the module's to report, or to take away.
        if asks and declared_packages.recorded(said) != declared_packages.after(
            declared_packages.Record(), declared, names, ()
        ):
            return None
        return nothing_to_do(installed=[], removed=[], left=[], not_started=[])
