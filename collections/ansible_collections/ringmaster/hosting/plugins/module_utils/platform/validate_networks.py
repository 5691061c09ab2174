# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of networks and of addresses that people wrote down."""

from __future__ import annotations

import itertools
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.addresses import FIRST_ID

from .allocation import NETWORKS, gateway
from .language.load import Source
from .model import MACHINE_ADDRESSES, Description

SMALLEST_IPV4 = 30
_ROLES = {"srv": "server", "fe": "frontend"}
_WHOSE = {"frontend": "the frontend's", "server": "the private one of the server network"}


def check(description: Description) -> None:
    """Note mistakes in networks and in the addresses of machines."""
    source = description.sources["platform.yml"]
    for role in NETWORKS:
        ours = bool((description.platform.get("services") or {}).get("gateway"))
        _check_network(source, role, description.network(role), ours=ours)
    _check_public(description, source)
    _check_disjoint(description, source)
    _check_machines(description, source)


def _wrong(source: Source, path: tuple[str, ...], value: str, why: str, allowed: str, *, eased: bool = False) -> None:
    """Note what is wrong with the address or network at a path."""
    source.wrong(source.find(*path), f"{'.'.join(path)}: {value} {why}", found=value, allowed=allowed, eased=eased)


def _check_prefix(source: Source, path: tuple[str, ...], prefix: str) -> None:
    if why := addresses.nonsense(prefix):
        _wrong(source, path, prefix, why, "a network whose addresses machines can have", eased=True)
    elif ":" not in prefix and int(prefix.rpartition("/")[2]) > SMALLEST_IPV4:
        allowed = f"a network of /{SMALLEST_IPV4} or larger"
        _wrong(source, path, prefix, "has no room for a gateway and a VM", allowed, eased=True)


def _check_gateway(source: Source, path: tuple[str, ...], router: str, prefix: str, *, ours: bool) -> None:
    """Note a gateway that cannot be one. Hosters have some outside of the network: on the link, or link-local."""
    if addresses.contains(prefix, router):
        if addresses.is_edge(prefix, router):
            why = "is the address of the network itself, or its broadcast address"
            _wrong(source, path, router, why, f"an address between, such as {addresses.first_host(prefix)}", eased=True)
    elif ours:
        why = "lies outside its network, and services.gateway is a machine of ours"
        _wrong(source, path, router, why, f"an address in {prefix}, or no services.gateway where somebody else routes")
    elif (why := addresses.nonsense(router)) and not addresses.is_link_local(router):
        _wrong(source, path, router, why, "a router's address")


def _check_network(source: Source, role: str, network: dict[str, Any], *, ours: bool) -> None:
    here = ("networks", role)
    for family in ("ipv4", "ipv6"):
        prefix, router = network.get(family), network.get(f"{family}_gateway")
        if _is_faulty(source, network, role, family):
            continue
        if router and not prefix:
            source.wrong(
                source.find(*here, f"{family}_gateway"),
                f"networks.{role}.{family}_gateway: there is no {family} network here",
                found=router,
            )
        elif router and prefix:
            _check_gateway(source, (*here, f"{family}_gateway"), router, prefix, ours=ours)
        if prefix:
            _check_prefix(source, (*here, family), prefix)
    router = network.get("ipv6_gateway")
    if router and network.get("ipv6") and _host_part(network["ipv6"], router) >= FIRST_ID:
        _taken_by_ids(source, (*here, "ipv6_gateway"), router)
    span = network.get("ipv4_pool")
    if span and not _is_faulty(source, network, role, "ipv4"):
        if not network.get("ipv4"):
            source.wrong(source.find(*here, "ipv4_pool"), f"networks.{role}.ipv4_pool: there is no IPv4 network here")
            return
        for end in span.split("-"):
            if not addresses.contains(network["ipv4"], end):
                _outside(source, (*here, "ipv4_pool"), end, network["ipv4"])


def _outside(source: Source, path: tuple[str, ...], address: str, prefix: str) -> None:
    allowed = f"an address in {prefix}" if prefix else "nothing: there is no such network"
    _wrong(source, path, address, "lies outside its network", allowed)


def _host_part(prefix: str, address: str) -> int:
    if not addresses.contains(prefix, address):
        return 0
    return addresses.as_number(address) - addresses.as_number(prefix.partition("/")[0])


def _taken_by_ids(source: Source, path: tuple[str, ...], address: str) -> None:
    allowed = "a host part below ::1000; from there on it is the id of a VM"
    _wrong(source, path, address, "could be the address of a VM", allowed)


def _is_faulty(source: Source, network: dict[str, Any], role: str, family: str) -> bool:
    """Tell whether a network is written down but could not be read: then nothing can be compared with it."""
    if network.get(family):
        return False
    parent = source.find("networks", role)
    return source.find("networks", role, family) is not parent


def _check_public(description: Description, source: Source) -> None:
    """Note a network of public addresses that are nobody's on the Internet: the gateway translates none of them."""
    prefix = description.network("server_public").get("ipv4") or ""
    if any(prefix and addresses.overlap(prefix, private) for private in addresses.PRIVATE_IPV4):
        allowed = "a network of addresses that the Internet reaches; private ones are networks.server"
        _wrong(source, ("networks", "server_public", "ipv4"), prefix, "is private", allowed)


def _check_disjoint(description: Description, source: Source) -> None:
    for first, second in itertools.combinations(NETWORKS, 2):
        for family in ("ipv4", "ipv6"):
            one, other = description.network(first).get(family), description.network(second).get(family)
            if one and other and addresses.overlap(one, other):
                source.wrong(
                    source.find("networks", second, family),
                    f"networks.{second}.{family}: the network overlaps with {_WHOSE[first]}",
                    found=f"{other} and {one}",
                    allowed="two networks that have no address in common",
                )


def _address_problem(key: str, address: str, prefix: str) -> str:
    """Say why a machine cannot have an address; Ansible may reach one by loopback or on its link."""
    if key == "address":
        reached = addresses.contains("127.0.0.0/8", address) or address == "::1" or addresses.is_link_local(address)
        return "" if reached else addresses.nonsense(address)
    if prefix and addresses.is_edge(prefix, address):
        return "is the address of the network itself, or its broadcast address"
    return addresses.nonsense(address)


def _check_interfaces(source: Source, here: tuple[str, str], record: dict[str, Any]) -> None:
    """Note an address on the frontend without its interface, an interface without an address, and one that is two."""

    def is_written(key: str) -> bool:
        # What is and could not be read has been noted.
        return source.find(*here, key) is not source.find(*here)

    for short, role in _ROLES.items():
        name = record.get(f"{short}_interface")
        given = [key for key in (f"{short}_ipv4", f"{short}_ipv6") if is_written(key)]
        if given and short == "fe" and not is_written("fe_interface"):
            source.wrong(
                source.find(*here, given[0]),
                f"{'.'.join(here)}.{given[0]}: the machine has no interface on the frontend",
                found=f"{given[0]} without fe_interface",
                allowed="fe_interface: the interface that is plugged into the frontend, as `ip link` calls it",
            )
        if name and not given:
            source.wrong(
                source.find(*here, f"{short}_interface"),
                f"{'.'.join(here)}.{short}_interface: the machine has no address on the {role} network",
                found=name,
                allowed=f"{short}_ipv4 or {short}_ipv6 beside it, or no {short}_interface",
            )
    if record.get("fe_interface") and record["fe_interface"] == record.get("srv_interface"):
        source.wrong(
            source.find(*here, "fe_interface"),
            f"{'.'.join(here)}.fe_interface: {record['fe_interface']} is the interface on the server network",
            found=record["fe_interface"],
            allowed="an interface for each network",
        )


def _check_machines(description: Description, source: Source) -> None:
    services = description.platform.get("services") or {}
    owners: dict[str, str] = {}
    for role in NETWORKS:
        for family in ("ipv4", "ipv6"):
            router = gateway(description.network(role), family)
            if router:
                owners[addresses.canonical(router)] = "the gateway"
    for section, machines in (("hypervisors", description.hypervisors), ("machines", description.machines)):
        for name, record in machines.items():
            if section == "machines":
                _check_interfaces(source, (section, name), record)
            for key in MACHINE_ADDRESSES:
                address = record.get(key)
                path = (section, name, key)
                if not address:
                    continue
                short, _underscore, family = key.partition("_")
                role = _ROLES.get(short, "")
                network = description.network(role) if role else {}
                if role and _is_faulty(source, network, role, family):
                    continue
                prefix = network.get(family) or ""
                if network and not addresses.contains(prefix, address):
                    _outside(source, path, address, prefix)
                    continue
                if problem := _address_problem(key, address, prefix):
                    _wrong(source, path, address, problem, "a machine's address", eased=True)
                if network and family == "ipv6" and _host_part(prefix or "::/64", address) >= FIRST_ID:
                    _taken_by_ids(source, path, address)
                canonical = addresses.canonical(address)
                owner = owners.setdefault(canonical, name)
                if owner not in (name, "the gateway") or (owner == "the gateway" and services.get("gateway") != name):
                    source.wrong(
                        source.find(*path),
                        f"{'.'.join(path)}: {address} is taken",
                        found=f"{owner} has it",
                        allowed="every address once",
                    )
