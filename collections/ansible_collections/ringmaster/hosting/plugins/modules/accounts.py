#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: accounts
short_description: Apply a project's roster of people and service users to a machine, in one call
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Brings people, service users, their groups, homes, SSH keys and sudo rules to what the roster says.
  - Everything is written beside its place and checked with C(pwck), C(grpck) and C(visudo) before anything is
    changed; a kill at any moment leaves whole files, and the next run (or the repair timer) ends the work.
  - Only uids from 20100 to 59999 are ours. Nobody else is touched; an account in this range that the roster
    lacks counts as removed. A name or uid that the system uses for something else is an error.
  - Who is locked or removed loses keys and groups first; then the account expires, and crontab, C(at) jobs,
    lingering, sessions and processes end. A removed person's home is closed, kept for
    O(home_retention_days), then deleted. Homes of service users hold applications and are never deleted.
  - Starting at boot is for service users. People can neither linger nor have crontabs or C(at) jobs.
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns what was and what is, account by account. Passwords do not occur.
    support: full
options:
  roster:
    description:
      - The roster as the inventory compiles it, variable C(ringmaster_roster).
      - C(format) 1; C(project); C(generation), a number that only grows; C(people) with C(name), C(uid),
        C(full_name), C(state) (V(active), V(locked), V(removed)), C(permissions) and C(ssh_keys);
        C(service_users) with C(name) and C(uid).
    type: dict
    required: true
  confirm_removal:
    description: Apply the roster even if it throws out more than five people and more than 20 %, or the last
      person with permission V(wheel).
    type: bool
    default: false
  replace_state:
    description: Forget what was applied before, and so accept an older generation or another project.
    type: bool
    default: false
  home_retention_days:
    description: Days for which the home of a removed person is kept.
    type: int
    default: 90
  self_heal:
    description: Let a timer on the machine apply the accepted roster again every ten minutes, so that drift
      goes away also when the controller does not run.
    type: bool
    default: true
  limits:
    description:
      - Resource limits of service users, by name, in systemd's notation, for all that the user runs.
      - Each may have C(memory_high), C(memory_max), C(cpu_quota) and C(tasks_max).
    type: dict
    default: {}
  end_sessions:
    description:
      - People whose sessions and processes end although they keep the account, because a key of theirs is
        compromised. Keys are changed before. Names that are not on this machine are passed over.
    type: list
    elements: str
    default: []
  end_service_sessions:
    description:
      - Restart the managers of all service users, so that their services come back, and end everything else that runs
        as one of them, such as what somebody started by hand, from a crontab or by C(at) before they lost the right
        to. Units of the system that run as a service user stay.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Apply the project's roster
  ringmaster.hosting.accounts:
    roster: "{{ ringmaster_roster }}"

- name: Apply it, although it throws out many people
  ringmaster.hosting.accounts:
    roster: "{{ ringmaster_roster }}"
    confirm_removal: true
"""

RETURN = r"""
generation:
  description: The generation that is applied now.
  returned: success
  type: int
  sample: 7
changes:
  description: What was changed, or in check mode would be, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["group login: changed", "person bob: added"]
people:
  description: How many people there are on the machine in each state.
  returned: success
  type: dict
  sample: {"active": 2, "locked": 0, "removed": 1}
service_users:
  description: How many service users there are.
  returned: success
  type: int
  sample: 1
ended:
  description: The accounts whose sessions and processes were ended.
  returned: success
  type: list
  elements: str
  sample: ["mallory"]
left_behind:
  description:
    - A sentence for each person who loses the right to become service users (V(sudo-srv)) or root (V(wheel)) in this
      run. It says what goes on as these users, and which crontabs, units, drop-ins and programs of theirs changed since
      the person had the right.
  returned: success
  type: list
  elements: str
  sample: ["bob loses sudo-srv on myapp00, had since 2026-11-01 10:00 UTC. It goes on: s-myapp (3 processes)."]
"""

import re

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.accounts import roster as rosters
from ..module_utils.accounts import run, view
from ..module_utils.accounts.model import AccountsError, Limits, Options


def argument_spec() -> dict[str, dict[str, object]]:
    """Return the options of the module."""
    return {
        "roster": {"type": "dict", "required": True},
        "confirm_removal": {"type": "bool", "default": False},
        "replace_state": {"type": "bool", "default": False},
        "home_retention_days": {"type": "int", "default": 90},
        "self_heal": {"type": "bool", "default": True},
        "limits": {"type": "dict", "default": {}},
        "end_sessions": {"type": "list", "elements": "str", "default": []},
        "end_service_sessions": {"type": "bool", "default": False},
    }


def read_limits(given: dict[str, object]) -> dict[str, Limits]:
    """Check and convert option limits."""
    known = ", ".join(Limits.__dataclass_fields__)
    limits = {}
    for name, values in given.items():
        if not isinstance(values, dict) or set(values) - set(Limits.__dataclass_fields__):
            raise AccountsError(f"limits: {name} must be a dictionary with some of {known}.")
        for key, value in values.items():
            # systemd would pass over a line that it cannot read, and so set no limit at all.
            if not re.fullmatch(r"[0-9]+(\.[0-9]+)?[KMGT%]?|infinity", str(value)):
                raise AccountsError(
                    f"limits: {name}: {key} is {value!r}; it must be a number with K, M, G, T or % "
                    "behind it, or infinity."
                )
        limits[name] = Limits(**{key: str(value) for key, value in values.items()})
    return limits


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    given = module.params
    try:
        wanted = rosters.parse(given["roster"])
        options = Options(
            home_retention_days=given["home_retention_days"],
            self_heal=given["self_heal"],
            confirm_removal=given["confirm_removal"],
            replace_state=given["replace_state"],
            limits=read_limits(given["limits"]),
            end_sessions=frozenset(given["end_sessions"]),
            end_service_sessions=given["end_service_sessions"],
        )
        result = run.run(wanted, options, check_mode=module.check_mode)
    except AccountsError as error:
        module.fail_json(msg=str(error), exception=error)
    for warning in [*result.warnings, *result.left_behind]:
        module.warn(warning)
    plan = result.plan
    answer: dict[str, object] = {
        "changed": result.changed,
        "generation": wanted.generation,
        "changes": [view.sentence(change) for change in result.changes],
        "people": {state: plan.counts[state] for state in ("active", "locked", "removed")},
        "service_users": plan.counts["service_users"],
        "left_behind": result.left_behind,
        "ended": sorted(account.name for account in plan.departures),
    }
    if module._diff:
        answer["diff"] = view.as_diff(result.changes)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
