#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge all VMs of one hypervisor in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vms
short_description: Bring all VMs of a hypervisor to their declared state
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Creates and changes libvirt domains and their disks on the hypervisor that the module runs on.
  - What can change in a running VM is changed there; what cannot is written to the definition and
    returned in RV(pending_restart). A VM is never restarted unasked.
  - Disks never shrink, MAC addresses, UUIDs and names never change, and nothing is deleted but a VM whose state is
    V(absent) and whose grace period has passed.
  - The failure of one VM does not keep the others from being converged.
  - VMs that are not in the list are left alone.
  - The hypervisor's journal gets a line about each VM as soon as it is done;
    C(journalctl -ft ansible-ringmaster.hosting.vms) shows a long run's progress.
extends_documentation_fragment:
  - ringmaster.hosting.libvirt
  - ringmaster.hosting.libvirt.converge
options:
  vms:
    description:
      - The VMs, each with the options of M(ringmaster.hosting.vm).
      - Filter P(ringmaster.hosting.vm_spec#filter) makes them from host variables.
      - A key C(hypervisor) names the VM's placement.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Converge the VMs of this hypervisor
  ringmaster.hosting.vms:
    hypervisor: "{{ inventory_hostname }}"
    vms: "{{ groups['hypervisor_' ~ inventory_hostname ~ '_vms'] | map('extract', hostvars)
             | map('ringmaster.hosting.vm_spec') | list }}"
  register: __vms
"""

RETURN = r"""
vms:
  description: One result for each VM, in the order of the list.
  returned: always
  type: list
  elements: dict
  sample:
    - name: myapp00
      changed: true
      created: false
      failed: false
      state: running
      actions:
        - {action: define, target: myapp00, before: {memory_mib: 1024}, after: {memory_mib: 2048}}
      pending_restart:
        - {field: memory_mib, live: 1024, wanted: 2048, reason: above the 1024 MiB at the start}
      notes: []
created:
  description: Names of the VMs that were defined by this call (in check mode would be).
  returned: always
  type: list
  elements: str
  sample: [myapp00]
deleted:
  description: Names of the VMs that were to be absent and are (in check mode would be).
  returned: always
  type: list
  elements: str
  sample: []
failed_vms:
  description: Names of the VMs that could not be converged.
  returned: always
  type: list
  elements: str
  sample: []
pending_restart:
  description: For each VM with such fields, what differs until its next start.
  returned: always
  type: dict
  sample: {myapp00: [{field: cores, live: 2, wanted: 8, reason: above the 4 cores at the start}]}
network_filters:
  description: Names of the filters against spoofing that were defined in libvirt (in check mode would be).
  returned: always
  type: list
  elements: str
  sample: []
virtualization:
  description: The kind of virtualisation and the reason for it.
  returned: always
  type: dict
  sample: {type: qemu, reason: "plain emulation (slow): this host has no /dev/kvm"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.arguments import (
    domain_arguments,
    options_from,
    run_module,
    without_none,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.converge import converge_all


def argument_spec() -> dict[str, Any]:
    """Options of the module."""
    return {**domain_arguments(), "vms": {"type": "list", "elements": "dict", "required": True}}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Converge the list."""
    vms = without_none(module.params["vms"])
    result = converge_all(options_from(module.params), vms, module.check_mode, module.log)
    if result["failed_vms"]:
        messages = "; ".join(vm["msg"] for vm in result["vms"] if vm["failed"])
        module.fail_json(
            msg=f"{len(result['failed_vms'])} of {len(result['vms'])} VMs could not be converged: {messages}",
            **result,
        )
    return result


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), run)


if __name__ == "__main__":
    main()
