#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: a bootable disk image of Debian, cached by content."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_image_build
short_description: Build a bootable disk image of Debian, cached by content
version_added: 0.1.0
description:
  - Builds a Debian system with C(mmdebstrap) as M(ringmaster.hosting.debian_tree) does, and from it a qcow2
    image that boots with BIOS and GRUB.
  - The disk has a GPT with partition 2 (1 MiB, BIOS boot) before partition 1 (root, ext4, mounted by its
    label). No loop device and no mount is used.
  - The packages must include a kernel and C(grub-pc), and a script must make C(/boot/grub/i386-pc/core.img);
    role C(vm_image) has all that.
  - The result is C(<folder>/<name>-<release>-<digest>.qcow2) with a JSON file beside it. An image that exists
    is returned at once, without looking at the network. A finished image is never changed.
author:
  - Ringmaster contributors (@ringmaster)
requirements:
  - mmdebstrap
  - e2fsprogs
  - fdisk
  - qemu-utils
extends_documentation_fragment:
  - ringmaster.hosting.debian_build
options:
  name:
    description: First part of the image's name.
    type: str
    default: ringmaster
  size_mib:
    description: Size of the disk in MiB, and so the least that a root disk can have.
    type: int
    default: 3072
"""

EXAMPLES = r"""
- name: Build the image
  ringmaster.hosting.vm_image_build:
    folder: /var/cache/ringmaster
    packages: [linux-image-cloud-amd64, grub-pc, systemd-sysv, openssh-server]
    overlays: [/root/rootfs]
    scripts: [/root/customize.sh]
  register: image
"""

RETURN = r"""
path:
  description: The image.
  returned: when there is one
  type: str
  sample: /var/cache/ringmaster/ringmaster-trixie-0f1e2d3c4b5a.qcow2
digest:
  description: SHA-256 that names the image.
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
  sample: {"openssh-server": "1:10.0p1-7"}
seconds:
  description: How long the build took.
  returned: when there is one
  type: float
  sample: 52.3
removed:
  description: Older images that were removed because of O(keep).
  returned: when built
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.disk import DiskSpec, qcow2
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.module import common_options, run


def argument_spec() -> dict[str, Any]:
    """Return the module's options."""
    return {
        **common_options(),
        "name": {"type": "str", "default": "ringmaster"},
        "size_mib": {"type": "int", "default": 3072},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    disk = DiskSpec(params["size_mib"])
    run(module, f"{params['name']}-{params['release']}", ".qcow2", qcow2(disk), disk.describe())


if __name__ == "__main__":
    main()
