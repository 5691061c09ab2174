#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have one disk in a hypervisor's pool."""

from __future__ import annotations

DOCUMENTATION = r"""
module: disk
short_description: Have a disk of a certain size in a storage pool
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Creates a sparse volume or an overlay on an image, and grows it.
  - The disk of a running VM is grown through QEMU, so that the guest sees it at once.
  - A disk is never made smaller and never deleted.
extends_documentation_fragment:
  - ringmaster.hosting.libvirt
options:
  name:
    description: Name of the volume; it starts with C(ringmaster-), which marks it as ours.
    type: str
    required: true
  size_mib:
    description: Size in MiB, as a guest sees it.
    type: int
    required: true
  format:
    description: Format of a new volume.
    type: str
    default: qcow2
    choices: [qcow2, raw]
  image:
    description: Image that a new volume is an overlay on.
    type: str
    default: ""
  lock_directory:
    description: Folder on the hypervisor for the locks that keep two runs apart.
    type: path
    default: /run/ringmaster/locks
attributes:
  check_mode:
    support: full
    description: Tells whether the disk would be created or grown.
  diff_mode:
    support: full
    description: Shows the size before and after.
"""

EXAMPLES = r"""
- name: Have a disk of 10 GiB
  ringmaster.hosting.disk:
    name: ringmaster-scratch.qcow2
    size_mib: 10240
"""

RETURN = r"""
name:
  description: Name of the volume.
  returned: always
  type: str
  sample: ringmaster-scratch.qcow2
path:
  description: Path of the volume; empty in check mode for a new one.
  returned: always
  type: str
  sample: /var/lib/libvirt/images/ringmaster-scratch.qcow2
size:
  description: Size in bytes.
  returned: always
  type: int
  sample: 10737418240
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import disks
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.arguments import (
    connection_arguments,
    run_module,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import MIB


def argument_spec() -> dict[str, Any]:
    """Options of the module."""
    return {
        **connection_arguments(),
        "name": {"type": "str", "required": True},
        "size_mib": {"type": "int", "required": True},
        "format": {"type": "str", "default": "qcow2", "choices": list(disks.FORMATS)},
        "image": {"type": "str", "default": ""},
        "lock_directory": {"type": "path", "default": "/run/ringmaster/locks"},
    }


def run(module: AnsibleModule) -> dict[str, Any]:
    """Have the disk."""
    parameters = module.params
    return disks.ensure(
        uri=parameters["uri"],
        pool_name=parameters["pool"],
        name=parameters["name"],
        size=parameters["size_mib"] * MIB,
        file_format=parameters["format"],
        image=parameters["image"],
        lock_directory=Path(parameters["lock_directory"]),
        check=module.check_mode,
    )


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), run)


if __name__ == "__main__":
    main()
