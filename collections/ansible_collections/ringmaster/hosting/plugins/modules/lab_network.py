#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module lab_network: the network namespace of a lab."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_network
short_description: Make or remove the network namespace of a lab
description:
  - A lab is a network namespace with bridges, routes and a user-mode uplink, in which machines of
    M(ringmaster.hosting.lab_machine) run.
  - The host's own sysctls, firewall tables, bridges and links are never touched.
author: Ringmaster contributors (@ringmaster)
version_added: 0.1.0
options:
  name:
    description: Name of the lab, which is the name of the namespace.
    type: str
    required: true
  state:
    description: Whether the namespace should exist. Removing it also ends its uplink.
    type: str
    choices: [present, absent]
    default: present
  state_folder:
    description: Folder on the controller that holds the lab's state.
    type: path
    required: true
  bridges:
    description: Bridges in the namespace.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the bridge.
        type: str
        required: true
      addresses:
        description: Addresses, with prefix length, that the namespace has on the bridge.
        type: list
        elements: str
        default: []
  routes:
    description: Routes of the namespace, which plays the Internet for the lab's gateway.
    type: list
    elements: dict
    default: []
    suboptions:
      to:
        description: Prefix.
        type: str
        required: true
      via:
        description: Address of the router.
        type: str
        required: true
attributes:
  check_mode:
    description: Reports what would be made.
    support: full
  diff_mode:
    description: The list of changes is in RV(changes).
    support: none
"""

EXAMPLES = r"""
- name: Make a lab
  ringmaster.hosting.lab_network:
    name: ringmaster-lab
    state_folder: .lab/ringmaster-lab
    bridges:
      - name: lab-mgmt
        addresses: [10.77.0.1/24]
"""

RETURN = r"""
changes:
  description: What was made or removed, in words.
  returned: always
  type: list
  elements: str
  sample: ["network namespace ringmaster-lab", "uplink"]
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.image import apt_sources
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import network, overlap
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import LabError


def argument_spec() -> dict[str, Any]:
    """Return the module's options."""
    bridge = {
        "name": {"type": "str", "required": True},
        "addresses": {"type": "list", "elements": "str", "default": []},
    }
    route = {"to": {"type": "str", "required": True}, "via": {"type": "str", "required": True}}
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "state_folder": {"type": "path", "required": True},
        "bridges": {"type": "list", "elements": "dict", "default": [], "options": bridge},
        "routes": {"type": "list", "elements": "dict", "default": [], "options": route},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    options = module.params
    wanted = network.LabNetwork(
        name=options["name"],
        state_folder=Path(options["state_folder"]).absolute(),
        bridges=[network.Bridge(**bridge) for bridge in options["bridges"]],
        routes=[network.Route(**route) for route in options["routes"]],
    )
    if options["state"] == "present" and not network.lives(wanted.name):
        covered = [each for bridge in wanted.bridges for each in bridge.addresses] + [
            route.to for route in wanted.routes
        ]
        if found := overlap.problems(covered, overlap.in_use(apt_sources.hosts())):
            module.fail_json(
                msg=f"lab {wanted.name}: {'; '.join(found)}: from inside the lab, that could not be reached. Give the "
                "platform's description other networks (platform.yml: networks, management_networks). Nothing was made."
            )
    act = network.present if options["state"] == "present" else network.absent
    try:
        changes = act(wanted, dry_run=module.check_mode)
    except (LabError, TimeoutError) as error:
        module.fail_json(msg=f"lab {wanted.name}: {error}", exception=error)
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
