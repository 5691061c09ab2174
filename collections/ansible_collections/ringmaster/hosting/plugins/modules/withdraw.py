#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: withdraw
short_description: Remove files of the platform that no role ships any more
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Stops and disables the units among them first, and removes folders of the platform that are empty then.
  - What a unit, a definition or a configuration that stays still names is kept, and said.
  - Outside of C(/usr/lib/ringmaster) only files that say that they are the platform's are removed.
options:
  paths:
    description: The files, as the filter P(ringmaster.hosting.withdrawn#filter) finds them.
    type: list
    elements: path
    required: true
attributes:
  check_mode:
    description: Tells exactly what would be removed.
    support: full
  diff_mode:
    description: Shows the paths that are removed.
    support: full
  platform:
    description: Target operating system.
    support: full
    platforms: posix
"""

EXAMPLES = r"""
- name: Remove what no role ships any more
  ringmaster.hosting.withdraw:
    paths: "{{ __machine_files.found | ringmaster.hosting.withdrawn(machine_parts) }}"
"""

RETURN = r"""
removed:
  description: The files that were (in check mode, would be) removed.
  returned: success
  type: list
  elements: str
  sample: [/usr/lib/ringmaster/components/redis]
kept:
  description: The files that something still names, with the file that does.
  returned: success
  type: dict
  sample: {"/usr/lib/ringmaster/components/redis": "/etc/ringmaster/backup.d/redis.json"}
"""

import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import withdraw


def argument_spec() -> dict[str, object]:
    """Return the options of the module."""
    return {"paths": {"type": "list", "elements": "path", "required": True}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    paths = module.params["paths"]
    plan = withdraw.plan(paths, withdraw.read(paths))
    if plan.remove and not module.check_mode:
        try:
            withdraw.apply(plan)
        except subprocess.CalledProcessError as error:
            module.fail_json(msg=f"{' '.join(error.cmd)}: {error.stderr.strip()}. Nothing was removed.")
    for path, who in plan.kept.items():
        module.warn(f"{path} is not shipped any more, and stays because {who} names it")
    diff = {"before": "".join(f"{path}\n" for path in plan.remove), "after": ""}
    module.exit_json(changed=bool(plan.remove), removed=plan.remove, kept=plan.kept, diff=diff)


if __name__ == "__main__":
    main()
