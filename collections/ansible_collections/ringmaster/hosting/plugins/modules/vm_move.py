#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of moving a VM to another hypervisor."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_move
short_description: One step of moving a VM to another hypervisor
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - C(playbooks/move_vm.yml) puts the steps together; they are of little use alone.
  - The files go from hypervisor to hypervisor over SSH, with a key that the target accepts for this move only.
extends_documentation_fragment:
  - ringmaster.hosting.libvirt
options:
  step:
    description: What to do.
    type: str
    required: true
    choices:
      offer: "Source: tell what there is to move, and make the key."
      prepare: "Target: make room for the files, and accept the key."
      send: "Source: send O(files)."
      release: "Source: mark the VM as moved to O(to), so that nothing starts it here, and stop it or let it go."
      receive: "Target: compare the files with their O(digests), and put the overlay on the base here."
      forbid: "Target: accept the key no longer."
      remove: "Source: delete the VM, which is marked as moved to O(to)."
      look: "Target of a fenced source: tell whether the disk can be seen here."
      discard: "A hypervisor that the ledger never named: delete a copy that never ran."
      reclaim: "The hypervisor that the ledger names: take the mark of a move that was called off away."
      tidy: "The same one, at last: forget key and token of the move."
  name:
    description: Name of the VM.
    type: str
    required: true
  uuid:
    description: UUID of the VM.
    type: str
    required: true
  to:
    description: Hypervisor that the VM moves to.
    type: str
    default: ""
  image:
    description: Name of the base image's volume.
    type: str
    default: ""
  root_bytes:
    description: Size of the root disk.
    type: int
    default: 0
  files:
    description: Which files are sent.
    type: list
    elements: str
    choices: [image, root]
    default: []
  file_bytes:
    description: Size of each file on the source.
    type: dict
    default: {}
  digests:
    description: SHA-256 of each file as it was sent.
    type: dict
    default: {}
  public_key:
    description: Public SSH key of this move.
    type: str
    default: ""
  call_off:
    description: No other run moves this VM; said by the operator.
    type: bool
    default: false
  token:
    description: What the source wrote into its pool. It names the run that moves the VM, and storage that both have.
    type: str
    default: ""
  shared:
    description: Source and target have the same storage, so that disks stay.
    type: bool
    default: false
  root_path:
    description: Path of the root disk on the source.
    type: str
    default: ""
  left:
    description: The VM is off on the source, and marked as moved.
    type: bool
    default: false
  live:
    description: The VM goes on running while it moves. Its disks must be on storage that both have.
    type: bool
    default: false
  bridges:
    description: Bridge on the target for each network card.
    type: dict
    default: {}
  source_address:
    description: Address from which the target accepts the key.
    type: str
    default: ""
  target_address:
    description: Address to which the source sends.
    type: str
    default: ""
  target_host_key:
    description: Public SSH host key of the target.
    type: str
    default: ""
  stop_timeout:
    description: Seconds that a guest has to shut down.
    type: float
    default: 120.0
attributes:
  check_mode:
    support: full
    description: Refuses what the real run would refuse.
  diff_mode:
    support: none
    description: The steps have no values to compare.
"""

EXAMPLES = r"""
- name: See what there is to move
  ringmaster.hosting.vm_move:
    step: offer
    name: myapp00
    uuid: 5b0e7c1e-51a3-5d3a-9d5b-2c1f00001013
    to: hv1
"""

RETURN = r"""
present:
  description: Whether the VM (step offer) or its disk (step look) is there.
  returned: for these steps
  type: bool
  sample: true
left:
  description: Whether the VM is off here, and marked as moved.
  returned: step offer
  type: bool
  sample: false
obstacle:
  description: Why the VM cannot move while it runs; empty when nothing is known that forbids it.
  returned: step offer
  type: str
  sample: its disks have the cache mode writeback
files:
  description: Files that the target lacks.
  returned: step prepare
  type: list
  elements: str
  sample: [image, root]
shared:
  description: Whether source and target have the same storage.
  returned: steps offer and prepare
  type: bool
  sample: false
digests:
  description: SHA-256 of each file that was sent.
  returned: step send
  type: dict
  sample: {root: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import move, move_model
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.arguments import (
    connection_arguments,
    run_module,
)


def argument_spec() -> dict[str, Any]:
    """Options of the module."""
    text = ("to", "image", "token", "source_address", "target_address", "target_host_key", "public_key", "root_path")
    return {
        **connection_arguments(),
        "step": {"type": "str", "required": True, "choices": list(move.STEPS)},
        "name": {"type": "str", "required": True},
        "uuid": {"type": "str", "required": True},
        "root_bytes": {"type": "int", "default": 0},
        "files": {"type": "list", "elements": "str", "choices": ["image", "root"], "default": []},
        "file_bytes": {"type": "dict", "default": {}},
        "digests": {"type": "dict", "default": {}},
        "shared": {"type": "bool", "default": False},
        "left": {"type": "bool", "default": False},
        "live": {"type": "bool", "default": False},
        "bridges": {"type": "dict", "default": {}},
        "call_off": {"type": "bool", "default": False},
        "stop_timeout": {"type": "float", "default": 120.0},
        **{name: {"type": "str", "default": "", "no_log": False} for name in text},
    }


def run(module: AnsibleModule) -> dict[str, Any]:
    """Do the step."""
    values = dict(module.params)
    step = values.pop("step")
    values["files"] = tuple(values["files"])
    values["file_bytes"] = {name: int(size) for name, size in values["file_bytes"].items()}
    return move.run(step, move_model.Move(**values), module.check_mode)


def main() -> None:
    """Run the module."""
    run_module(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), run)


if __name__ == "__main__":
    main()
