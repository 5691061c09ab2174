#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: units
short_description: Enable, start and restart many systemd units in one round trip
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Asks systemd once for all units and then takes only the steps that are needed. Reloads systemd's own
    configuration first when a unit file on disk is newer than what systemd has loaded.
options:
  units:
    description: The wanted units, handled in order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Full name with its suffix, such as V(cron.service).
        type: str
        required: true
      enabled:
        description: Whether it starts at boot. Left alone when not given.
        type: bool
      state:
        description: Whether it runs. Left alone when not given.
        type: str
        choices: [started, stopped]
      restart:
        description: Restart it if it runs; meant for an expression such as C(files is changed).
        type: bool
        default: false
      reload:
        description: Reload it if it runs, or restart it where it cannot reload.
        type: bool
        default: false
  daemon_reload:
    description: Reload systemd's configuration in any case, for changes that no unit of the list stands for.
    type: bool
    default: false
attributes:
  check_mode:
    description: Predicts the steps. A unit that is not installed yet counts as inactive and disabled.
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
- name: Start the runner and take over the exporter's new options
  ringmaster.hosting.units:
    units:
      - {name: ringmaster-check.timer, enabled: true, state: started}
      - name: prometheus-node-exporter.service
        enabled: true
        state: started
        restart: "{{ '/etc/default/prometheus-node-exporter' in __files.changed_paths }}"
"""

RETURN = r"""
steps:
  description: The calls of systemctl that were (in check mode, would be) made.
  returned: success
  type: list
  elements: str
  sample: ["daemon-reload", "enable ringmaster-check.timer", "start ringmaster-check.timer"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import units


def argument_spec() -> dict[str, object]:
    """Return the options of the module."""
    unit = {
        "name": {"type": "str", "required": True},
        "enabled": {"type": "bool"},
        "state": {"type": "str", "choices": ["started", "stopped"]},
        "restart": {"type": "bool", "default": False},
        "reload": {"type": "bool", "default": False},
    }
    return {
        "units": {"type": "list", "elements": "dict", "options": unit, "required": True},
        "daemon_reload": {"type": "bool", "default": False},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    wanted = [units.Unit(**entry) for entry in module.params["units"]]
    try:
        facts = units.read(module.run_command, [unit.name for unit in wanted])
        steps = units.plan(facts, wanted)
        if module.params["daemon_reload"] and units.Step("daemon-reload") not in steps:
            steps.insert(0, units.Step("daemon-reload"))
        if not module.check_mode:
            units.apply(module.run_command, steps)
    except units.UnitError as error:
        module.fail_json(msg=str(error))
    told = [" ".join((step.verb, *step.units)) for step in steps]
    after = "".join(f"systemctl {line}\n" for line in told)
    module.exit_json(changed=bool(steps), steps=told, diff={"before": "", "after": after})


if __name__ == "__main__":
    main()
