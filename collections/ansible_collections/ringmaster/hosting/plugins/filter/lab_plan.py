# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter lab_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_plan
short_description: What a lab holds for a platform
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Turns the variables of a platform's hosts into the bridges, routes and machines of a lab.
options:
  _input:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  groups:
    description: The groups of the inventory.
    type: dict
    required: true
  light:
    description: Whether the platform's VMs themselves are machines of the lab, as in role tests.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Compute the lab
  ansible.builtin.set_fact:
    __lab: "{{ hostvars | ringmaster.hosting.lab_plan(groups) }}"
"""

RETURN = r"""
_value:
  description: Keys C(bridges), C(routes) and C(machines), as the modules of the lab take them.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import plan


def lab_plan(hostvars: Mapping[str, Any], groups: Mapping[str, list[str]], light: bool = False) -> dict[str, Any]:
    """Return the lab for a platform; raise AnsibleFilterError with the reason when there can be none."""
    try:
        return plan.lab_plan(hostvars, groups, light)
    except ValueError as error:
        raise AnsibleFilterError(f"no lab can be made: {error}") from error


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"lab_plan": lab_plan}
