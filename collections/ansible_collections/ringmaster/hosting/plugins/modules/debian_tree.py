#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: a Debian system in a folder, cached by content."""

from __future__ import annotations

DOCUMENTATION = r"""
module: debian_tree
short_description: Build a Debian system in a folder, cached by content
version_added: 0.1.0
description:
  - Builds a minimal Debian system in a folder with C(mmdebstrap), for systemd-nspawn machines and images.
  - The packages come from Debian's own archives among the apt sources of the machine it runs on,
    with the suites translated to O(release). Third-party repositories are left out.
  - The result is C(<folder>/<name>-<digest>), where the digest covers all options, the content of O(overlays)
    and the versions of all packages. A tree that exists is returned at once, without looking at the network.
  - A finished tree is never changed in place, so machines that run from it are not disturbed.
author:
  - Ringmaster contributors (@ringmaster)
requirements:
  - mmdebstrap
extends_documentation_fragment:
  - ringmaster.hosting.debian_build
options:
  name:
    description:
      - First part of the tree's name.
      - Do not use O(keep) where older trees may be in use by running machines.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Build the tree of the lab's machines
  ringmaster.hosting.debian_tree:
    folder: /var/cache/ringmaster
    name: machine
    packages: [systemd-sysv, dbus, openssh-server, python3]
    files:
      - {path: /etc/systemd/system/systemd-remount-fs.service, link: /dev/null}
    commands:
      - [systemctl, enable, systemd-networkd]
  register: tree
"""

RETURN = r"""
path:
  description: The tree.
  returned: when there is one
  type: str
  sample: /var/cache/ringmaster/machine-0f1e2d3c4b5a
digest:
  description: SHA-256 that names the tree.
  returned: when there is one
  type: str
  sample: 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0
inputs:
  description: SHA-256 of what it was made from.
  returned: always
  type: str
  sample: 9a8b7c6d5e4f0123456789abcdef0123456789abcdef0123456789abcdef0123
packages:
  description: Installed packages with their versions.
  returned: when there is one
  type: dict
  sample: {"dbus": "1.16.2-2"}
seconds:
  description: How long the build took.
  returned: when there is one
  type: float
  sample: 24.1
removed:
  description: Older trees that were removed because of O(keep).
  returned: when built
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.module import common_options, run


def argument_spec() -> dict[str, Any]:
    """Return the module's options."""
    return {**common_options(), "name": {"type": "str", "required": True}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run(module, module.params["name"])


if __name__ == "__main__":
    main()
