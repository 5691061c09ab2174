# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: description_check
short_description: Check a platform description
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Checks every file of the platform description, across files, against the ledger, and whether
    everything it asks for can be allocated. Fails with all mistakes at once, each with file, line and
    column.
  - Changes nothing.
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
- name: Check the description
  ringmaster.hosting.description_check:
    source: example/platform/platform.ringmaster.yml
"""

RETURN = r"""
mistakes:
  description: Mistakes, each with file, line, column, message, found, allowed and hint.
  returned: always
  type: list
  elements: dict
  sample: []
orphans:
  description: VMs of the ledger that are neither described nor retired; each is a mistake too.
  returned: when the platform is found
  type: list
  elements: str
  sample: []
counts:
  description: How many projects, users, vms, hypervisors and machines are described.
  returned: when the platform is found
  type: dict
  sample: {"projects": 1, "users": 2, "vms": 1, "hypervisors": 1, "machines": 1}
"""
