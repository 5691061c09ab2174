# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``networkd_files``: the systemd-networkd files of a VM."""

from __future__ import annotations

DOCUMENTATION = r"""
name: networkd_files
short_description: The systemd-networkd files of a VM
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Turns the host variables of a VM into the files for C(/etc/systemd/network).
  - The same renderer serves the seed of the first boot and role P(ringmaster.hosting.network#role).
options:
  match_mac:
    description:
      - Whether interfaces are found by their MAC. If not, they are found by their name and get no C(.link)
        file, as in containers, where the interfaces have their names already.
    type: bool
    default: true
  former:
    description:
      - Whether the addresses that the VM had until now (C(ringmaster_former_addresses)) stay beside the present
        ones, as far as they lie in the same networks.
    type: bool
    default: false
  _input:
    description:
      - Host variables with C(ringmaster_networks), C(ringmaster_fe_mac), C(ringmaster_srv_mac) and the
        addresses C(ringmaster_fe_ipv4), C(ringmaster_fe_ipv6), C(ringmaster_srv_ipv4) and
        C(ringmaster_srv_ipv6).
      - Optional are C(ringmaster_resolvers) and C(ringmaster_domain).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the files
  ansible.builtin.debug:
    msg: "{{ hostvars[inventory_hostname] | ringmaster.hosting.networkd_files }}"
"""

RETURN = r"""
_value:
  description: Text of each file by file name.
  type: dict
"""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import networkd


def networkd_files(variables: Mapping[str, Any], match_mac: bool = True, former: bool = False) -> dict[str, str]:
    """Return file name -> text; errors name the variable."""
    try:
        if not match_mac:
            variables = ChainMap({"ringmaster_fe_mac": "", "ringmaster_srv_mac": ""}, variables)  # type: ignore[arg-type]
        return networkd.render(variables, former=former)
    except (KeyError, ValueError) as error:
        missing = f"variable {error} is missing" if isinstance(error, KeyError) else str(error)
        raise AnsibleFilterError(f"networkd_files: {missing}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"networkd_files": networkd_files}
