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
  declared:
    description:
      - Packages that a project asks for. apt first says what would come and go. The task fails, with nothing
        changed, where one is unknown, where anything would be removed, or where one comes in the place of what the
        platform sets up.
      - No unit of theirs is started or enabled.
      - A machine keeps which ones were asked for, so that those that no longer are can be named. Left out, as other
        tasks of the machine do, it says nothing of them; an empty list asks for none.
    type: list
    elements: str
  denied:
    description: Further patterns of packages that no project gets, each with the reason.
    type: dict
    default: {}
  remove:
    description: Take away, with their configuration, packages that O(declared) had before and has no longer.
    type: bool
    default: false
attributes:
  check_mode:
    description: Tells what is missing, and judges what is declared as far as apt's lists are there.
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
removed:
  description: Packages that were (in check mode, would be) taken away.
  returned: success
  type: list
  elements: str
  sample: []
left:
  description: Packages that were declared before, are no longer, and are still installed.
  returned: success
  type: list
  elements: str
  sample: [nodejs]
not_started:
  description: Units of declared packages that were left off.
  returned: success
  type: list
  elements: str
  sample: [apache2.service]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import declared_packages, packages


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
        "declared": {"type": "list", "elements": "str"},
        "denied": {"type": "dict", "default": {}},
        "remove": {"type": "bool", "default": False},
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


def _declared(module: AnsibleModule, absent: list[str]) -> list[str]:
    """Judge and install what a project asks for; return units that were left off."""
    if not absent:
        return []
    run = module.run_command
    if packages.lists_are_older_than(module.params["update_after"]):
        if module.check_mode:
            return []  # nobody knows what the archive has
        packages.fetch_lists(run)
    found = declared_packages.simulate(run, "install", absent)
    declared_packages.judge(found, absent, module.params["denied"])
    return [] if module.check_mode else declared_packages.install(run, absent)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    module.run_command_environ_update = packages.ENVIRONMENT
    run, own = module.run_command, module.params["names"]
    asks = module.params["declared"] is not None
    declared = [name for name in module.params["declared"] or [] if name not in own]
    record = declared_packages.read() if asks else declared_packages.Record()
    asked = [*own, *declared, *record.left, *record.declared]
    absent = packages.missing(run, asked) if asked else []
    installed = set(asked) - set(absent)
    missing, wanted = ([name for name in dict.fromkeys(names) if name in absent] for names in (own, declared))
    try:
        for one in module.params["instead_of"]:
            unless = Path(one["unless"]) if one["unless"] else None
            packages.refuse_beside(run, one["unit"], Path(one["data"]), one["remedy"], unless)
        if not module.check_mode:
            _install(module, missing)
        units = _declared(module, wanted)
        after = declared_packages.after(record, declared, own, installed | set(wanted), units)
        removed = list(after.left) if module.params["remove"] else []
        if removed and not module.check_mode:
            declared_packages.remove(run, removed)
            after = declared_packages.after(after, declared, own, set(declared), [])
    except packages.PackageError as error:
        module.fail_json(msg=str(error))
    if asks and after != record and not module.check_mode:
        declared_packages.write(after)
    for sentence in declared_packages.sentences(after, before=record):
        module.warn(sentence)
    module.exit_json(
        changed=bool(missing or wanted or removed),
        installed=[*missing, *wanted],
        removed=removed,
        left=list(after.left),
        not_started=list(after.units),
        diff={"before": _lines(removed), "after": _lines([*missing, *wanted])},
    )


def _lines(names: list[str]) -> str:
    return "".join(f"{name}\n" for name in names)


if __name__ == "__main__":
    main()
