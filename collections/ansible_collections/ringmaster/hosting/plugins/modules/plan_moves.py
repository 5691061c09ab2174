# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan_moves
short_description: Say where VMs go that leave their hypervisor
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Finds a hypervisor for one VM, or for all VMs of a hypervisor, with the same arithmetic as for new VMs.
  - Changes nothing.
options:
  vm:
    description: The VM that moves.
    type: str
    default: ""
  hypervisor:
    description: The hypervisor that all VMs leave; instead of O(vm).
    type: str
    default: ""
  to:
    description: The hypervisor they go to; by default the best fit for each.
    type: str
    default: ""
extends_documentation_fragment:
  - ringmaster.hosting.platform
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: Say where the VMs of hv0 would go
  ringmaster.hosting.plan_moves:
    hypervisor: hv0
"""

RETURN = r"""
moves:
  description: The moves, in their order. A VM that is there already is not in the list.
  returned: success
  type: list
  elements: dict
  sample: [{vm: myapp00, from: hv0, to: hv1}]
mistakes:
  description: Mistakes and reasons against a move, each with file, line, column, message, found, allowed and hint.
  returned: failure
  type: list
  elements: dict
"""
