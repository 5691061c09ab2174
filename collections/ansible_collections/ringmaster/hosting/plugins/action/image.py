# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfer an image to the hypervisor only when its pool lacks it, then import it there."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import images
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import Flag, Kind
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import DIGEST, VOLUME, judged, machine_of

MODULE = "ringmaster.hosting.image"
TRANSFER_DIRECTORY = "/var/tmp"
"""On the hypervisor; /tmp is often a small file system in memory."""
EXPECTED: dict[str, Kind] = {"name": VOLUME, "present": Flag(), "sha256": DIGEST}
"""What the module answers beside what all do."""


class ActionModule(ActionBase):
    """Controller side of M(ringmaster.hosting.image)."""

    TRANSFERS_FILES = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the hypervisor, transfer the file if it is needed, import it, remove the transferred file."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        local = self._connection.transport == "local"
        if self._boolean(arguments.get("remote_src", False)) or not arguments.get("src"):
            return {**result, **self._ask(arguments, task_vars)}

        source = Path(self._loader.get_real_file(str(self._loader.path_dwim(arguments["src"]))))
        try:
            arguments["name"] = arguments.get("name") or images.name_for(source)
        except HypervisorError as error:
            raise AnsibleActionFail(str(error)) from error
        arguments.update(src=str(source), remote_src=True)
        if local:
            return {**result, **self._ask(arguments, task_vars)}

        asked = self._ask({**arguments, "probe": True}, task_vars)
        if asked.get("failed") or asked.get("present") or self._task.check_mode:
            return {**result, **asked}
        if not source.is_file():
            raise AnsibleActionFail(f"image {source} does not exist on the controller: build it first")
        place = posixpath.join(TRANSFER_DIRECTORY, f".transfer-{arguments['name']}")
        try:
            self._connection.put_file(str(source), place)
            arguments["src"] = place
            return {**result, **self._ask(arguments, task_vars)}
        finally:
            self._execute_module(
                "ansible.builtin.file", module_args={"path": place, "state": "absent"}, task_vars=task_vars
            )

    def _ask(self, arguments: Mapping[str, Any], variables: dict[str, Any] | None) -> dict[str, Any]:
        """Run the module, and return what is expected of its answer."""
        answer = self._execute_module(MODULE, module_args=dict(arguments), task_vars=variables)
        return judged(answer, EXPECTED, machine_of(self._task, variables or {}), f"the answer of {MODULE}")

    @staticmethod
    def _boolean(value: Any) -> bool:
        return value is True or str(value).lower() in ("yes", "true", "1", "on")
