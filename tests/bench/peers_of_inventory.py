# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory plugins that emit finished data, which ours is compared with, and what the machine is."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PEERS = '''
import json
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.template import trust_as_template

DOCUMENTATION = """
name: NAME
short_description: Emit finished data.
description: [Emit finished data.]
options: {plugin: {description: Name., type: str}}
"""

def mark(value):
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: mark(item) for key, item in value.items()}
    return [mark(item) for item in value] if isinstance(value, list) else value

class InventoryModule(BaseInventoryPlugin):
    NAME = "NAME"

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        with open(path.replace("NAME.yml", "inventory.json")) as file:
            data = json.load(file)
        for host in data["hosts"]:
            self.inventory.add_host(host)
        for name, group in data["groups"].items():
            self.inventory.add_group(name)
            self.set(name, self.inventory.groups, group["vars"])
            for host in group["hosts"]:
                self.inventory.add_child(name, host)
        for name, variables in data["hosts"].items():
            self.set(name, self.inventory.hosts, variables)

    def set(self, name, entities, variables):
        for key, value in variables.items():
            SET
'''
SETTERS = {
    "trivial": "entities[name].set_variable(key, mark(value))",
    "ordinary": "self.inventory.set_variable(name, key, mark(value))",
}


def write_peers(folder: Path, data: dict[str, Any], names: Sequence[str]) -> None:
    """Write plugins, their sources, and what they emit: ``{groups, hosts}``."""
    folder.mkdir()
    (folder / "inventory.json").write_text(json.dumps(data))
    for name in names:
        (folder / f"{name}.py").write_text(PEERS.replace("NAME", name).replace("SET", SETTERS[name]))
        (folder / f"{name}.yml").write_text(f"plugin: {name}\n")


def machine() -> str:
    """Describe the machine in a line."""
    model = "unknown"
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{os.cpu_count()} cores ({model}), load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
