#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy the root disk of a VM."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_snapshot
short_description: Copy the root disk of a VM as it is at one moment
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Runs on the hypervisor and writes a qcow2 file that stands alone, from which a new VM can be made.
  - A running VM goes on running; its disk is copied by libvirt's backup API. Where the guest agent runs in it, its
    file systems are frozen for the moment at which the copy begins.
  - Each run makes another file.
extends_documentation_fragment:
  - ringmaster.hosting.libvirt
options:
  name:
    description: Name of the VM.
    type: str
    required: true
  folder:
    description: Folder on the hypervisor that receives the file.
    type: path
    default: /var/lib/ringmaster/snapshots
  frozen:
    description: Fail when the file systems cannot be frozen, instead of copying as after a power cut.
    type: bool
    default: false
  timeout:
    description: Seconds that the copy may take.
    type: float
    default: 7200.0
  lock_directory:
    description: Folder on the hypervisor for the locks that keep two runs on one VM apart.
    type: path
    default: /run/ringmaster/locks
  lock_timeout:
    description: Seconds to wait for the lock of the VM.
    type: float
    default: 30.0
attributes:
  check_mode:
    support: full
    description: Looks for what would stop it.
  diff_mode:
    support: none
    description: Changes nothing that could be compared.
"""

EXAMPLES = r"""
- name: Copy the disk of a VM
  ringmaster.hosting.vm_snapshot:
    name: myapp00
  register: __snapshot
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /var/lib/ringmaster/snapshots/myapp00-20261124T020000.qcow2
consistency:
  description: V(frozen), V(crash) (as after a power cut) or V(stopped).
  returned: when not in check mode
  type: str
  sample: crash
bytes:
  description: What the file takes on disk.
  returned: when not in check mode
  type: int
  sample: 1288490188
seconds:
  description: How long it took.
  returned: when not in check mode
  type: float
  sample: 3.2
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.arguments import (
    connection_arguments,
    run_module,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.snapshot import Wish, take


def argument_spec() -> dict[str, Any]:
    """Options of the module."""
    return {
        **connection_arguments(),
        "name": {"type": "str", "required": True},
        "folder": {"type": "path", "default": "/var/lib/ringmaster/snapshots"},
        "frozen": {"type": "bool", "default": False},
        "timeout": {"type": "float", "default": 7200.0},
        "lock_directory": {"type": "path", "default": "/run/ringmaster/locks"},
        "lock_timeout": {"type": "float", "default": 30.0},
    }


def run(module: AnsibleModule) -> dict[str, Any]:
    """Take the copy."""
    parameters = dict(module.params)
    for key in ("folder", "lock_directory"):
        parameters[key] = Path(parameters[key])
    return take(Wish(**parameters), check=module.check_mode)


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), run)


if __name__ == "__main__":
    main()
