#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a storage pool on a hypervisor."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pool
short_description: Have a storage pool on a hypervisor
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Defines a libvirt pool of type C(dir), starts it, and has it started with the host.
  - A pool of that name that exists is used as it is. A pool is never changed or deleted.
  - A pool of another type than C(dir), C(fs) or C(netfs) is refused, and nothing changed. Its volumes are not files.
options:
  uri:
    description: The libvirt connection, seen from the hypervisor that the module runs on.
    type: str
    default: qemu:///system
  name:
    description: Name of the pool.
    type: str
    default: ringmaster
  path:
    description: Folder of a new pool. It is created if it is missing.
    type: path
    default: /var/lib/libvirt/images
requirements:
  - python3-libvirt on the hypervisor
attributes:
  check_mode:
    support: full
    description: Tells what would be done.
  diff_mode:
    support: full
    description: Shows the pool before and after.
"""

EXAMPLES = r"""
- name: Have the pool
  ringmaster.hosting.pool:
    name: ringmaster
    path: /srv/vms
"""

RETURN = r"""
type:
  description: Type of the pool.
  returned: always
  type: str
  sample: dir
path:
  description: Where the pool is.
  returned: always
  type: str
  sample: /var/lib/libvirt/images
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import pools
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.arguments import run_module


def argument_spec() -> dict[str, Any]:
    """Options of the module."""
    return {
        "uri": {"type": "str", "default": "qemu:///system"},
        "name": {"type": "str", "default": "ringmaster"},
        "path": {"type": "path", "default": "/var/lib/libvirt/images"},
    }


def run(module: AnsibleModule) -> dict[str, Any]:
    """Have the pool."""
    parameters = module.params
    return pools.ensure(parameters["uri"], parameters["name"], parameters["path"], module.check_mode)


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), run)


if __name__ == "__main__":
    main()
