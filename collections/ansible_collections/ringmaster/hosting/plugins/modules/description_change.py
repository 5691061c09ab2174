# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: description_change
short_description: Change a platform description in place
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Does what one of the operator's verbs asks for, such as ordering a VM. It changes the YAML files of the
    description in place, keeps comments, order and quoting, and allocates what the change needs.
  - The description that would result is checked completely before anything is written. With a mistake in the
    request or in the description nothing is changed.
  - The work is done under the lock of the platform's folder, and files are replaced atomically.
options:
  verb:
    description: What to do.
    type: str
    required: true
    choices:
      order_vm: >-
        Describe the next VM of I(project). Its name was never used before. With I(vm), the name is checked, and a
        second run changes nothing.
      change_vm: >-
        Change I(vm). Options of I(components) are merged; null takes one out. I(remove_components) are marked to go.
      remove_component: >-
        Mark I(component) of I(vm) to be taken away. With I(forget), once it is marked, take it out of the description.
      stop_vm: Set the state of I(vm) to stopped, until it is started again.
      start_vm: Let I(vm), which was stopped, run again.
      retire_vm: >-
        Set the state of I(vm) to retiring: it is stopped, and deleted when I(days) (7) have passed. With I(undo), it
        runs again.
      delete_vm: >-
        Take I(vm) out of the description after it was deleted, and leave a tombstone in the ledger. A step of
        C(playbooks/delete_retired_vms.yml).
      rotate_secret: >-
        Give the password of I(object), such as a database user, of I(component) on I(vm) its next generation. With
        I(generation), that one: a second run then changes nothing.
      place_vm: >-
        Write into the ledger, and into I(hypervisor) where the description has it, that I(vm) is on I(hypervisor) now.
        A step of C(playbooks/move_vm.yml).
      add_user: Describe the person I(user).
      change_user: Change the name or mail address of I(user).
      lock_user: Set the state of I(user) to locked, so that nobody can log in with the account.
      unlock_user: Let I(user), who was locked, log in again.
      invite_user: >-
        Describe the person I(user) with the state pending, and the I(permissions) in I(project) that count from
        C(accept_user) on.
      accept_user: Let I(user), who is pending, in.
      decline_user: Take I(user), who is pending, out of the description, with all that was promised.
      set_web_password: >-
        Make a password for I(user) for web pages of the platform, return it once, and write its hash. Who has one
        keeps it, unless I(replace).
      clear_web_password: Take the web password of I(user) away.
      add_passkey: Give I(user) one more passkey.
      remove_passkey: Take I(passkey), given by its name or its id, from I(user).
      add_ssh_key: Give I(user) one more I(ssh_key).
      revoke_key: Take I(ssh_key), given as a whole or by its fingerprint, from I(user).
      remove_user: Set the state of I(user) to removed. The file stays.
      set_permissions: Set the I(permissions) of I(user) in I(project); the word none takes them all.
      add_service_user: Add I(service_user) to I(project).
      remove_service_user: >-
        Take I(service_user) from I(project). Refused while it may own data, unless I(even_if_used).
      add_project: Describe I(project).
      change_project: Change what the file of I(project) says of the project itself.
      remove_project: Take I(project), which has no VM any more, out of the description.
  request:
    description:
      - Arguments of the verb, by the names of the description's keys. C(docs/operating.md) lists them.
      - Text is accepted for every value, as surveys and command lines give it. An empty text counts as not given.
    type: dict
    default: {}
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
- name: Order a VM
  ringmaster.hosting.description_change:
    verb: order_vm
    request: {project: myapp, memory: 2GiB, components: [redis]}

- name: Let bob log in and use the service users
  ringmaster.hosting.description_change:
    verb: set_permissions
    request: {project: myapp, user: bob, permissions: [login, sudo-srv]}
"""

RETURN = r"""
subject:
  description: What it was about, for example the name of the VM.
  returned: success
  type: str
  sample: myapp01
files:
  description: Files that were changed.
  returned: success
  type: list
  elements: str
  sample: [/srv/platform/projects/myapp.yml, /srv/platform/allocations.yml]
allocated:
  description: What is new in the ledger, as section, name and value.
  returned: success
  type: list
  elements: str
  sample: ["vm_ids myapp01: 4097", "placements myapp01: hv0"]
follows:
  description: What brings the change to machines, also where nothing changed now; playbooks with their variables.
  returned: success
  type: list
  elements: dict
  sample: [{playbook: accounts, variables: {accounts_hosts: [project_myapp]}, urgent: false}]
left:
  description: What of it the playbook of the verb does not do by itself, as commands.
  returned: success
  type: list
  elements: str
  sample: ['playbooks/accounts.yml -e ''{"accounts_hosts": ["project_myapp"]}''']
shown:
  description: What is shown once and kept nowhere, such as C(password). Nothing in check mode.
  returned: success
  type: dict
  sample: {}
mistakes:
  description: Mistakes of the request or the description, each with file, line, column, message, found, allowed, hint.
  returned: failure
  type: list
  elements: dict
"""
