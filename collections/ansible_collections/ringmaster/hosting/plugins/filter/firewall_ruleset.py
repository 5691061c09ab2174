# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``firewall_ruleset``: the nftables ruleset of a VM."""

from __future__ import annotations

DOCUMENTATION = r"""
name: firewall_ruleset
short_description: The nftables ruleset of a VM
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
"""

EXAMPLES = r"""
- name: Show
  ansible.builtin.debug:
    msg: "{{ hostvars[inventory_hostname] | ringmaster.hosting.firewall_ruleset }}"
"""

RETURN = r"""
_value:
  description: Text for C(nft -f).
  type: str
"""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import firewall


def firewall_ruleset(variables: Mapping[str, Any], **overrides: Any) -> str:
    """Return the nftables ruleset of a VM."""
    try:
        permissions = firewall.policy(ChainMap(overrides, variables))  # type: ignore[arg-type]
    except ValueError as error:
        raise AnsibleFilterError(f"firewall_ruleset: {error}") from error
    return firewall.render(permissions)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"firewall_ruleset": firewall_ruleset}
