#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: component
short_description: Bring a managed component on this machine to its configuration
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Runs C(ringmaster <name> converge), the component's part of the machine's program.
  - It validates, applies what it can to the running service, restarts only if needed,
    and reports what it did.
  - The same program takes in drop-ins when they change, so that there is one way to a running configuration.
  - Settings that wait for a restart and drop-ins that were left out are reported as warnings.
  - With O(state=absent) it takes the component away, after a last dump. Data stay, and where is reported as a warning.
options:
  name:
    description: Name of the component.
    type: str
    required: true
  inbox:
    description: Name of the folder of its drop-ins in C(/etc/local), where it is not the component's.
    type: str
  restart:
    description: Restart the service if settings wait for it.
    type: bool
    default: false
  state:
    description: Whether it shall be there.
    type: str
    choices: [present, absent]
    default: present
  leaving:
    description: With O(state=absent), what filter P(ringmaster.hosting.component_leaving#filter) says of it.
    type: dict
  in_use:
    description: With O(state=absent), take it away although VMs of the project hold connections to it.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells what would be done. Before the first installation that is only that something would be.
    support: full
  diff_mode:
    description: Shows the steps.
    support: full
  platform:
    description: Target operating system.
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: Converge Redis
  ringmaster.hosting.component:
    name: redis
  register: __redis_component

- name: Take Redis away
  ringmaster.hosting.component:
    name: redis
    state: absent
    leaving: "{{ 'redis' | ringmaster.hosting.component_leaving([], ringmaster_project_members, inventory_hostname) }}"
"""

RETURN = r"""
steps:
  description: What was (in check mode, would be) done.
  returned: success
  type: list
  elements: str
  sample: ["set maxmemory: 209715200 -> 429916160", "load the accounts"]
refused:
  description: Drop-ins that were left out, with the reasons.
  returned: success
  type: dict
  sample: {"mine.conf": "line 3: the directive 'dir' is not allowed here"}
pending_restart:
  description: Settings that a restart would change, with C(setting), C(live) and C(wanted).
  returned: success
  type: list
  elements: dict
  sample: [{"setting": "databases", "live": "16", "wanted": "32"}]
kept:
  description: With O(state=absent), where data stay.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: ["/var/lib/redis", "/var/backups/ringmaster/redis"]
"""

import json
import re
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.leave import LeaveError, Leaving

COMMAND = Path("/usr/bin/ringmaster")
PARTS = Path("/usr/lib/ringmaster/python/ringmaster")
DEFINITIONS = Path("/usr/lib/ringmaster/checks.d")


def argument_spec() -> dict[str, object]:
    """Return the options of the module."""
    return {
        "name": {"type": "str", "required": True},
        "inbox": {"type": "str"},
        "restart": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "leaving": {"type": "dict"},
        "in_use": {"type": "bool", "default": False},
    }


def leave(module: AnsibleModule, name: str) -> None:
    """Take the component away and end the module."""
    leaving = Leaving(name, module.params["leaving"], module.check_mode, module.params["in_use"])
    try:
        leaving.leave()
    except LeaveError as error:
        module.fail_json(msg=f"{name}: {error}")
    if leaving.steps and leaving.kept:
        verb = "would go, and" if module.check_mode else "is gone;"
        module.warn(f"{leaving.asked['title']} {verb} its data stay in {', '.join(leaving.kept)}")
    after = "".join(f"{step}\n" for step in leaving.steps)
    module.exit_json(
        changed=bool(leaving.steps), steps=leaving.steps, kept=leaving.kept, diff={"before": "", "after": after}
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(), supports_check_mode=True, required_if=[("state", "absent", ["leaving"])]
    )
    name = module.params["name"]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        module.fail_json(msg=f"'{name}' cannot be the name of a component")
    if module.params["state"] == "absent":
        leave(module, name)
    if module.check_mode and not (DEFINITIONS / f"{name}.json").exists():
        # Before its role has run for the first time, there is nothing to compare with.
        module.exit_json(changed=True, steps=["install it"], refused={}, pending_restart=[])
    if not (PARTS / name / "main.py").exists():
        module.fail_json(
            msg=f"this machine's program has no part '{name}': role machine brings it, in playbooks/base.yml"
        )
    words = [str(COMMAND), name, "converge"]
    words += ["--check"] if module.check_mode else []
    words += ["--restart"] if module.params["restart"] else []
    code, out, err = module.run_command(words)
    if code:
        module.fail_json(msg=f"{name}: {err.strip() or out.strip() or f'exit code {code}'}")
    result = json.loads(out)
    for file, reason in result["refused"].items():
        module.warn(f"/etc/local/{module.params['inbox'] or name}/{file} is left out: {reason}")
    for one in result["pending_restart"]:
        module.warn(f"{name}: '{one['setting']}' is {one['live']} until the next restart, then {one['wanted']}")
    after = "".join(f"{step}\n" for step in result["steps"])
    module.exit_json(diff={"before": "", "after": after}, **result)


if __name__ == "__main__":
    main()
