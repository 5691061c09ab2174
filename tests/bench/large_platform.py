# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large platform for measurements: its description as operators would write it, with a ledger."""

from __future__ import annotations

import base64
import hashlib
import string
from pathlib import Path

VMS_PER_PROJECT = 20
VMS_PER_HYPERVISOR = 200
PEOPLE_PER_PROJECT = 5

PLATFORM = """\
domain: ringmaster.example
site: 1
timezone: Europe/Berlin
networks:
  frontend: {ipv4: 198.51.100.0/24, ipv6: "2001:db8:2::/64"}
  server: {ipv4: 172.16.0.0/14, ipv4_pool: 172.17.0.1-172.18.255.254, ipv6: "2001:db8:3::/64"}
management_networks: [10.77.0.0/16]
operators: [OPERATOR]
services: {gateway: hv0}
images: {default: {build: trixie}}
defaults: {memory: 2GiB, cores: 2, disk: 10GiB}
hypervisors:
"""


def key(owner: str) -> str:
    """Return a well-formed public SSH key that nobody has the private half of."""
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + hashlib.sha256(owner.encode()).digest()
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {owner}"


def word(number: int) -> str:
    """Return three letters for a number below 17,576: names of projects hold no digits at their end."""
    letters = string.ascii_lowercase
    return letters[number // 676] + letters[number // 26 % 26] + letters[number % 26]


def _project(number: int, people: int, each: int) -> str:
    name = f"shop{word(number)}"
    members = sorted({(number * each + step) % people for step in range(PEOPLE_PER_PROJECT)})
    lines = [f"description: Project {number}", "permissions:"]
    for member in members:
        more = ", wheel, manager" if member == members[0] else ""
        lines.append(f"  p{member:04}: [login, sudo-srv{more}]")
    lines += [f"service_users: [s-{name}]", "firewall:", "  allow: [{from: [10.77.0.20], to: [8080], proto: tcp}]"]
    lines.append("vms:")
    for vm in range(VMS_PER_PROJECT):
        components = ("{}", "{redis: {}}", "{postgresql: {}}", "{webgateway: {}}")[vm % 4]
        lines.append(f"  {name}{vm:02}: {{memory: {1 + vm % 4}GiB, cores: {1 + vm % 4}, components: {components}}}")
    return "\n".join(lines) + "\n"


def write(folder: Path, vms: int, people_per_project: int = 2) -> Path:
    """Write a platform with so many VMs, one project for each 20, and so many people for each; return its source."""
    projects = vms // VMS_PER_PROJECT
    people = people_per_project * projects
    for name in ("users", "projects"):
        (folder / name).mkdir(parents=True)
    hypervisors = [
        f"  hv{number}: {{address: 10.77.{number // 200}.{number % 200 + 10}, memory: 1TiB, disk: 10TiB}}\n"
        for number in range(-(-vms // VMS_PER_HYPERVISOR))
    ]
    (folder / "platform.yml").write_text(PLATFORM.replace("OPERATOR", key("operator")) + "".join(hypervisors))
    for number in range(people):
        name = f"p{number:04}"
        record = f"full_name: Person {number}\nemail: {name}@example.org\nssh_keys:\n  - {key(name)}\n"
        (folder / "users" / f"{name}.yml").write_text(record)
    for number in range(projects):
        (folder / "projects" / f"shop{word(number)}.yml").write_text(_project(number, people, people_per_project))
    source = folder / "platform.ringmaster.yml"
    source.write_text("plugin: ringmaster.hosting.platform\n")
    return source
