#!/usr/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
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
  - Ringmaster contributors
requirements:
  - mmdebstrap
attributes:
  check_mode:
    support: full
    description: Tells whether a tree would be built; builds nothing.
  diff_mode:
    support: none
    description: There is nothing to show beside the digest.
options:
  folder:
    description: Folder in which trees, their descriptions, the log and the package cache lie.
    type: path
    required: true
  name:
    description: First part of the tree's name.
    type: str
    required: true
  release:
    description: Code name of the Debian release.
    type: str
    default: trixie
  packages:
    description: Packages to install beside the essential ones and apt, without recommended packages.
    type: list
    elements: str
    default: []
  overlays:
    description:
      - Folders whose content is copied onto the tree verbatim, owned by root, before the packages are
        installed and again afterwards.
    type: list
    elements: path
    default: []
  files:
    description: Single files to write, like O(overlays).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path inside the tree.
        type: str
        required: true
      content:
        description: Content of the file.
        type: str
        default: ""
      mode:
        description: Mode in octal.
        type: str
        default: "0644"
      link:
        description: Make a symbolic link with this target instead of a file.
        type: str
  debconf:
    description: Lines for C(debconf-set-selections), given before the packages are installed.
    type: list
    elements: str
    default: []
  commands:
    description: Commands to run inside the finished tree, each a list of words.
    type: list
    elements: list
    default: []
  sources:
    description: Apt sources to use in place of those of the machine, in either format.
    type: str
    default: ""
  package_cache:
    description: Folder that keeps downloaded packages. The default is C(packages) in O(folder).
    type: path
  refresh:
    description: Build anew, and keep the new tree when a package version differs.
    type: bool
    default: false
  force:
    description: Build anew whatever there is.
    type: bool
    default: false
  keep:
    description:
      - How many trees of this name to keep; older ones are removed after a build. V(0) keeps all.
      - Do not use it where older trees may be in use by running machines.
    type: int
    default: 0
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

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.image import tree
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.errors import ImageError
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.store import Shelf


def argument_spec() -> dict[str, Any]:
    """Return the module's options."""
    return {
        "folder": {"type": "path", "required": True},
        "name": {"type": "str", "required": True},
        "release": {"type": "str", "default": "trixie"},
        "packages": {"type": "list", "elements": "str", "default": []},
        "overlays": {"type": "list", "elements": "path", "default": []},
        "files": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "path": {"type": "str", "required": True},
                "content": {"type": "str", "default": ""},
                "mode": {"type": "str", "default": "0644"},
                "link": {"type": "str"},
            },
        },
        "debconf": {"type": "list", "elements": "str", "default": []},
        "commands": {"type": "list", "elements": "list", "default": []},
        "sources": {"type": "str", "default": ""},
        "package_cache": {"type": "path"},
        "refresh": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
        "keep": {"type": "int", "default": 0},
    }


def spec_from(params: dict[str, Any]) -> tree.TreeSpec:
    """Return the tree's specification from the module's options."""
    return tree.TreeSpec(
        release=params["release"],
        packages=tuple(params["packages"]),
        overlays=tuple(Path(folder) for folder in params["overlays"]),
        files={f["path"]: (f["content"], int(f["mode"], 8)) for f in params["files"] if not f["link"]},
        links={f["path"]: f["link"] for f in params["files"] if f["link"]},
        debconf=tuple(params["debconf"]),
        commands=tuple(tuple(str(word) for word in argv) for argv in params["commands"]),
    )


def run(module: AnsibleModule) -> dict[str, Any]:
    """Build or find the tree; returns the module's result. Raises ImageError."""
    params = module.params
    folder = Path(params["folder"]).absolute()
    shelf = Shelf(folder, params["name"])
    origin = tree.Origin(params["sources"], Path(params["package_cache"] or folder / "packages"))
    changed, record = tree.obtain(
        shelf,
        spec_from(params),
        origin,
        force=params["force"],
        refresh=params["refresh"],
        check=module.check_mode,
    )
    result = {"changed": changed, **record}
    if changed and not module.check_mode:
        result["removed"] = shelf.prune(params["keep"]) if params["keep"] else []
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    try:
        module.exit_json(**run(module))
    except ImageError as error:
        module.fail_json(msg=str(error), exception=error)


if __name__ == "__main__":
    main()
