#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_probe
short_description: Ask many TCP ports at once what answers there
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Connects to every address and port at the same time and closes the connections at once; sends nothing.
  - Tells a firewall that rejects or keeps silent from a machine on which nobody listens.
options:
  addresses:
    description: IPv4 and IPv6 addresses to connect to.
    type: list
    elements: str
    required: true
  ports:
    description: TCP ports to connect to on each of them.
    type: list
    elements: int
    required: true
  seconds:
    description: How long an answer is awaited.
    type: float
    default: 3
attributes:
  check_mode:
    description: Changes nothing, so that it does the same.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
  platform:
    description: Target operating system.
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: Ask
  ringmaster.hosting.network_probe:
    addresses: [172.20.1.1, "2001:db8:3::1000"]
    ports: [22, 80, 443, 5432]
  register: __probe
"""

RETURN = r"""
answers:
  description:
    - One entry for each address and port, in order, with the address from which it was asked (C(source)).
    - C(answer) is C(open), C(refused) (reached, but nobody listens), C(rejected), C(silence) or C(no way there).
  returned: success
  type: list
  elements: dict
  sample: [{"address": "172.20.1.1", "port": 22, "source": "172.20.1.2", "answer": "open"}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import probe


def argument_spec() -> dict[str, object]:
    """Return the options of the module."""
    return {
        "addresses": {"type": "list", "elements": "str", "required": True},
        "ports": {"type": "list", "elements": "int", "required": True},
        "seconds": {"type": "float", "default": 3.0},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    questions = [(address, port) for address in module.params["addresses"] for port in module.params["ports"]]
    module.exit_json(changed=False, answers=probe.ask(questions, module.params["seconds"]))


if __name__ == "__main__":
    main()
