# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger lacks for a description, and the ledger that has it. Pure: nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from . import addresses, placement, roster
from .checks import key_blob
from .ledger import LAST_UID, Ledger
from .model import Description, Vm


@dataclass
class Plan:
    """The next ledger, and what is new in it as ``section name: value`` lines."""

    ledger: Ledger
    additions: list[str] = field(default_factory=list)


def fixed_addresses(description: Description) -> Iterable[str]:
    """Yield addresses that no VM may get: those of gateways, hypervisors and machines."""
    for role in ("frontend", "server"):
        network = description.network(role)
        yield from addresses.declared((gateway(network, "ipv4"), gateway(network, "ipv6")))
    for record in (*description.hypervisors.values(), *description.machines.values()):
        yield from addresses.declared((record["address"], record["srv_ipv4"], record["srv_ipv6"]))


def gateway(network: dict[str, Any], family: str) -> str:
    """Return a network's gateway: the declared one or its first address; empty without a network."""
    if not network.get(family):
        return ""
    return network.get(f"{family}_gateway") or addresses.first_host(network[family])


def plan(description: Description) -> Plan:
    """Allocate for everything that lacks an entry; notes a mistake at what cannot get one."""
    result = Plan(description.ledger.copy())
    _plan_uids(description, result)
    _plan_ids(description, result)
    _plan_addresses(description, result, "server", "ipv4_srv", list(description.vms.values()))
    with_frontend = [vm for vm in description.vms.values() if vm.frontend_ipv4]
    _plan_addresses(description, result, "frontend", "ipv4_frontend", with_frontend)
    _plan_placements(description, result)
    _plan_rosters(description, result)
    return result


def _add(result: Plan, section: str, name: str, value: Any) -> None:
    getattr(result.ledger, section)[name] = value
    result.additions.append(f"{section} {name}: {value}")


def _plan_uids(description: Description, result: Plan) -> None:
    wanted: list[tuple[str, str, tuple[str | int, ...]]] = [
        (name, f"users/{name}.yml", ()) for name, user in description.users.items() if user["state"] != "pending"
    ]
    for project, record in description.projects.items():
        for index, name in enumerate(record["service_users"] or []):
            if name:
                wanted.append((name, f"projects/{project}.yml", ("service_users", index)))
    number = result.ledger.next_uid()
    for name, file, path in wanted:
        if name in result.ledger.uids:
            continue
        if number > LAST_UID:
            source = description.sources[file]
            source.wrong(
                source.find(*path) if path else None,
                f"no uid is left for {name}",
                allowed=f"uids up to {LAST_UID}",
            )
            continue
        _add(result, "uids", name, number)
        number += 1


def _plan_ids(description: Description, result: Plan) -> None:
    number = result.ledger.next_vm_id()
    for name in description.vms:
        if name not in result.ledger.vm_ids and number <= addresses.LAST_ID:
            _add(result, "vm_ids", name, number)
            number += 1


def _plan_addresses(description: Description, result: Plan, role: str, section: str, vms: list[Vm]) -> None:
    entries = getattr(result.ledger, section)
    network = description.network(role)
    lacking = [vm for vm in vms if vm.name not in entries]
    if not network.get("ipv4") or not lacking:
        return
    pool = addresses.Pool(
        network["ipv4"],
        network.get("ipv4_pool") or "",
        [*_of_family_4(fixed_addresses(description)), *entries.values()],
    )
    for vm in lacking:
        address = pool.take()
        if address is None:
            source = description.source_of_vm(vm.name)
            source.wrong(
                source.find("vms", vm.name, key=True),
                f"no IPv4 address is left on the {role} network for {vm.name}",
                found=f"{network.get('ipv4_pool') or network['ipv4']} is used up",
                allowed=f"a larger networks.{role}.ipv4 or ipv4_pool",
            )
            continue
        _add(result, section, vm.name, address)


def _of_family_4(values: Iterable[str]) -> list[str]:
    return [value for value in values if addresses.is_address(value, 4)]


def _plan_placements(description: Description, result: Plan) -> None:
    rooms = placement.rooms(description.hypervisors, result.ledger.placements, description.vms.values())
    lacking = [vm for vm in description.vms.values() if vm.name not in result.ledger.placements]
    # Pinned VMs first, so that the others are placed around them.
    for vm in sorted(lacking, key=lambda vm: not vm.hypervisor):
        candidates = {vm.hypervisor: rooms[vm.hypervisor]} if vm.hypervisor in rooms else rooms
        room = placement.choose(vm, candidates)
        if room is None:
            source = description.source_of_vm(vm.name)
            reasons = "; ".join(f"{one.name}: {one.lacks(vm)}" for one in candidates.values())
            source.wrong(
                source.find("vms", vm.name, key=True),
                f"{vm.name} fits on no hypervisor",
                found=reasons or "no hypervisor is declared",
                allowed=f"room for {placement.needs(vm)}",
                hint="make it smaller, or add a hypervisor to platform.yml",
            )
            continue
        room.add(vm)
        _add(result, "placements", vm.name, room.name)


def _plan_rosters(description: Description, result: Plan) -> None:
    for project in description.projects:
        sha256 = roster.digest(roster.content(description, project, result.ledger.uids))
        name = f"roster/{project}"
        generation = result.ledger.roster_generation(project, sha256)
        if result.ledger.generations.get(name) != f"{generation} {sha256}":
            _add(result, "generations", name, f"{generation} {sha256}")


def record_host_keys(result: Plan, host_keys: dict[str, list[str]], replace: bool) -> list[str]:
    """Put SSH host keys into the ledger. Returns names whose recorded keys differ, unless ``replace``."""
    refused = []
    for name, keys in host_keys.items():
        wanted = sorted({key_blob(key) for key in keys})
        recorded = result.ledger.host_keys.get(name)
        if not wanted or recorded == wanted:
            continue
        if recorded and not replace:
            refused.append(name)
            continue
        _add(result, "host_keys", name, wanted)
    return refused
