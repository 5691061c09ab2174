# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger lacks for a description, and the ledger that has it. Pure: nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses

from . import placement, roster
from .language.ssh_keys import key_blob
from .ledger import ADDRESSES, FURTHER, LAST_UID, NONE, Ledger
from .model import Asked, Description, Vm, of_record

NETWORKS = ("frontend", "server", "server_public")


@dataclass
class Plan:
    """The next ledger, and what is new in it as ``section name: value`` lines."""

    ledger: Ledger
    additions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Further:
    """A kind of further addresses: key of a VM, network, section of the ledger, and name of the kind elsewhere."""

    key: str
    role: str
    section: str
    kind: str

    def asked(self, vm: Vm) -> Asked:
        """Return what a VM asks for."""
        found: Asked = getattr(vm, self.key)
        return found

    def given(self, ledger: Ledger, name: str) -> list[str]:
        """Return all that a VM was ever given, in this order."""
        found: list[str] = getattr(ledger, self.section).get(name) or []
        return found

    def in_use(self, ledger: Ledger, vm: Vm) -> list[str]:
        """Return those that an allocated VM has now: the ones that it names, or the first ones it was given."""
        asked = self.asked(vm)
        return list(asked.named) or self.given(ledger, vm.name)[: asked.count]

    def lacks(self, ledger: Ledger, vm: Vm) -> bool:
        """Tell whether a VM was not given all that it asks for."""
        asked, given = self.asked(vm), self.given(ledger, vm.name)
        return not set(asked.named) <= set(given) if asked.named else asked.count > len(given)


FURTHER_OF = (
    Further("frontend_extra_ipv4", "frontend", "ipv4_frontend_extra", FURTHER[0]),
    Further("server_public_ipv4", "server_public", "ipv4_server_public", FURTHER[1]),
)


def fixed_addresses(description: Description) -> Iterable[str]:
    """Yield addresses that no VM may get: those of gateways, hypervisors and machines."""
    for role in NETWORKS:
        network = description.network(role)
        yield from addresses.declared((gateway(network, "ipv4"), gateway(network, "ipv6")))
    for record in (*description.hypervisors.values(), *description.machines.values()):
        yield from of_record(record)


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
    # Named ones first, so that the pools leave them out.
    _plan_named(description, result)
    _plan_addresses(description, result, "server", "ipv4_srv", list(description.vms.values()))
    with_frontend = [vm for vm in description.vms.values() if vm.frontend_ipv4]
    _plan_addresses(description, result, "frontend", "ipv4_frontend", with_frontend)
    for further in FURTHER_OF:
        _plan_further(description, result, further)
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
    pool = _pool(description, result.ledger, role)
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


def _plan_named(description: Description, result: Plan) -> None:
    """Give VMs the addresses that they name; that nobody else has them was checked."""
    for vm in description.vms.values():
        for further in FURTHER_OF if vm.asks_for_further else ():
            given = further.given(result.ledger, vm.name)
            _give(result, further, vm, [one for one in further.asked(vm).named if one not in given])


def _plan_further(description: Description, result: Plan, further: Further) -> None:
    network = description.network(further.role)
    lacking = [vm for vm in description.vms.values() if vm.asks_for_further and further.lacks(result.ledger, vm)]
    if not network.get("ipv4") or not lacking:
        return
    pool = _pool(description, result.ledger, further.role)
    for vm in lacking:
        asked, given = further.asked(vm).count, further.given(result.ledger, vm.name)
        found = [address for _one in range(asked - len(given)) if (address := pool.take())]
        if len(found) < asked - len(given):
            source = description.source_of_vm(vm.name)
            source.wrong(
                source.find("vms", vm.name, further.key),
                f"vms.{vm.name}.{further.key}: not enough IPv4 addresses are left on the {further.role} network",
                found=f"{asked} asked for, {len(given) + len(found)} there;"
                f" {network.get('ipv4_pool') or network['ipv4']} is used up",
                allowed=f"fewer, or a larger networks.{further.role}.ipv4 or ipv4_pool",
            )
            continue
        _give(result, further, vm, found)


def _give(result: Plan, further: Further, vm: Vm, found: list[str]) -> None:
    if found:
        section = getattr(result.ledger, further.section)
        section[vm.name] = [*further.given(result.ledger, vm.name), *found]
        result.additions += [f"{further.section} {vm.name}: {address}" for address in found]


def _pool(description: Description, ledger: Ledger, role: str) -> addresses.Pool:
    """Return a network's pool without what somebody has or was ever given there."""
    network = description.network(role)
    first = {"frontend": ledger.ipv4_frontend, "server": ledger.ipv4_srv}.get(role, {})
    further = [getattr(ledger, one.section) for one in FURTHER_OF if one.role == role]
    taken = [
        *_of_family_4(fixed_addresses(description)),
        *first.values(),
        *(address for section in further for given in section.values() for address in given),
        *_of_family_4(_confirmed(ledger)),
    ]
    return addresses.Pool(network["ipv4"], network.get("ipv4_pool") or "", taken)


def _confirmed(ledger: Ledger) -> Iterable[str]:
    """Yield what VMs were last reached with, which they may still have."""
    return (address for entry in ledger.confirmed_addresses.values() for address in entry.replace(",", " ").split())


def _of_family_4(values: Iterable[str]) -> list[str]:
    return [value for value in values if addresses.is_address(value, 4)]


def _plan_placements(description: Description, result: Plan) -> None:
    rooms = placement.rooms(description.hypervisors, result.ledger.placements, description.vms.values())
    lacking = [vm for vm in description.vms.values() if vm.name not in result.ledger.placements]
    chooser = placement.Chooser(rooms)
    # Pinned VMs first, so that the others are placed around them.
    for vm in sorted(lacking, key=lambda vm: not vm.hypervisor):
        pinned = {vm.hypervisor: rooms[vm.hypervisor]} if vm.hypervisor in rooms else {}
        room = placement.choose(vm, pinned) if pinned else chooser.choose(vm)
        if room is None:
            source = description.source_of_vm(vm.name)
            reasons = "; ".join(f"{one.name}: {one.lacks(vm)}" for one in (pinned or rooms).values())
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


def is_allocated(description: Description, ledger: Ledger, vm: Vm) -> bool:
    """Tell whether a VM has all that it needs to exist."""
    needs_srv = bool(description.network("server")["ipv4"])
    return (
        vm.name in ledger.vm_ids
        and vm.name in ledger.placements
        and (not needs_srv or vm.name in ledger.ipv4_srv)
        and (not vm.frontend_ipv4 or vm.name in ledger.ipv4_frontend)
        and not (vm.asks_for_further and any(further.lacks(ledger, vm) for further in FURTHER_OF))
    )


def vm_addresses(description: Description, ledger: Ledger, vm: Vm) -> dict[str, str]:
    """Return the addresses of an allocated VM by kind; empty where it has none."""
    vm_id = ledger.vm_ids[vm.name]
    return {
        "fe_ipv4": ledger.ipv4_frontend.get(vm.name, "") if vm.frontend_ipv4 else "",
        "fe_ipv6": addresses.ipv6(description.network("frontend")["ipv6"], vm_id),
        "srv_ipv4": ledger.ipv4_srv.get(vm.name, "") if description.network("server")["ipv4"] else "",
        "srv_ipv6": addresses.ipv6(description.network("server")["ipv6"], vm_id),
    }


def further_addresses(ledger: Ledger, vm: Vm) -> dict[str, list[str]]:
    """Return the further addresses of an allocated VM by kind; an empty list where it has none."""
    if not vm.asks_for_further:
        return {kind: [] for kind in FURTHER}
    return {further.kind: further.in_use(ledger, vm) for further in FURTHER_OF}


def flat(first: dict[str, str], further: dict[str, list[str]]) -> list[str]:
    """Return all addresses of a VM in one list."""
    found = [address for address in first.values() if address]
    for some in further.values():
        found += some
    return found


def record_addresses(description: Description, result: Plan, confirmed: Iterable[str]) -> None:
    """Put into the ledger what VMs are reached with: those in ``confirmed``, and new ones."""
    ledger = result.ledger
    for vm in description.vms.values():
        is_new = vm.name in ledger.host_keys and vm.name not in ledger.confirmed_addresses
        if not (is_new or vm.name in confirmed) or not is_allocated(description, ledger, vm):
            continue
        found = vm_addresses(description, ledger, vm)
        further = further_addresses(ledger, vm)
        words = [found[kind] or NONE for kind in ADDRESSES]
        if any(further.values()):
            words += [",".join(further[kind]) or NONE for kind in FURTHER]
        entry = " ".join(words)
        if ledger.confirmed_addresses.get(vm.name) != entry:
            _add(result, "confirmed_addresses", vm.name, entry)


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


def stolen_host_keys(ledger: Ledger, host_keys: dict[str, list[str]], revoked: Iterable[str]) -> dict[str, str]:
    """Return by name why the host keys that a machine shows are not recorded.

    A machine that showed another one's key could pass on what is meant for it to that other one.
    """
    owners: dict[str, set[str]] = {}
    for name, keys in (*ledger.host_keys.items(), *host_keys.items()):
        for key in keys:
            owners.setdefault(key_blob(key), set()).add(name)
    banned = {key_blob(key) for key in revoked}
    result = {}
    for name, keys in host_keys.items():
        for blob in map(key_blob, keys):
            others = owners[blob] - {name}
            if blob in banned:
                result[name] = "is revoked"
            elif others and blob not in ledger.host_keys.get(name, []):
                result[name] = f"is that of {', '.join(sorted(others))}"
    return result
