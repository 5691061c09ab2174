# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``firewall_edge``: what the gateway lets in from outside."""

from __future__ import annotations

DOCUMENTATION = r"""
name: firewall_edge
short_description: What the gateway lets in from outside
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Computes it from the same permissions that the firewalls of the VMs have.
options:
  _input:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  vms:
    description: Names of the VMs.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show
  ansible.builtin.debug:
    msg: "{{ hostvars | ringmaster.hosting.firewall_edge(groups['vms']) }}"
"""

RETURN = r"""
_value:
  description:
    - Lists C(server) and C(frontend) of C({from, to, proto, addresses}), and C(closed), the addresses on the frontend
      network that nothing else may reach.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import firewall


def firewall_edge(hostvars: Mapping[str, Any], vms: Sequence[str]) -> dict[str, Any]:
    """Return what the gateway lets in from outside."""
    try:
        return firewall.edge(hostvars[name] for name in vms)
    except ValueError as error:
        raise AnsibleFilterError(f"firewall_edge: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"firewall_edge": firewall_edge}
