# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the ledger by itself, and of the description against it."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses, sizes

from . import placement
from .allocation import FURTHER_OF, fixed_addresses
from .language import names
from .language.errors import one_of
from .language.load import Source
from .model import Description, Vm

_DUPLICATE_HINT = "give the newer one another value, or take its line out and allocate again"


def check(description: Description) -> None:
    """Note where the ledger contradicts itself or the description."""
    source = description.sources["allocations.yml"]
    if source.root is None:
        return
    for section in ("vm_ids", "uids"):
        _check_unique(source, section, getattr(description.ledger, section))
    _check_addresses(description, source)
    _check_names(description, source)
    for vm in description.vms.values():
        _check_vm(description, source, vm)
    _check_booking(description)


def _check_unique(source: Source, section: str, entries: dict[str, int]) -> None:
    owners: dict[int, str] = {}
    for name, value in entries.items():
        owner = owners.setdefault(value, name)
        if owner != name:
            source.wrong(
                source.find(section, name),
                f"{section}: {value} is given twice",
                found=f"{owner} and {name} have it",
                allowed="every number once, for ever",
                hint=_DUPLICATE_HINT,
            )


def _given(description: Description) -> Iterator[tuple[str, str, str, str, tuple[str | int, ...]]]:
    """Yield section, network, name, address and place in the section of every IPv4 address that was given out."""
    for section, role in (("ipv4_frontend", "frontend"), ("ipv4_srv", "server")):
        for name, address in getattr(description.ledger, section).items():
            yield section, role, name, address, (name,)
    for further in FURTHER_OF:
        for name, found in getattr(description.ledger, further.section).items():
            for index, address in enumerate(found):
                yield further.section, further.role, name, address, (name, index)


def _check_addresses(description: Description, source: Source) -> None:
    fixed = {addresses.canonical(address) for address in fixed_addresses(description)}
    owners: dict[str, tuple[str, str, tuple[str | int, ...]]] = {}
    for section, role, name, address, path in _given(description):
        prefix = description.network(role).get("ipv4")
        node = source.find(section, *path)
        if address in owners:
            owner = owners[address][0]
            source.wrong(
                node,
                f"{section}: {address} is given twice",
                found=f"{owner} and {name} have it" if owner != name else f"{name} has it as another one",
                allowed="every address once, for ever",
                hint=_DUPLICATE_HINT,
            )
        owners.setdefault(address, (name, section, path))
        if name not in description.vms:
            continue
        if prefix and not addresses.contains(prefix, address):
            source.wrong(
                node,
                f"{section}: {address} of {name} lies outside its network",
                found=address,
                allowed=f"an address in {prefix} (networks.{role}.ipv4 in platform.yml)",
            )
        if address in fixed:
            source.wrong(
                node,
                f"{section}: {address} of {name} is also the address of a gateway or machine",
                found=address,
                allowed="another address for the machine in platform.yml",
            )
    for name, entry in description.ledger.confirmed_addresses.items():
        for address in entry.replace(",", " ").split():
            owner, section, path = owners.get(address, (name, "", ()))
            if owner != name and name not in description.ledger.retired:
                source.wrong(
                    source.find(section, *path),
                    f"{section}: {address} is given to {owner} while {name} still has it",
                    found=f"{name} was last reached with it",
                    allowed="an address that nobody has",
                    hint=f"run site.yml with another address for {owner}: {name} gives {address} up then",
                )


def _check_names(description: Description, source: Source) -> None:
    ledger = description.ledger
    addressed = ("ipv4_frontend", "ipv4_srv", *(further.section for further in FURTHER_OF))
    for section in (*addressed, "placements", "confirmed_addresses"):
        for name in getattr(ledger, section):
            if name not in ledger.vm_ids:
                source.wrong(
                    source.find(section, name, key=True),
                    f"{section}: {name} has no entry in vm_ids",
                    allowed="the line that was lost, from git",
                )
    for name in ledger.uids:
        kind = "service user" if name.startswith("s-") else "person"
        if not names.is_valid(kind, name):
            source.wrong(source.find("uids", name, key=True), f"uids: '{name}' is no name for an account", found=name)
    known = description.platform.get("hypervisors") or {}
    for name, hypervisor in ledger.placements.items():
        if name in ledger.retired or hypervisor in known or not description.platform:
            continue
        source.wrong(
            source.find("placements", name),
            f"placements: {name} is placed on {hypervisor}, which is not declared",
            found=hypervisor,
            allowed=one_of(known),
            hint=f"put {hypervisor} back into platform.yml; it may go when its VMs were moved (evacuate)",
        )


def _check_vm(description: Description, ledger_source: Source, vm: Vm) -> None:
    source = description.source_of_vm(vm.name)
    ledger = description.ledger
    if vm.name in ledger.retired:
        used = [*description.vms, *ledger.used_vm_names()]
        source.wrong(
            source.find("vms", vm.name, key=True),
            f"vms: {vm.name} was retired on {ledger.retired[vm.name]}",
            found=vm.name,
            allowed="a number that was never used",
            hint=f"the next one is {names.next_vm(vm.project, used)}",
        )
    placed = ledger.placements.get(vm.name)
    if vm.hypervisor and placed and placed != vm.hypervisor:
        source.wrong(
            source.find("vms", vm.name, "hypervisor"),
            f"vms.{vm.name}: the VM is on {placed}, not on {vm.hypervisor}",
            found=f"hypervisor: {vm.hypervisor}; {ledger_source.name} says {placed}",
            allowed=f"{placed}, or no key 'hypervisor' at all",
            hint="a VM changes its hypervisor with the playbook move_vm only",
        )


def _check_booking(description: Description) -> None:
    """Find hypervisors whose VMs were promised more than there is."""
    if not description.ledger.placements:
        return
    source = description.sources["platform.yml"]
    vms = [vm for vm in description.vms.values() if vm.memory_mib and vm.disk_gib]
    usable = {n: r for n, r in description.hypervisors.items() if r["memory"] and r["disk"]}
    for room in placement.rooms(usable, description.ledger.placements, vms).values():
        for key, used, capacity in (
            ("memory", room.used_memory_mib, room.memory_mib),
            ("disk", room.used_disk_mib, room.disk_mib),
        ):
            if used > capacity:
                source.wrong(
                    source.find("hypervisors", room.name, key),
                    f"hypervisors.{room.name}.{key}: more is promised to VMs than there is",
                    found=f"{sizes.render(used)} for {room.vms} VMs, {sizes.render(capacity)} there",
                    allowed="smaller VMs, or VMs moved elsewhere (move_vm)",
                )
