# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform with people of every kind, for tests of who may do what."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import passkey_samples
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description

PLATFORM: dict[str, Any] = {
    "domain": "town.example",
    "site": 1,
    "networks": {
        "frontend": {"ipv4": "198.51.100.0/24", "ipv6": "2001:db8:2::/64"},
        "server": {"ipv4": "172.20.0.0/22", "ipv4_pool": "172.20.1.1-172.20.3.254", "ipv6": "2001:db8:3::/64"},
    },
    "management_networks": ["10.77.0.0/24"],
    "images": {"default": {"build": "trixie"}, "old": {"build": "trixie"}},
    "hypervisors": {"hv0": {"address": "10.77.0.10", "memory": "1TiB", "disk": "10TiB"}},
    "portal": {"host": "my.town.example", "operators": ["olga", "otto"]},
}
PEOPLE: dict[str, str] = {
    "olga": "active",
    "otto": "active",
    "mara": "active",
    "mike": "active",
    "wim": "active",
    "sue": "active",
    "lou": "active",
    "stan": "active",
    "eve": "active",
    "sol": "active",
    "nat": "active",
    "lock": "locked",
    "gone": "removed",
    "pia": "pending",
}
"""Operators, people of the shop from the most to the least rights, managers of two other projects, and strangers."""
SHOP: dict[str, list[str]] = {
    "otto": ["login"],
    "mara": ["login", "sudo-srv", "wheel", "manager"],
    "mike": ["login", "manager"],
    "wim": ["login", "sudo-srv", "wheel"],
    "sue": ["login", "sudo-srv"],
    "lou": ["login"],
    "stan": ["stats"],
    "lock": ["login", "manager"],
    "pia": ["login"],
}
PROJECTS: dict[str, dict[str, Any]] = {
    "shop": {
        "permissions": SHOP,
        "service_users": ["s-shop"],
        "quota": {"vms": 4, "memory": "8GiB", "cores": 8, "disk": "60GiB", "ipv4": 2},
        "vms": {
            "shop00": {"memory": "2GiB", "cores": 2, "disk": "20GiB", "frontend_ipv4": True},
            "shop01": {"memory": "1GiB", "components": {"redis": {}}},
            "shop02": {},
        },
        "checks": [{"name": "cron", "command": ["/usr/bin/true"], "user": "s-shop"}],
    },
    # Its people are few: one manager, who is all that there is.
    "solo": {"permissions": {"sol": ["login", "wheel", "manager"], "eve": ["login"]}, "vms": {"solo00": {}}},
    "blog": {"permissions": {"eve": ["login", "manager"], "sol": ["manager"]}, "vms": {"blog00": {}}},
}


def key(owner: str) -> str:
    """Return a well-formed public SSH key that nobody has the private half of."""
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + hashlib.sha256(owner.encode()).digest()
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {owner}"


def write(folder: Path, platform: dict[str, Any], projects: dict[str, dict[str, Any]], people: dict[str, str]) -> Path:
    """Write a platform and its ledger; return its source."""
    for name in ("users", "projects"):
        (folder / name).mkdir(parents=True)

    def put(name: str, data: dict[str, Any]) -> None:
        (folder / name).write_text(yaml.safe_dump(data, sort_keys=False))

    put("platform.yml", {**platform, "operators": [key("operator")]})
    for name, state in people.items():
        record = {"full_name": name.title(), "email": f"{name}@town.example", "ssh_keys": [key(name)], "state": state}
        if state == "pending":
            record["requested_by"] = "mara"
        if name == "nat":
            given = passkey_samples.passkey(name)
            passkey = {"name": "laptop", "id": given["passkey_id"], "key": given["passkey_key"]}
            record |= {"ssh_keys": [], "passkeys": [passkey]}
        if name == "wim":
            record["ssh_keys"].append(key("wim's other key"))
        put(f"users/{name}.yml", record)
    for name, project in projects.items():
        put(f"projects/{name}.yml", project)
    source = folder / "platform.ringmaster.yml"
    source.write_text("plugin: ringmaster.hosting.platform\n")
    return source


def read(source: Path, roles: Path) -> Description:
    """Allocate what a platform needs, and read it; raises DescriptionError."""
    options = operations.options_of(source, roles)
    operations.allocate(options)
    return description.read_valid(options)
