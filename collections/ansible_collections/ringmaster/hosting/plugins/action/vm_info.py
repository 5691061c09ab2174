# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.vm_info``: what it may answer, about the VMs that were asked for."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import Kind, ListOf, MapOf, Plain, Text
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import (
    HOST_KEY,
    MACHINE,
    PENDING,
    JudgedAction,
)


class ActionModule(JudgedAction):
    """Runs the module; a hypervisor speaks for its own VMs only."""

    def expected(self) -> Mapping[str, Kind]:
        """Return what is expected; of other VMs than those of ``names``, nothing."""
        asked = self._task.args.get("names")
        of_vm = MACHINE
        if isinstance(asked, list):
            of_vm = Text("|".join(map(str, asked)) or "(?!)", 63, "a VM that was asked for")
        names = ListOf(of_vm, 10_000)
        return {
            "vms": MapOf(of_vm, Plain(), 10_000),
            "host_keys": MapOf(of_vm, ListOf(HOST_KEY, 10), 10_000),
            "missing_host_keys": names,
            "absent": names,
            "pending_restart": MapOf(of_vm, PENDING, 10_000),
        }
