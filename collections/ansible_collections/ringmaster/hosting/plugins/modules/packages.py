#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Install Debian packages, quickly when there is nothing to do
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Asks dpkg what is installed, and starts apt only when something is missing. M(ansible.builtin.apt) reads
    all of apt's lists each time, which takes many seconds in an emulated VM, and in check mode it fails
    while these lists are empty.
  - Packages are installed without a question, and a configuration file that somebody changed stays.
options:
  names:
    description: Names of real packages. No versions, no virtual packages.
    type: list
    elements: str
    required: true
  recommends:
    description: Install what they recommend, too.
    type: bool
    default: false
  update_after:
    description: Fetch apt's lists before installing when they are older than this many seconds.
    type: int
    default: 86400
  start_later:
    description:
      - Units that the packages bring and that must not be started with the package's own configuration.
      - They are left stopped when their package is installed by this task.
    type: list
    elements: str
    default: []
  instead_of:
    description:
      - Services in whose place those of the packages would come, and that do not go by themselves.
      - While one of them runs or has data, the task fails before anything is changed, in check mode too.
    type: list
    elements: dict
    default: []
    suboptions:
      unit:
        description: The service's unit, or a pattern of units.
        type: str
        required: true
      data:
        description: The folder of its data, or a pattern of folders. A folder that is empty or missing holds none.
        type: path
        required: true
      remedy:
        description: What is said about it, and what to do.
        type: str
        required: true
      unless:
        description: A folder that the service of the packages has. While it is there, nothing is refused.
        type: path
attributes:
  check_mode:
    description: Tells what is missing.
    support: full
  diff_mode:
    description: Shows what is installed.
    support: full
  platform:
    description: Target operating system.
    support: full
    platforms: debian
"""

EXAMPLES = r"""
- name: Install Redis
  ringmaster.hosting.packages:
    names: [redis-server, redis-tools]
    start_later: [redis-server.service]
"""

RETURN = r"""
installed:
  description: Packages that were (in check mode, would be) installed, without those they need.
  returned: success
  type: list
  elements: str
  sample: [redis-server]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import packages


def argument_spec() -> dict[str, object]:
    """Return the options of the module."""
    return {
        "names": {"type": "list", "elements": "str", "required": True},
        "recommends": {"type": "bool", "default": False},
        "update_after": {"type": "int", "default": 86400},
        "start_later": {"type": "list", "elements": "str", "default": []},
        "instead_of": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "unit": {"type": "str", "required": True},
                "data": {"type": "path", "required": True},
                "remedy": {"type": "str", "required": True},
                "unless": {"type": "path"},
            },
        },
    }


def _install(module: AnsibleModule, absent: list[str]) -> None:
    units = module.params["start_later"]
    run = module.run_command
    try:
        if absent:
            update = packages.lists_are_older_than(module.params["update_after"])
            packages.hold_back(run, units, hold=True)
            packages.install(run, absent, recommends=module.params["recommends"], update=update)
    finally:
        packages.hold_back(run, packages.held_back(units), hold=False)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    module.run_command_environ_update = packages.ENVIRONMENT
    names = module.params["names"]
    absent = packages.missing(module.run_command, names) if names else []
    try:
        for one in module.params["instead_of"]:
            unless = Path(one["unless"]) if one["unless"] else None
            packages.refuse_beside(module.run_command, one["unit"], Path(one["data"]), one["remedy"], unless)
        if not module.check_mode:
            _install(module, absent)
    except packages.PackageError as error:
        module.fail_json(msg=str(error))
    after = "".join(f"{name}\n" for name in absent)
    module.exit_json(changed=bool(absent), installed=absent, diff={"before": "", "after": after})


if __name__ == "__main__":
    main()
