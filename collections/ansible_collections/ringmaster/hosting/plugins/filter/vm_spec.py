# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``vm_spec``: what the hypervisor needs to know of a VM."""

from __future__ import annotations

DOCUMENTATION = r"""
name: vm_spec
short_description: Turn the host variables of a VM into an entry for module vms
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Takes the flat variables that the platform's inventory gives a VM and returns the mapping that
    M(ringmaster.hosting.vms) takes, with the files of the seed for the first boot.
positional: _input, image, bridges
options:
  _input:
    description: Host variables of the VM.
    type: dict
    required: true
  image:
    description: Name of the base image's volume, as M(ringmaster.hosting.image) returns it.
    type: str
    required: true
  bridges:
    description: Bridge on the hypervisor of each network card (V(ethfe), V(ethsrv)).
    type: dict
    default: {ethfe: br-fe, ethsrv: br-srv}
"""

EXAMPLES = r"""
- name: Converge all VMs of this hypervisor
  ringmaster.hosting.vms:
    vms: "{{ groups['hypervisor_hv0_vms'] | map('extract', hostvars)
             | map('ringmaster.hosting.vm_spec', image=__image.name) | list }}"
"""

RETURN = r"""
_value:
  description: One entry of option O(ringmaster.hosting.vms#module:vms).
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import vm_spec as implementation
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

DEFAULT_BRIDGES = {"ethfe": "br-fe", "ethsrv": "br-srv"}


def vm_spec(host_vars: Mapping[str, Any], image: str, bridges: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the specification of one VM; errors name the VM and the variable."""
    try:
        return implementation.vm_spec(host_vars, image, {**DEFAULT_BRIDGES, **(bridges or {})})
    except HypervisorError as error:
        raise AnsibleFilterError(f"vm_spec: {error}") from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"vm_spec": vm_spec}
