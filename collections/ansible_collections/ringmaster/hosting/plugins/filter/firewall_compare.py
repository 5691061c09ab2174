# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``firewall_compare``: what was found open, against the description."""

from __future__ import annotations

DOCUMENTATION = r"""
name: firewall_compare
short_description: What was found open, against the description
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Compares answers of M(ringmaster.hosting.network_probe) with the policies of the VMs that were asked.
options:
  _input:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  answers:
    description: Lists of answers, by who asked.
    type: dict
    required: true
  vms:
    description: Names of the VMs that were asked.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Compare
  ansible.builtin.debug:
    msg: "{{ hostvars | ringmaster.hosting.firewall_compare(answers={'outside': __probe.answers}, vms=['myapp00']) }}"
"""

RETURN = r"""
_value:
  description: C(asked), the number of answers, and C(wrong), a sentence for each that is not as described.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import firewall


def firewall_compare(
    hostvars: Mapping[str, Any], answers: Mapping[str, Sequence[Mapping[str, Any]]], vms: Sequence[str]
) -> dict[str, Any]:
    """Return what was found open, against the description."""
    targets = {name: hostvars[name] for name in vms}
    places = {
        str(variables[f"ringmaster_{role}_{family}"]): (name, interface)
        for name, variables in targets.items()
        for role, interface in (("fe", "ethfe"), ("srv", "ethsrv"))
        for family in ("ipv4", "ipv6")
        if variables.get(f"ringmaster_{role}_{family}")
    }
    # Without a way to an address (no IPv6 here, say) there was no question.
    found = [
        {**one, "from": who, "vm": places[one["address"]][0], "interface": places[one["address"]][1]}
        for who, given in answers.items()
        for one in given
        if one["answer"] != "no way there" and one["source"]
    ]
    try:
        return firewall.compare(targets, found)
    except ValueError as error:
        raise AnsibleFilterError(f"firewall_compare: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"firewall_compare": firewall_compare}
