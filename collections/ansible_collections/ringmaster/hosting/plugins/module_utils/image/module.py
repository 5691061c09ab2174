# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that build from Debian packages have in common: options, and the one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.image import tree
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.errors import ImageError
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.store import Shelf


def common_options() -> dict[str, Any]:
    """Return the options that doc fragment ``debian_build`` describes."""
    return {
        "folder": {"type": "path", "required": True},
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
        "scripts": {"type": "list", "elements": "path", "default": []},
        "commands": {"type": "list", "elements": "list", "default": []},
        "sources": {"type": "str", "default": ""},
        "package_cache": {"type": "path"},
        "refresh": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
        "keep": {"type": "int", "default": 0},
    }


def spec_from(params: dict[str, Any], salt: Any = None) -> tree.TreeSpec:
    """Return the tree's specification from a module's options. Raises ImageError for a mode that is none."""
    files = {}
    for file in params["files"]:
        if file["link"]:
            continue
        try:
            files[file["path"]] = (file["content"], int(file["mode"], 8))
        except ValueError as error:
            raise ImageError(f"files: {file['path']}: mode {file['mode']!r} is not an octal number") from error
    return tree.TreeSpec(
        release=params["release"],
        packages=tuple(params["packages"]),
        overlays=tuple(Path(folder) for folder in params["overlays"]),
        files=files,
        links={file["path"]: file["link"] for file in params["files"] if file["link"]},
        debconf=tuple(params["debconf"]),
        scripts=tuple(Path(script) for script in params["scripts"]),
        commands=tuple(tuple(str(word) for word in argv) for argv in params["commands"]),
        salt=salt,
    )


def run(module: AnsibleModule, name: str, suffix: str = "", finish: tree.Finish = tree.TREE, salt: Any = None) -> None:
    """Build or find the result called ``name`` and end the module."""
    params = module.params
    folder = Path(params["folder"]).absolute()
    shelf = Shelf(folder, name, suffix)
    origin = tree.Origin(params["sources"], Path(params["package_cache"] or folder / "packages"))
    try:
        changed, record = tree.obtain(
            shelf,
            spec_from(params, salt),
            origin,
            finish,
            force=params["force"],
            refresh=params["refresh"],
            check=module.check_mode,
        )
        built = changed and not module.check_mode
        removed = shelf.prune(params["keep"]) if built and params["keep"] else []
    except ImageError as error:
        module.fail_json(msg=str(error), exception=error)
    module.exit_json(changed=changed, removed=removed, **record)
