#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module lab_machine: a machine of a lab."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_machine
short_description: Start, stop or remove a machine of a lab
description:
  - A lab machine is a full Debian with systemd, run by C(systemd-nspawn) in the network namespace of a lab.
  - Its root is an overlay over a shared, read-only tree, so that a machine starts in about two seconds and a
    stopped one keeps what it wrote.
author: Ringmaster contributors (@ringmaster)
version_added: 0.1.0
options:
  lab:
    description: Name of the lab, made by M(ringmaster.hosting.lab_network).
    type: str
    required: true
  name:
    description: Name of the machine.
    type: str
    required: true
  state:
    description:
      - V(started) answers on SSH; V(stopped) keeps its disk; V(absent) loses it.
    type: str
    choices: [started, stopped, absent]
    default: started
  state_folder:
    description: Folder on the controller that holds the lab's state.
    type: path
    required: true
  tree:
    description: Folder with the Debian tree that the machine shares.
    type: path
    default: ""
  nics:
    description: Interfaces. SSH is awaited on the first address of the first one that has any.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the interface inside the machine.
        type: str
        required: true
      bridge:
        description: Bridge of the lab it is plugged into.
        type: str
        required: true
      addresses:
        description: Static addresses with prefix length.
        type: list
        elements: str
        default: []
      gateways:
        description: Default routers.
        type: list
        elements: str
        default: []
  authorized_keys:
    description: Public keys that may log in as root.
    type: list
    elements: str
    default: []
  binds:
    description: Paths of the host, such as a device, that the machine sees at the same place.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for SSH.
    type: float
    default: 60.0
attributes:
  check_mode:
    description: Reports what would be started, stopped or removed.
    support: full
  diff_mode:
    description: The list of changes is in RV(changes).
    support: none
"""

EXAMPLES = r"""
- name: Start a light machine
  ringmaster.hosting.lab_machine:
    lab: ringmaster-lab
    name: mol00
    state_folder: .lab/ringmaster-lab
    tree: .lab/cache/trees/trixie
    nics:
      - name: ethsrv
        bridge: lab-srv
        addresses: [172.20.0.30/22, "2001:db8:3::30/64"]
        gateways: [172.20.0.1, "2001:db8:3::1"]
"""

RETURN = r"""
changes:
  description: What was done, in words.
  returned: always
  type: list
  elements: str
  sample: ["machine hv0"]
host_keys:
  description: The machine's public SSH host keys.
  returned: always
  type: list
  elements: str
  sample: ["ssh-ed25519 AAAAC3Nza..."]
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import machine
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.machine_files import Machine, Nic, host_keys
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import LabError


def argument_spec() -> dict[str, Any]:
    """Return the module's options."""
    nic = {
        "name": {"type": "str", "required": True},
        "bridge": {"type": "str", "required": True},
        "addresses": {"type": "list", "elements": "str", "default": []},
        "gateways": {"type": "list", "elements": "str", "default": []},
    }
    return {
        "lab": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["started", "stopped", "absent"], "default": "started"},
        "state_folder": {"type": "path", "required": True},
        "tree": {"type": "path", "default": ""},
        "nics": {"type": "list", "elements": "dict", "default": [], "options": nic},
        "authorized_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "binds": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "float", "default": 60.0},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("state", "started", ("tree", "nics"))],
        supports_check_mode=True,
    )
    options = module.params
    wanted = Machine(
        lab=options["lab"],
        name=options["name"],
        state_folder=Path(options["state_folder"]).absolute(),
        tree=Path(options["tree"]).resolve(),
        nics=[Nic(**nic) for nic in options["nics"]],
        authorized_keys=options["authorized_keys"],
        binds=options["binds"],
    )
    try:
        if options["state"] == "started":
            changes = machine.started(wanted, timeout=options["timeout"], dry_run=module.check_mode)
        else:
            act = machine.stopped if options["state"] == "stopped" else machine.absent
            changes = act(wanted, dry_run=module.check_mode)
    except (LabError, TimeoutError) as error:
        module.fail_json(msg=str(error), exception=error)
    module.exit_json(changed=bool(changes), changes=changes, host_keys=host_keys(wanted))


if __name__ == "__main__":
    main()
