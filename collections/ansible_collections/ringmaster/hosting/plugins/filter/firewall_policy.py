# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``firewall_policy``: the firewall policy of a VM as a table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: firewall_policy
short_description: The firewall policy of a VM as a table
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Computes the policy from the host variables of a VM. What no permission covers is refused.
  - Keyword arguments take precedence over the host variables, so that a role can pass its own variables.
options:
  _input:
    description:
      - Host variables. Read are C(ringmaster_management_networks), C(ringmaster_project),
        C(ringmaster_project_addresses), C(ringmaster_project_firewall) and C(ringmaster_components), and the
        variables of role P(ringmaster.hosting.firewall#role).
    type: dict
    required: true
  lines:
    description: Return lines of a table for people instead.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show
  ansible.builtin.debug:
    msg: "{{ hostvars[inventory_hostname] | ringmaster.hosting.firewall_policy }}"
"""

RETURN = r"""
_value:
  description:
    - A row for each permission, with interface, from, protocol, ports and reason.
    - With O(lines=true), lines with the same in columns.
  type: list
"""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import firewall


def firewall_policy(
    variables: Mapping[str, Any], *, lines: bool = False, **overrides: Any
) -> list[dict[str, str]] | list[str]:
    """Return the firewall policy of a VM as a table, or as lines of text."""
    try:
        permissions = firewall.policy(ChainMap(overrides, variables))  # type: ignore[arg-type]
    except ValueError as error:
        raise AnsibleFilterError(f"firewall_policy: {error}") from error
    return firewall.lines(permissions) if lines else firewall.table(permissions)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"firewall_policy": firewall_policy}
