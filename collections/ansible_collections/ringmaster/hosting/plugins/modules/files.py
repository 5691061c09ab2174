#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: files
short_description: Bring many files, folders and links to their wanted state in one round trip
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Renders templates and reads files and trees on the controller and sends all in one module call.
  - On the host every changed file is written beside its place and validated; only when all are accepted are
    they renamed into place. When one is refused, nothing is changed.
  - Owner, group and mode are enforced where given and kept where not. New files belong to root with mode 0644
    (0600 where O(files[].sensitive=true)), new folders get 0755.
  - Regular files only. A symbolic link at the destination is refused, never followed. A symbolic link among
    the parent folders is followed only if it belongs to root.
  - Where pipelining is on, the work is sent as a script of its own, without Ansible's module machinery; that
    makes a call three times as quick. The result is the same.
  - Extended attributes and ACLs of a replaced file are not kept.
options:
  files:
    description:
      - The wanted paths, handled in order. No path may be named twice.
      - Needed; it is optional here only because the action plugin replaces it by O(payload).
    type: list
    elements: dict
    suboptions:
      path:
        description: Absolute path on the host. Of O(files[].tree), the folder that receives the tree.
        type: path
        required: true
      state:
        description:
          - What shall be there.
          - V(file) is the default; V(link) needs O(files[].target).
        type: str
        choices: [file, directory, link, absent]
        default: file
      content:
        description: The text of the file.
        type: str
      template:
        description:
          - Name of a Jinja template, looked for where M(ansible.builtin.template) looks (C(templates/)).
        type: str
      src:
        description: Name of a file under C(files/) of the role that is copied as it is. May be binary.
        type: str
      tree:
        description:
          - Name of a folder under C(files/) of the role that is copied as it is, with its folders and links.
          - Files that are executable for their owner get mode 0755, all others 0644, whatever the
            umask of the checkout was.
          - Missing folders are created with mode 0755; folders that exist are left alone.
        type: str
      lines:
        description:
          - Edits of a file that a package owns. In place of a whole content.
          - For each, the first line in which O(files[].lines[].match) is found is replaced, further ones are
            dropped, and where there is none the line is added at the end.
        type: list
        elements: dict
        suboptions:
          match:
            description: Regular expression, searched in each line.
            type: str
            required: true
          line:
            description: The line that shall be there.
            type: str
            required: true
      target:
        description: What the link points to.
        type: str
      vars:
        description: Variables for this O(files[].template) only.
        type: dict
      owner:
        description: Name or number of the owner.
        type: str
      group:
        description: Name or number of the group.
        type: str
      mode:
        description: Permissions as a quoted octal number such as V("0644").
        type: str
      validate:
        description:
          - Command that must accept the new file, with C(%s) for its temporary path in the destination
            folder. Run without a shell, before anything is replaced.
          - In check mode it runs on a copy elsewhere and a refusal is a warning, because what it needs
            may not be there yet.
        type: str
      parents:
        description: Create missing parent folders with mode 0755. Always so for O(files[].tree).
        type: bool
        default: false
      sensitive:
        description: Never show the content in a diff.
        type: bool
        default: false
      replace:
        description: Allow replacing a symbolic link by a file or a file by a symbolic link.
        type: bool
        default: false
      recurse:
        description: Allow O(files[].state=absent) to remove a folder that is not empty.
        type: bool
        default: false
      purge:
        description:
          - Patterns. Files and links in this folder whose name matches one and which this call does not
            declare are removed. For O(files[].state=directory) only.
        type: list
        elements: str
      notify:
        description: Handlers to notify when this path (of a tree, anything in it) has changed.
        type: list
        elements: str
      apply:
        description:
          - Commands to run, without a shell and in the same round trip, after all files are in place and when
            this path (of a tree, anything in it) has changed.
          - Where a file in C(/etc/systemd/system) has changed, C(systemctl daemon-reload) runs before them.
          - Each command runs once, in the order of the entries.
          - When one fails, all files are put back, the commands that had run are run again, and the task
            fails; so the next run finds the change again.
        type: list
        elements: str
      when:
        description: Whether this entry is looked at. If not, its path is neither written nor removed.
        type: bool
        default: true
  program:
    description:
      - Parts of the machine's program (role P(ringmaster.hosting.machine#role)) that the files here belong to.
      - Where the machine does not have one of them as this collection does, the call is refused and nothing is
        changed. Not looked at in check mode, where role C(machine) has only said that it would bring them.
    type: list
    elements: str
  look_for:
    description: Patterns of paths, as in a shell, V(**) for any number of folders. See RV(found).
    type: list
    elements: str
  verify:
    description:
      - Command that is run once after all files are in place and only if something has changed. When it
        fails, every file is put back as it was and the task fails. Not run in check mode.
    type: str
  apply:
    description: Commands to run when any path has changed, after those of the entries.
    type: list
    elements: str
  applied_if:
    description:
      - Command that succeeds when what runs on the host is what the files say. When no file has changed and
        it fails, the commands of O(apply) are run, so that drift of the running state does not stay hidden.
      - It must not change anything; it runs in check mode too.
    type: str
  confirm_within:
    description:
      - For changes that may cut off the connection. When not 0, a timer on the host brings the old files back
        after this many seconds and runs all commands again, unless the controller has confirmed the change
        over a new connection. The action plugin does so by itself; it fails if it could not.
      - A reboot before the confirmation brings the old files back, too.
    type: int
    default: 0
  confirm_at:
    description: Address for that new connection, where it is to be another one than that of the host until now.
    type: str
  payload:
    description: What the action plugin sends. Not for use in plays.
    type: str
  needed:
    description: The digest of each part of O(program), from the action plugin. Not for use in plays.
    type: dict
  token:
    description: Name of a guarded change, made by the action plugin. Not for use in plays.
    type: str
attributes:
  check_mode:
    description: Predicts exactly what would be changed.
    support: full
  diff_mode:
    description: Shows content and attributes of each path; content marked sensitive is hidden.
    support: full
  platform:
    description: Target operating system.
    support: full
    platforms: posix
  action:
    description: Has an action plugin on the controller.
    support: full
"""

EXAMPLES = r"""
- name: Write the configuration
  ringmaster.hosting.files:
    files:
      - path: /etc/ssh/sshd_config.d/10-ringmaster.conf
        template: sshd.conf.j2
        mode: "0644"
        validate: sshd -t -f %s
        notify: [Reload sshd]
      - path: /etc/example/password
        content: "{{ example_password }}"
        group: service
        mode: "0640"
        sensitive: true
      - path: /usr/lib/ringmaster
        tree: rootfs/usr/lib/ringmaster
      - path: /etc/example.old
        state: absent
      - path: /srv/example
        state: directory
        mode: "0755"
    verify: sshd -t
  register: __example_files

- name: Keep only the declared snippets in a folder
  ringmaster.hosting.files:
    files:
      - {path: /etc/example/conf.d, state: directory, purge: ["*.conf"]}
      - {path: /etc/example/conf.d/one.conf, content: "one = 1\n"}
"""

RETURN = r"""
changed_paths:
  description: The paths that were (in check mode, would be) changed, with the folders made on the way.
  returned: success
  type: list
  elements: str
  sample: [/etc/ssh/sshd_config.d/10-ringmaster.conf]
found:
  description: Files and links that match O(look_for), before anything was changed.
  returned: when O(look_for) was given
  type: list
  elements: str
  sample: [/usr/lib/ringmaster/firewall]
applied:
  description: The commands that were (in check mode, would be) run.
  returned: success
  type: list
  elements: str
  sample: [systemctl reload ssh.service]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import file_run


def argument_spec() -> dict[str, Any]:
    """Return the public options; the action plugin checks the entries and sends them as payload."""
    line = {"match": {"type": "str", "required": True}, "line": {"type": "str", "required": True}}
    entry: dict[str, Any] = {
        "path": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["file", "directory", "link", "absent"], "default": "file"},
        **{key: {"type": "str"} for key in ("content", "template", "src", "tree", "target", "validate")},
        **{key: {"type": "str"} for key in ("owner", "group", "mode")},
        "lines": {"type": "list", "elements": "dict", "options": line},
        "vars": {"type": "dict"},
        **{key: {"type": "bool", "default": False} for key in ("parents", "sensitive", "replace", "recurse")},
        **{key: {"type": "list", "elements": "str"} for key in ("purge", "notify", "apply")},
        "when": {"type": "bool", "default": True},
    }
    return {
        "files": {"type": "list", "elements": "dict", "options": entry},
        "program": {"type": "list", "elements": "str"},
        "look_for": {"type": "list", "elements": "str"},
        "verify": {"type": "str"},
        "apply": {"type": "list", "elements": "str"},
        "applied_if": {"type": "str"},
        "confirm_within": {"type": "int", "default": 0},
        "confirm_at": {"type": "str"},
        # One opaque string that is never logged: contents may be secret, and listing each as no_log would
        # blank out every word of the result that a short file happens to hold.
        "payload": {"type": "str", "no_log": True},
        "needed": {"type": "dict"},
        "token": {"type": "str", "no_log": False},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    result = file_run.run(module.params, check_mode=module.check_mode, diff_mode=module._diff)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
