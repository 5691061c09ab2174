# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: description_what_if
short_description: Tell what would follow from a change of a platform description
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Compares the description with what verbs would make of it, or with another revision of it. It tells what would
    change on VMs, what would wait for a restart or may restart a service, which firewalls would open, who would gain or
    lose what, and how much room is left.
  - Touches no machine and changes nothing. What only a machine knows is said as what may be, unless O(live) asks it.
options:
  changes:
    description: Verbs with their arguments, in the order in which they would be done, all of them in one change.
    type: list
    elements: dict
    suboptions:
      verb:
        description: A verb of M(ringmaster.hosting.description_change).
        type: str
        required: true
        choices:
          - order_vm
          - change_vm
          - remove_component
          - stop_vm
          - start_vm
          - retire_vm
          - rotate_secret
          - add_user
          - change_user
          - lock_user
          - unlock_user
          - invite_user
          - accept_user
          - decline_user
          - set_web_password
          - clear_web_password
          - add_passkey
          - remove_passkey
          - add_ssh_key
          - revoke_key
          - remove_user
          - set_permissions
          - add_service_user
          - remove_service_user
          - add_project
          - change_project
          - remove_project
      arguments:
        description: Its arguments.
        type: dict
        default: {}
  revision:
    description: A branch, tag or commit of the description's repository, which has been fetched.
    type: str
  live:
    description:
      - Also run C(converge_vm.yml) in check mode with the proposed description for each running VM that something would
        follow for, and add what it says. Machines are asked, and nothing is changed on them.
      - It needs the secrets that a run needs; a vault password that is typed in cannot be asked for again.
    type: bool
    default: false
  refuse:
    description: Fail where something of these kinds would follow.
    type: list
    elements: str
    default: []
    choices: [creates, stops, live, waits, may_restart, installs, takes_away, opens, closes, gains, loses, room, note]
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
- name: See what more memory would do
  ringmaster.hosting.description_what_if:
    changes:
      - {verb: change_vm, arguments: {vm: myapp00, memory: 4GiB}}
"""

RETURN = r"""
consequences:
  description: What would follow, each with C(about), C(kind) and C(sentence).
  returned: success
  type: list
  elements: dict
  sample:
    - {about: "vm myapp00", kind: live, sentence: "the disk grows while it runs, 10GiB -> 20GiB"}
text:
  description: The same in lines for people.
  returned: success
  type: list
  elements: str
"""
