# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the further addresses that VMs ask for."""

from __future__ import annotations

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses

from .allocation import FURTHER_OF, Further, fixed_addresses
from .model import Description, Vm

_WHERE = {"frontend": "the frontend network has no IPv4", "server_public": "there is no network of public addresses"}


def check(description: Description) -> None:
    """Note further addresses that cannot be had, and named ones that are somebody else's."""
    asking = [(vm, further) for vm in description.vms.values() for further in FURTHER_OF if further.asked(vm).count]
    if not asking:
        return
    owners = _owners(description)
    for vm, further in asking:
        _check_network(description, vm, further)
        _check_named(description, vm, further, owners)


def _written(description: Description, vm: Vm, further: Further) -> list[str | None]:
    found = description.projects[vm.project]["vms"][vm.name][further.key]
    return found if isinstance(found, list) else []


def _owners(description: Description) -> dict[str, tuple[str, str]]:
    """Return whose each address is: of a VM with the section of the ledger, or what for the platform has it."""
    ledger = description.ledger
    found = {
        addresses.canonical(one): ("a gateway, a hypervisor or a machine", "") for one in fixed_addresses(description)
    }
    for section in ("ipv4_frontend", "ipv4_srv"):
        found |= {address: (name, section) for name, address in getattr(ledger, section).items()}
    for further in FURTHER_OF:
        for name, given in getattr(ledger, further.section).items():
            found |= dict.fromkeys(given, (name, further.section))
    for name in ledger.confirmed_addresses:
        if name not in ledger.retired:
            # It still has them, whatever it was given since.
            for address in ledger.confirmed_everything(name):
                found.setdefault(address, (name, "confirmed_addresses"))
    return found


def _check_network(description: Description, vm: Vm, further: Further) -> None:
    source = description.source_of_vm(vm.name)
    node = source.find("vms", vm.name, further.key)
    if description.platform and not description.network(further.role).get("ipv4"):
        source.wrong(
            node,
            f"vms.{vm.name}.{further.key}: {_WHERE[further.role]}",
            found=str(further.asked(vm).count),
            allowed=f"0, or networks.{further.role}.ipv4 in platform.yml",
        )
    if further.role == "frontend" and not vm.frontend_ipv4:
        source.wrong(
            node,
            f"vms.{vm.name}.{further.key}: the VM has no first IPv4 address on the frontend network",
            found="frontend_ipv4: false",
            allowed="frontend_ipv4: true beside it",
        )


def _check_named(description: Description, vm: Vm, further: Further, owners: dict[str, tuple[str, str]]) -> None:
    """Note named addresses that the VM cannot have; others are the VM's from here on, for those that come after."""
    source = description.source_of_vm(vm.name)
    where = f"vms.{vm.name}.{further.key}"
    network = description.network(further.role)
    span = network.get("ipv4_pool") or network.get("ipv4") or ""
    for index, address in enumerate(_written(description, vm, further)):
        if not address:
            continue
        node = source.find("vms", vm.name, further.key, index)
        owner, section = owners.setdefault(address, (vm.name, further.section))
        if owner != vm.name or section not in (further.section, "confirmed_addresses"):
            is_kept = owner != vm.name and address in description.ledger.given_ipv4(owner)
            kept = (
                f"what was given out stays with {owner}; once {owner} has it no longer, its entry in {section} may go"
            )
            source.wrong(
                node,
                f"{where}: {address} is taken",
                found=f"{owner} has it" if owner != vm.name else f"{vm.name} has it already ({section})",
                allowed="an address that nobody has, or a number",
                hint=kept if is_kept else "",
            )
        elif network.get("ipv4") and address not in further.given(description.ledger, vm.name):
            pool = addresses.Pool(network["ipv4"], network.get("ipv4_pool") or "")
            if not pool.covers(address):
                source.wrong(
                    node,
                    f"{where}: {address} is none of the addresses that VMs may get on the {further.role} network",
                    found=address,
                    allowed=f"an address in {span} (networks.{further.role} in platform.yml)",
                )
