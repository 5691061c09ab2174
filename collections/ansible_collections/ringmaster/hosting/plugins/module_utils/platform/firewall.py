# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall rules of a project, with every name in them replaced by addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import addresses
from .model import Description, Vm

EVERYWHERE = ("0.0.0.0/0", "::/0")


def resolve_rules(
    description: Description, project: str, addresses_of: Callable[[Description, Vm], list[str]]
) -> list[dict[str, Any]]:
    """Return rules as ``{from: [addresses and networks], to: [ports], proto, network, vms, comment}``.

    A rule that names only VMs without addresses yet is left out. ``vms`` lists the VMs it is for.
    """
    result = []
    for rule in description.projects[project]["firewall"]["allow"]:
        sources = [found for name in rule["from"] for found in resolve(description, name, addresses_of)]
        if not sources:
            continue
        result.append(
            {
                "from": list(dict.fromkeys(sources)),
                "to": list(rule["to"]),
                "proto": rule["proto"],
                "network": rule["network"],
                "vms": rule["vms"] or [vm.name for vm in description.vms_of(project)],
                "comment": rule["comment"] or "",
            }
        )
    return result


def resolve(description: Description, name: str, addresses_of: Callable[[Description, Vm], list[str]]) -> list[str]:
    """Return the addresses and networks a source of a rule stands for."""
    if name == "any":
        return list(EVERYWHERE)
    if name in description.projects:
        return [found for vm in description.vms_of(name) for found in addresses_of(description, vm)]
    if name in description.vms:
        return addresses_of(description, description.vms[name])
    for machines in (description.hypervisors, description.machines):
        if name in machines:
            record = machines[name]
            return list(addresses.declared((record["address"], record["srv_ipv4"], record["srv_ipv6"])))
    return [name]


def is_known(description: Description, name: str) -> bool:
    """Tell whether a source of a rule means something."""
    if name == "any" or addresses.is_address(name) or not addresses.network_problem(name):
        return True
    known = (description.projects, description.vms, description.hypervisors, description.machines)
    return any(name in names for names in known)
