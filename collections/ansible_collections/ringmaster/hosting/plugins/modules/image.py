#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have a VM image in a hypervisor's pool."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image
short_description: Have a VM image in a hypervisor's storage pool
version_added: 0.1.0
author: Ringmaster contributors (@ringmaster)
description:
  - Imports a qcow2 file as an immutable volume that is named by a digest. VM disks are overlays on it.
  - The file is transferred from the controller, and only when the pool does not have the image yet.
  - An import that broke off is done again.
  - An image is never changed and never deleted.
  - With O(newest) nothing is imported, and the image is chosen that the pool got last.
extends_documentation_fragment:
  - ringmaster.hosting.libvirt
options:
  src:
    description:
      - Path of the qcow2 file, on the controller, or with O(remote_src) on the hypervisor.
      - Needed unless O(newest) is given.
    type: path
  newest:
    description: Debian release of which the image is taken that the pool got last, for a controller that builds none.
    type: str
  remote_src:
    description: Whether O(src) lies on the hypervisor.
    type: bool
    default: false
  name:
    description:
      - Name of the volume. It must contain a digest of at least twelve hexadecimal digits.
      - By default the name of the file if that contains a digest, else the name of the file and its SHA-256.
    type: str
  checksum:
    description: Expected SHA-256 of the file.
    type: str
    default: ""
  probe:
    description: Only tell whether the pool has the image; the action plugin asks this before a transfer.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Tells whether an import is needed.
  diff_mode:
    support: full
    description: Shows the name of the new image.
"""

EXAMPLES = r"""
- name: Have the image on the hypervisor
  ringmaster.hosting.image:
    src: .lab/cache/images/ringmaster-trixie-0123456789abcdef.qcow2
  register: __image

- name: Import a file that lies on the hypervisor
  ringmaster.hosting.image:
    src: /var/tmp/debian-13-genericcloud-amd64.qcow2
    remote_src: true
    checksum: 7f3fe0f8b5b1a9e1b9a6b7b3ea2a1e4f0b2f7a1ffb9a2a6ae1d2a2b3c4d5e6f7

- name: Take the image that the hypervisor has
  ringmaster.hosting.image:
    newest: trixie
  register: __image
"""

RETURN = r"""
name:
  description: Name of the image's volume; give it to the VMs as C(image).
  returned: always
  type: str
  sample: ringmaster-trixie-0123456789abcdef.qcow2
present:
  description: Whether the pool has the image now.
  returned: always
  type: bool
  sample: true
sha256:
  description: SHA-256 of the imported file.
  returned: when an image was imported
  type: str
  sample: 7f3fe0f8b5b1a9e1b9a6b7b3ea2a1e4f0b2f7a1ffb9a2a6ae1d2a2b3c4d5e6f7
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import images
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.arguments import (
    connection_arguments,
    run_module,
)


def argument_spec() -> dict[str, Any]:
    """Options of the module."""
    return {
        **connection_arguments(),
        "src": {"type": "path"},
        "newest": {"type": "str"},
        "remote_src": {"type": "bool", "default": False},
        "name": {"type": "str"},
        "checksum": {"type": "str", "default": ""},
        "probe": {"type": "bool", "default": False},
    }


def run(module: AnsibleModule) -> dict[str, Any]:
    """Import the image if it is missing, or choose one that is there."""
    parameters = module.params
    if parameters["newest"]:
        return images.newest(uri=parameters["uri"], pool_name=parameters["pool"], release=parameters["newest"])
    source = Path(parameters["src"])
    return images.ensure(
        uri=parameters["uri"],
        pool_name=parameters["pool"],
        source=source,
        name=parameters["name"] or images.name_for(source),
        checksum=parameters["checksum"].removeprefix("sha256:"),
        dry=module.check_mode or parameters["probe"],
    )


def main() -> None:
    """Run the module."""
    one = [("src", "newest")]
    run_module(
        AnsibleModule(
            argument_spec=argument_spec(), required_one_of=one, mutually_exclusive=one, supports_check_mode=True
        ),
        run,
    )


if __name__ == "__main__":
    main()
