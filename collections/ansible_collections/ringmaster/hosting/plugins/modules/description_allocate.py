# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: description_allocate
short_description: Allocate what a platform description lacks
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Checks the platform description, then gives an id, addresses and a hypervisor to every VM and a uid
    to every account that has none, and writes the ledger (C(allocations.yml)) and, beside it,
    C(known_hosts).
  - Nothing that was ever given out is given to anything else. The work is done under a lock of the
    platform's folder; files are replaced atomically. With a mistake in the description nothing is
    written.
options:
  host_keys:
    description:
      - SSH host keys to record, a list of public keys by name of VM, hypervisor or machine.
      - A key that differs from a recorded one is refused.
    type: dict
    default: {}
  replace_host_keys:
    description: Accept host keys that differ from the recorded ones.
    type: bool
    default: false
  confirmed_addresses:
    description: VMs that were reached with the addresses that the description gives them now.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - ringmaster.hosting.platform
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    support: full
    platforms: posix
notes:
  - The variables of the inventory are read before this module runs. Follow it with C(meta)
    C(refresh_inventory).
"""

EXAMPLES = r"""
- name: Allocate what is lacking
  ringmaster.hosting.description_allocate:

- name: Record the host keys that were read over the hypervisor
  ringmaster.hosting.description_allocate:
    host_keys:
      myapp00:
        - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPVGmECtw+Roq5w5HYwo9eBo8hg8lPKcjEU+U280gBaY
"""

RETURN = r"""
allocated:
  description: What is new in the ledger, as section, name and value.
  returned: success
  type: list
  elements: str
  sample: ["vm_ids myapp00: 4096", "placements myapp00: hv0"]
orphans:
  description: VMs of the ledger that are neither described nor retired.
  returned: success
  type: list
  elements: str
  sample: []
mistakes:
  description: Mistakes in the description, each with file, line, column, message, found, allowed and hint.
  returned: failure
  type: list
  elements: dict
"""
