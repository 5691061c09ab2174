#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the state of the VMs of a hypervisor."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_info
short_description: State, definition, pending changes and SSH host keys of VMs
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Reads the VMs of the hypervisor that the module runs on, and only domains with our metadata.
  - SSH host keys are read from the log of the serial console, to which a VM prints them at its first boot.
extends_documentation_fragment:
  - ringmaster.hosting.libvirt
options:
  names:
    description: Only these VMs; by default all of ours.
    type: list
    elements: str
  wait_for_host_keys:
    description: VMs whose host keys the module waits for.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for host keys, for all VMs together.
    type: float
    default: 300.0
attributes:
  check_mode:
    support: full
    description: Reads only.
  diff_mode:
    support: none
    description: Reads only.
"""

EXAMPLES = r"""
- name: Wait for the host keys of a new VM
  ringmaster.hosting.vm_info:
    names: [myapp00]
    wait_for_host_keys: [myapp00]
  register: __info
"""

RETURN = r"""
vms:
  description: What is known of each VM, by name.
  returned: always
  type: dict
  sample:
    myapp00:
      state: running
      definition: {memory_mib: 2048, cores: 2}
      running: {memory_mib: 1024, cores: 2}
      pending_restart: [{field: memory_mib, live: 1024, wanted: 2048, reason: above the 1024 MiB}]
      host_keys: [ssh-ed25519 AAAA]
host_keys:
  description: Host keys by VM, without comments; VMs that have not printed any are left out.
  returned: always
  type: dict
  sample: {myapp00: [ssh-ed25519 AAAA]}
missing_host_keys:
  description: VMs of O(wait_for_host_keys) that printed no keys in time.
  returned: always
  type: list
  elements: str
  sample: []
absent:
  description: VMs of O(names) that this hypervisor does not have.
  returned: always
  type: list
  elements: str
  sample: []
pending_restart:
  description: By VM, what differs until its next start.
  returned: always
  type: dict
  sample: {}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.arguments import (
    connection_arguments,
    run_module,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.info import gather


def argument_spec() -> dict[str, Any]:
    """Options of the module."""
    return {
        **connection_arguments(),
        "names": {"type": "list", "elements": "str"},
        "wait_for_host_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "timeout": {"type": "float", "default": 300.0},
    }


def run(module: AnsibleModule) -> dict[str, Any]:
    """Gather the facts; in check mode without waiting."""
    parameters = module.params
    return gather(
        uri=parameters["uri"],
        names=parameters["names"],
        host_key_timeout=parameters["timeout"],
        wait_for=parameters["wait_for_host_keys"],
        check=module.check_mode,
    )


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), run)


if __name__ == "__main__":
    main()
