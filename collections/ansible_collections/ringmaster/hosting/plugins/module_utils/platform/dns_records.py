# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and further DNS records of a platform, resolved, and mistakes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.network import zone_records
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses, dns_values, host_names
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.fqdn import fqdn, frontend_name

from .allocation import gateway
from .language.errors import did_you_mean, one_of
from .language.load import Source
from .model import Description, Vm

PAGES = "status"
"""Below the domain: the status pages, as variable ``status_hostname`` has it by default."""


def hosts(
    description: Description,
    addresses_of: Callable[[Description, Vm], dict[str, str]],
    further_of: Callable[[Description, Vm], dict[str, list[str]]],
) -> dict[str, list[str]]:
    """Return the addresses of each name below the domain: <vm>, <vm>.fe, machines, the gateway and the status pages.

    ``addresses_of`` gives fe_ipv4, fe_ipv6, srv_ipv4, srv_ipv6 of a VM, and nothing for one without allocation;
    ``further_of`` its further addresses. Each of those on the frontend has a name of its own, <vm>.fe2 and so on:
    what answers at the first address, such as a component, need not answer at the others.
    """
    result: dict[str, list[str]] = {}
    for vm in description.vms.values():
        found, further = addresses_of(description, vm), further_of(description, vm)
        for name, role in ((vm.name, "srv"), (frontend_name(vm.name), "fe")):
            ours = [found[f"{role}_{family}"] for family in ("ipv4", "ipv6") if found.get(f"{role}_{family}")]
            if role == "srv":
                ours += further.get("srv_public_ipv4") or []
            if ours:
                result[name] = ours
        for number, address in enumerate(further.get("fe_extra_ipv4") or [], 2):
            result[frontend_name(vm.name, number)] = [address]
    for machines in (description.hypervisors, description.machines):
        for name, record in machines.items():
            ours = list(addresses.declared((record["srv_ipv4"], record["srv_ipv6"])))
            result[name] = ours or [record["address"]]
            if frontend := _on_frontend(record):
                result[frontend_name(name)] = frontend
    for name, role in (("gateway", "server"), (frontend_name("gateway"), "frontend")):
        network = description.network(role)
        ours = [gateway(network, family) for family in ("ipv4", "ipv6") if network.get(family)]
        known = [one for one in addresses.declared(ours) if not addresses.is_link_local(one)]
        if name not in result and known:
            result[name] = known
    if pages := _pages(description):
        # After the machine's own names, which the pointers of its addresses are.
        result.setdefault(PAGES, pages)
    return result


def _on_frontend(record: dict[str, Any]) -> list[str]:
    return list(addresses.declared((record.get("fe_ipv4"), record.get("fe_ipv6"))))


def _pages(description: Description) -> list[str]:
    """Return where the Internet finds the status pages; nothing where it does not, or the description says itself."""
    machine = description.machines.get((description.platform.get("services") or {}).get("status") or "")
    domain = description.platform.get("domain") or ""
    is_said = fqdn(PAGES, domain) in (description.platform.get("dns_zones") or []) or any(
        record["name"].lower() == PAGES and (record["zone"] or domain) == domain
        for _source, _index, record in _declared(description)
    )
    return _on_frontend(machine) if machine and not is_said else []


def records(
    description: Description, addresses_of: Callable[[Description, Vm], dict[str, str]]
) -> list[dict[str, Any]]:
    """Return all further records as {zone, name, type, values, ttl}; names of VMs have become addresses."""
    result = []
    for _source, _index, record in _declared(description):
        zone = record["zone"] or description.domain
        ttl = {"ttl": record["ttl"]} if record["ttl"] else {}
        if record["vm"]:
            found = addresses_of(description, description.vms[record["vm"]])
            for kind, family in (("A", "fe_ipv4"), ("AAAA", "fe_ipv6")):
                if found.get(family):
                    values = [found[family]]
                    result.append({"zone": zone, "name": record["name"], "type": kind, "values": values, **ttl})
            continue
        entry = {"zone": zone, "name": record["name"], "type": record["type"], "values": list(record["values"])}
        result.append({**entry, **ttl})
    return result


def _declared(description: Description) -> Iterator[tuple[Source, int, dict[str, Any]]]:
    """Yield every record that could be read, with its file and its place in the list."""
    owners = [(description.sources["platform.yml"], description.platform)]
    owners += [(description.sources[f"projects/{name}.yml"], record) for name, record in description.projects.items()]
    for source, owner in owners:
        for index, record in enumerate(owner.get("dns_records") or []):
            if record and record["name"]:
                yield source, index, record


def check(description: Description) -> None:
    """Note mistakes in ``dns_records``."""
    declared = (description.platform.get("domain"), *(description.platform.get("dns_zones") or []))
    zones = [zone for zone in declared if zone]
    seen: dict[tuple[str, str], dict[str, str]] = {}
    _check_zones(description)
    generated = {"gateway", *description.vms, *description.hypervisors, *description.machines}
    names = {*generated, *map(frontend_name, generated), *_further_names(description)}
    before = _mistakes(description)
    for source, index, record in _declared(description):
        here = ("dns_records", index)
        where = f"dns_records[{index}]"
        zone = record["zone"] or description.platform.get("domain") or ""
        if record["zone"] and record["zone"] not in zones:
            source.wrong(
                source.find(*here, "zone"),
                f"{where}.zone: '{record['zone']}' is not served here",
                found=record["zone"],
                allowed=one_of(zones),
                hint=did_you_mean(record["zone"], zones),
            )
        if zone == description.platform.get("domain"):
            _check_machines(source, here, where, record, names)
        if zone:
            _check_name(source, here, where, record, zone)
        _check_values(description, source, here, where, record)
        _check_once(source, index, record, zone, seen)
    if _mistakes(description) == before:
        for zone in zones:
            _check_zone(description, zone, generated)


def _further_names(description: Description) -> Iterator[str]:
    """Yield the names of further addresses on the frontend."""
    for vm in description.vms.values():
        for number in range(2, 2 + vm.frontend_extra_ipv4.count):
            yield frontend_name(vm.name, number)


def _check_zones(description: Description) -> None:
    """Note zones that would have the names of machines, which the platform's own zone has."""
    domain = description.platform.get("domain") or ""
    source = description.sources["platform.yml"]
    below = f".{domain}"
    branches = {name.rpartition(".")[2] for name in _further_names(description)}
    ours = {"fe", *branches, "gateway", *description.vms, *description.hypervisors, *description.machines}
    for index, zone in enumerate(description.platform.get("dns_zones") or []):
        if (
            zone
            and domain
            and (zone == domain or (zone.endswith(below) and zone[: -len(below)].split(".")[-1] in ours))
        ):
            source.wrong(
                source.find("dns_zones", index),
                f"dns_zones[{index}]: {zone} would take names of machines away from {domain}",
                found=zone,
                allowed="a domain that no machine's name lies in; the platform's own needs no entry",
                eased=True,
            )


def _mistakes(description: Description) -> int:
    return sum(len(source.mistakes) for source in description.sources.values())


def _check_machines(source: Source, here: tuple[Any, ...], where: str, record: dict[str, Any], names: set[str]) -> None:
    """Note a record that stands where names of machines do, or gives them away."""
    if record["name"] in names:
        source.wrong(
            source.find(*here, "name"),
            f"{where}.name: '{record['name']}' is the name of a machine",
            found=record["name"],
            allowed="another name; those of machines are made by themselves",
        )
    elif record["type"] == "NS" and any(name.endswith(f".{record['name']}") for name in names):
        source.wrong(
            source.find(*here, "name"),
            f"{where}.name: names of machines lie below '{record['name']}', and another name server would have them",
            found=record["name"],
            allowed="another name",
        )


def _check_name(source: Source, here: tuple[Any, ...], where: str, record: dict[str, Any], zone: str) -> None:
    low = record["name"].lower()
    if low == zone or low.endswith(f".{zone}"):
        source.wrong(
            source.find(*here, "name"),
            f"{where}.name: '{record['name']}' lies below {zone} again, as {dns_values.shown(low)}.{zone}",
            found=record["name"],
            allowed=f"the name without the zone, or @ for {zone} itself",
            hint=f"write {low.removesuffix(zone).rstrip('.') or '@'}",
            eased=True,
        )
    full = dns_values.full_name(record["name"], zone)
    kind = record["type"] or "A"
    if problem := dns_values.owner_problem(kind, full):
        source.wrong(
            source.find(*here, "name"),
            f"{where}.name: {dns_values.shown(full)} {problem}",
            found=dns_values.shown(record["name"]),
            allowed=f"a name for records of type {kind}",
        )


def _check_zone(description: Description, zone: str, generated: set[str]) -> None:
    """Note records that no name server may load together; those of machines have some address or other here."""
    found: list[zone_records.Record] = []
    domain = description.platform.get("domain")
    if zone == domain:
        for name in (one for machine in sorted(generated) for one in (machine, frontend_name(machine))):
            found.append(zone_records.Record(f"{fqdn(name, zone)}.", "AAAA", "::"))
        if _pages(description):
            found.append(zone_records.Record(f"{fqdn(PAGES, zone)}.", "AAAA", "::"))
        for name in _further_names(description):
            found.append(zone_records.Record(f"{fqdn(name, zone)}.", "A", "0.0.0.0"))
    places: dict[zone_records.Record, tuple[Source, int]] = {}
    for source, index, record in _declared(description):
        if (record["zone"] or domain) != zone or None in (record["values"] or ()):
            continue
        entry = {**record, "type": "AAAA", "values": ["::"]} if record["vm"] else record
        for one in zone_records.declared(entry, zone):
            places.setdefault(one, (source, index))
            found.append(one)
    for faults, allowed, eased in (
        (zone_records.faults, "a host name that has addresses, and an alias (CNAME) alone and below the zone", False),
        (zone_records.unreachable, "what name servers find", True),
    ):
        for one, why in faults(zone, found):
            if one in places:
                source, index = places[one]
                source.wrong(
                    source.find("dns_records", index),
                    f"dns_records[{index}]: {why}",
                    found=f"{one.type} {dns_values.shown(one.data)}",
                    allowed=allowed,
                    eased=eased,
                )


def _check_values(
    description: Description, source: Source, here: tuple[Any, ...], where: str, record: dict[str, Any]
) -> None:
    if record["vm"]:
        if record["vm"] not in description.vms:
            source.wrong(
                source.find(*here, "vm"),
                f"{where}.vm: the VM '{record['vm']}' is not known",
                found=record["vm"],
                allowed="a VM of the platform",
                hint=did_you_mean(record["vm"], description.vms),
            )
        if record["type"] or record["values"]:
            source.wrong(
                source.find(*here, "vm"),
                f"{where}: vm stands beside type or values",
                allowed="either vm, which gives A and AAAA, or type and values",
            )
        return
    if not record["type"] or not record["values"]:
        source.wrong(
            source.find(*here),
            f"{where}: {'type' if not record['type'] else 'values'} is missing",
            allowed="type and values, or vm",
        )
        return
    for position, written in enumerate(record["values"]):
        value = _in_ascii(record["type"], written) if written else written
        record["values"][position] = value
        problem = dns_values.problem(record["type"], value) if value is not None else ""
        sound = [one for one in record["values"] if one is not None]
        why = dns_values.nonsense(record["type"], value, sound) if value is not None and not problem else ""
        if why:
            source.wrong(
                source.find(*here, "values", position),
                f"{where}.values: '{dns_values.shown(value)}' {why}",
                found=dns_values.shown(value),
                allowed=dns_values.TYPES[record["type"]].allowed,
                hint="write text as it is meant; long text is parted by itself" if record["type"] == "TXT" else "",
                eased=True,
            )
        if problem:
            source.wrong(
                source.find(*here, "values", position),
                f"{where}.values: '{dns_values.shown(value)}' {problem}",
                found=dns_values.shown(value),
                allowed=dns_values.TYPES[record["type"]].allowed,
            )


def _in_ascii(kind: str, value: str) -> str:
    """Return a value with the host name in it as programs compare it, where it is written beyond ASCII."""
    if value.isascii() or kind not in ("CNAME", "MX", "NS", "SRV"):
        return value
    *front, host = value.split(" ")
    name, problem = host_names.to_ascii(host)
    return value if problem else " ".join([*front, name])


def _check_once(
    source: Source, index: int, record: dict[str, Any], zone: str, seen: dict[tuple[str, str], dict[str, str]]
) -> None:
    """Note a second owner of the same records, and an alias beside anything else. ``seen`` has places by kind."""
    here = ("dns_records", index)
    name = record["name"].lower()
    kinds = [record["type"]] if record["type"] else ["A", "AAAA"]
    of_the_name = seen.setdefault((zone, name), {})
    for kind in kinds:
        other = next((found for found in of_the_name if found == kind or "CNAME" in (kind, found)), None)
        if other:
            source.wrong(
                source.find(*here, "name"),
                f"dns_records[{index}]: {name} has {kind} records, "
                f"and {other} records already stand at {of_the_name[other]}",
                found=record["name"],
                allowed="all values of a name and type in one place, and an alias (CNAME) alone",
            )
            break
    place = f"{source.name}:{source.find(*here).start_mark.line + 1}"
    for kind in kinds:
        of_the_name.setdefault(kind, place)
