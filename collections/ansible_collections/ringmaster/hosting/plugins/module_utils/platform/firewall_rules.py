# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall rules of a project, with every name in them replaced by addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses

from .model import Description, Vm, of_record

EVERYWHERE = ("0.0.0.0/0", "::/0")
#: What may stand before a name, to say which kind of thing is meant.
PREFIXES = ("project", "vm", "machine")
COMPONENT = "component:"


def resolve_rules(
    description: Description, project: str, addresses_of: Callable[[Description, Vm], list[str]]
) -> list[dict[str, Any]]:
    """Return rules as ``{from: [addresses and networks], to: [ports], proto, network, vms, comment}``.

    Those of the project come first, then those of each VM. A component becomes its ports, on the VMs that have it. A
    rule that names only VMs without addresses yet is left out. ``vms`` lists the VMs it is for.
    """
    record = description.projects[project]
    result = []
    for rule in record["firewall"]["allow"]:
        vms = rule["vms"] if rule["vms"] is not None else [vm.name for vm in description.vms_of(project)]
        # An empty list is no VM, and never all of them.
        result += _resolved(description, rule, vms, addresses_of) if vms else []
    for vm in description.vms_of(project):
        for rule in (vm.firewall or {}).get("allow") or []:
            result += _resolved(description, rule, [vm.name], addresses_of)
    return result


def _resolved(
    description: Description,
    rule: dict[str, Any],
    vms: list[str],
    addresses_of: Callable[[Description, Vm], list[str]],
) -> list[dict[str, Any]]:
    sources = [found for name in rule["from"] for found in resolve(description, name, addresses_of)]
    if not sources:
        return []
    shared = {
        "from": list(dict.fromkeys(sources)),
        "network": rule["network"],
        "comment": rule["comment"] or f"from {', '.join(rule['from'])}",
    }
    ports = [port for port in rule["to"] if not port.startswith(COMPONENT)]
    result = [{**shared, "to": ports, "proto": rule["proto"], "vms": vms}] if ports else []
    for target in rule["to"]:
        name = target.removeprefix(COMPONENT)
        having = [vm for vm in vms if name in description.vms[vm].components]
        if name == target or not having:
            continue
        for protocol in ("tcp", "udp"):
            own = [port for found, port, _frontend in catalogue.PORTS.get(name, ()) if found == protocol]
            if own:
                result.append({**shared, "to": own, "proto": protocol, "vms": having})
    return result


def resolve(description: Description, name: str, addresses_of: Callable[[Description, Vm], list[str]]) -> list[str]:
    """Return the addresses and networks a source of a rule stands for."""
    if name == "any":
        return list(EVERYWHERE)
    kind, plain = split(name)
    if kind in ("", "project") and plain in description.projects:
        return [found for vm in description.vms_of(plain) for found in addresses_of(description, vm)]
    if kind in ("", "vm") and plain in description.vms:
        return addresses_of(description, description.vms[plain])
    for machines in (description.hypervisors, description.machines):
        if plain in machines:
            return list(of_record(machines[plain]))
    return [name]


def split(name: str) -> tuple[str, str]:
    """Return kind and name of a source: ``project:shop`` is ("project", "shop"), ``shop`` is ("", "shop")."""
    kind, colon, plain = name.partition(":")
    return (kind, plain) if colon and kind in PREFIXES else ("", name)


def known(description: Description, name: str) -> list[str]:
    """Return the names that could stand where a source of a rule does."""
    groups = {
        "project": [*description.projects],
        "vm": [*description.vms],
        "machine": [*description.hypervisors, *description.machines],
    }
    kind, _plain = split(name)
    return [f"{kind}:{one}" for one in groups[kind]] if kind else [one for found in groups.values() for one in found]


def is_known(description: Description, name: str) -> bool:
    """Tell whether a source of a rule means something."""
    if name == "any" or addresses.is_address(name) or not addresses.network_problem(name):
        return True
    return name in known(description, name)
