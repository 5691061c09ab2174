#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converge one VM."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm
short_description: Bring one VM to its declared state
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Does for one VM what M(ringmaster.hosting.vms) does for all of a hypervisor.
  - What can change in a running VM is changed there; what cannot is written to the definition and
    returned in RV(pending_restart). A VM is never restarted unasked.
extends_documentation_fragment:
  - ringmaster.hosting.libvirt
  - ringmaster.hosting.libvirt.converge
options:
  name:
    description: Name of the VM. It is never changed.
    type: str
    required: true
  uuid:
    description: UUID of the VM. It is never changed.
    type: str
    required: true
  project:
    description: Project that the VM belongs to.
    type: str
    required: true
  vm_id:
    description: Number of the VM in the ledger.
    type: int
    required: true
  state:
    description:
      - V(running) defines and starts it, V(present) defines it and leaves its power alone.
      - V(stopped) shuts it down gracefully and, after O(stop_timeout), by force if O(force_stop).
      - V(restarted) stops and starts it, so that everything that is pending takes effect; every call does so.
      - V(retiring) stops it and keeps it. A VM that is not there is not made.
      - V(absent) takes the definition away and then deletes its disks, if O(delete_after) has passed and the VM
        is neither O(protected) nor running. Volumes that are not Ringmaster's are never deleted.
    type: str
    default: running
    choices: [present, running, stopped, restarted, retiring, absent]
  adopt:
    description:
      - Take over a domain that has this UUID and name but not Ringmaster's metadata, for example one that was
        restored from a plain XML file. Its disks and network cards must have our aliases (C(ua-root) and so on).
      - Without it such a domain is refused.
    type: bool
    default: false
  root_must_exist:
    description: Define a VM that is not there over the root disk that is, and never make one from the image.
    type: bool
    default: false
  delete_after:
    description: Last day of the grace period, such as C(2026-12-24). O(state=absent) is refused until it has passed.
    type: str
  memory_mib:
    description: Memory in MiB. It follows live up to the maximum that the VM was started with.
    type: int
    required: true
  memory_max_mib:
    description: Upper limit of the memory in MiB. By default O(memory_mib), so that nothing is oversold.
    type: int
  cores:
    description: Number of virtual CPUs. More follow live, up to twice the first number; fewer need a start.
    type: int
    required: true
  image:
    description: Name of the base image in the pool. It matters for a new VM only.
    type: str
    required: true
  root_gib:
    description: Size of the root disk in GiB. It only grows.
    type: int
    required: true
  swap_mib:
    description: Size of the swap disk in MiB. It grows, and is never made smaller.
    type: int
    required: true
  tmp_gib:
    description: Size of the disk for C(/tmp) in GiB. It grows, and is never made smaller.
    type: int
    required: true
  nics:
    description: The network cards.
    type: list
    elements: dict
    required: true
    suboptions:
      role:
        description: Which network it is on; also its name inside the VM.
        type: str
        required: true
        choices: [ethfe, ethsrv]
      mac:
        description: MAC address. It is never changed.
        type: str
        required: true
      bridge:
        description: Bridge on the hypervisor.
        type: str
        required: true
      addresses:
        description:
          - IP addresses that the VM may use. Without any, nothing is said about the card's filter.
          - The VM sends from these, from the IPv6 link-local address of its MAC, and with its MAC only, and no router
            advertisement or answer of a DHCP server; libvirt's network filter sees to that.
        type: list
        elements: str
        default: []
      anti_spoofing:
        description: V(false) lets the VM send from any address, for a VM that routes for others.
        type: bool
        default: true
      mtu:
        description: MTU that is offered to the guest.
        type: int
      link:
        description: State of the link.
        type: str
        default: up
        choices: [up, down]
  io_limits:
    description: Limits per second of the disks; 0 is unlimited.
    type: dict
    default: {}
    suboptions:
      root: &limits
        description: Limits of this disk.
        type: dict
        suboptions:
          read_iops:
            description: Read operations.
            type: int
          write_iops:
            description: Write operations.
            type: int
          read_bytes:
            description: Bytes read.
            type: int
          write_bytes:
            description: Bytes written.
            type: int
      swap: *limits
      tmp: *limits
  protected:
    description: Refuse to retire this VM.
    type: bool
    default: false
  autostart:
    description: Start the VM when the hypervisor starts.
    type: bool
    default: true
  seed:
    description: Files of the first boot's NoCloud seed, path to text.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Have a VM
  ringmaster.hosting.vm:
    name: myapp00
    uuid: 5b0e7c1e-51a3-5d3a-9d5b-2c1f00001013
    project: myapp
    vm_id: 4115
    memory_mib: 2048
    cores: 2
    image: ringmaster-trixie-0123456789abcdef.qcow2
    root_gib: 20
    swap_mib: 1024
    tmp_gib: 5
    nics:
      - {role: ethfe, mac: "02:01:02:00:10:13", bridge: br-fe}
      - {role: ethsrv, mac: "02:01:03:00:10:13", bridge: br-srv}
"""

RETURN = r"""
actions:
  description: The steps in their order; in check mode those that would be done.
  returned: always
  type: list
  elements: dict
  sample: [{action: define, target: myapp00, before: {memory_mib: 1024}, after: {memory_mib: 2048}}]
created:
  description: Whether the domain was defined by this call.
  returned: always
  type: bool
  sample: false
state:
  description: State after the call.
  returned: always
  type: str
  sample: running
pending_restart:
  description: Fields that differ until the VM's next start.
  returned: always
  type: list
  elements: dict
  sample: [{field: cores, live: 2, wanted: 8, reason: above the 4 cores that this VM was started with}]
notes:
  description: What a person may want to know.
  returned: always
  type: list
  elements: str
  sample: []
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
    vm_arguments,
    without_none,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.converge import converge_all


def argument_spec() -> dict[str, Any]:
    """Options of the module."""
    return {**domain_arguments(), **vm_arguments()}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Converge the VM."""
    spec = {name: module.params[name] for name in vm_arguments()}
    result = converge_all(options_from(module.params), [without_none(spec)], module.check_mode)
    vm = {**result["vms"][0], **{key: result[key] for key in ("changed", "network_filters", "virtualization")}}
    if vm.pop("failed"):
        vm.pop("exception", None)
        module.fail_json(**vm)
    return vm


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), run)


if __name__ == "__main__":
    main()
