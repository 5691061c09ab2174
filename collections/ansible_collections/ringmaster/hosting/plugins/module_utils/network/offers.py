# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VMs may reach of hypervisors and service machines: one list, and what follows from a description by it.

Machines' own guard (role ``guard``), the gateway and the firewall of a VM that runs a service read it; what is not on
it is closed to VMs.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.ringmaster.hosting.plugins.module_utils.network import icmp
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.addresses import is_address

Host = Mapping[str, Any]
CACHE = "package cache"


@dataclass(frozen=True)
class Offer:
    """One port of a service, and how much of it one address may take."""

    service: str
    """A key of ``services`` in the description, or :data:`CACHE`, which follows from ``apt_proxy``."""
    what: str
    protocol: str
    port: int
    everybody: bool = False
    """Whether the Internet may ask as well; else only the platform's networks."""
    variable: str = ""
    """Variable of the machine that sets another port."""
    rate: int = 0
    """Packets a second from one address; 0 is no limit."""
    connections: int = 0
    """TCP connections at once from one address; 0 is no limit."""
    addresses: tuple[str, ...] = ()
    """At which addresses of the machine; filled in by :func:`of`."""


OFFERS = (
    Offer("dns", "questions about names", "udp", 53, everybody=True, rate=500),
    Offer("dns", "questions about names", "tcp", 53, everybody=True, connections=20),
    Offer("backup", "backups, over TLS", "tcp", 8000, variable="backup_server_port", connections=32),
    Offer("status", "status pages, redirected to HTTPS", "tcp", 80, everybody=True, connections=64),
    Offer("status", "status pages", "tcp", 443, everybody=True, connections=64),
    Offer("portal", "requests of people, redirected to HTTPS", "tcp", 80, everybody=True, connections=64),
    Offer("portal", "requests of people", "tcp", 443, everybody=True, connections=64),
    Offer("mail", "mail that leaves, over TLS", "tcp", 25, connections=20),
    Offer("maintenance", "turns, over TLS", "tcp", 8001, variable="maintenance_server_port", connections=8),
    Offer(CACHE, "packages of Debian", "tcp", 3142, connections=32),
)
"""All that a VM may reach of a hypervisor or a service machine, with ICMP's :data:`.icmp.ICMP`."""

WATCHERS = ("monitoring", "status")
"""Services whose machine reads exporters and results of checks, and logs in nowhere but greets SSH."""
WATCHED_PORTS = ("22", "9100-9999")

#: What is nobody's on the Internet (RFC 6890): this host, private, shared, loopback, link-local (there clouds tell
#: secrets), multicast and reserved; and in IPv6 also site-local (RFC 3879) and IPv4 in disguise.
NOT_INTERNET = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.168.0.0/16", "224.0.0.0/3"),
    *("::/96", "::ffff:0:0/96", "fc00::/7", "fe80::/9", "ff00::/8"),
)
#: Prefixes that carry an IPv4 address to where it means: NAT64 (RFC 6052) and 6to4 (RFC 3056), with the bits before it.
CARRIERS = (("64:ff9b::", 96), ("2002::", 16))


def addresses_of(host: Host) -> list[str]:
    """Return where VMs ask a machine: its addresses on the server network, else the one that Ansible uses."""
    found = [str(host[name]) for name in ("ringmaster_srv_ipv4", "ringmaster_srv_ipv6") if host.get(name)]
    return found or [str(host[name]) for name in ("ansible_host",) if is_address(str(host.get(name)))]


def on_frontend(host: Host) -> list[str]:
    """Return the addresses of a machine on the frontend, where the Internet asks it."""
    return [str(host[name]) for name in ("ringmaster_fe_ipv4", "ringmaster_fe_ipv6") if host.get(name)]


def closed_to_internet(host: Host) -> list[str]:
    """Return the addresses of a machine that are ours to close: those on interfaces that the description names."""
    roles = [role for role in ("srv", "fe") if host.get(f"ringmaster_{role}_interface")]
    found = [host.get(f"ringmaster_{role}_{family}") for role in roles for family in ("ipv4", "ipv6")]
    return [str(one) for one in found if one]


def of(name: str, host: Host) -> list[Offer]:
    """Return what a machine offers to VMs, with ports and addresses; to everybody also on the frontend.

    :param host: its variables; ``ringmaster_services`` says what it runs, ``ringmaster_package_cache`` where VMs fetch
        packages.
    """
    services = host.get("ringmaster_services") or {}
    own = tuple(addresses_of(host))
    found = [
        dataclasses.replace(
            offer,
            port=int(host.get(offer.variable) or offer.port),
            addresses=(*own, *on_frontend(host)) if offer.everybody else own,
        )
        for offer in OFFERS
        if name and services.get(offer.service) == name
    ]
    # Two services of one machine may share a web server.
    result = list({(one.protocol, one.port): one for one in reversed(found)}.values())[::-1]
    url = urlsplit(str(host.get("ringmaster_package_cache") or ""))
    cache_at = _at(name, host, url.hostname) if url.hostname else ()
    if cache_at:
        port = url.port or (443 if url.scheme == "https" else 80)
        result += [
            dataclasses.replace(offer, port=port, addresses=cache_at) for offer in OFFERS if offer.service == CACHE
        ]
    return result


def _at(name: str, host: Host, wanted: str) -> tuple[str, ...]:
    """Return the addresses of a machine that somebody means by a name or an address; none when it is another one."""
    if is_address(wanted):
        address = ipaddress.ip_address(wanted)
        return tuple(one for one in _inner_addresses(host) if ipaddress.ip_address(one) == address)
    return tuple(addresses_of(host)) if wanted in (name, host.get("ringmaster_fqdn")) else ()


def networks(host: Host) -> list[str]:
    """Return the platform's networks: where VMs are."""
    found = host.get("ringmaster_networks") or {}
    return [str(one[family]) for one in found.values() for family in ("ipv4", "ipv6") if one.get(family)]


def guard(hostvars: Mapping[str, Host], name: str, machines: Sequence[str]) -> dict[str, Any]:
    """Return what the guard of a hypervisor or service machine lets in from the platform's networks.

    ``offers`` is a list of ``{what, proto, port, everybody, addresses, rate, connections}``; ``trusted`` are the
    addresses of the platform's own machines, ``watchers`` those of VMs that monitor, ``networks`` is where VMs are.
    What comes in by ``frontend_interface`` or ``server_interface``, where these are known, is judged whoever sends it.

    :param machines: hypervisors and service machines.
    """
    host = hostvars[name]
    # Not those of the frontend, where only what everybody may have is asked for.
    trusted = [address for one in machines for address in _inner_addresses(hostvars[one])]
    services = host.get("ringmaster_services") or {}
    trusted += _gateways(host)
    watching = [services[one] for one in WATCHERS if services.get(one) in hostvars and services[one] not in machines]
    return {
        "offers": [_plain(offer) for offer in of(name, host)],
        "frontend_interface": str(host.get("ringmaster_fe_interface") or ""),
        "server_interface": str(host.get("ringmaster_srv_interface") or ""),
        "trusted": sorted(dict.fromkeys(trusted)),
        "watchers": sorted({address for one in watching for address in addresses_of(hostvars[one])}),
        "watched_ports": list(WATCHED_PORTS),
        "networks": networks(host),
        "icmp": icmp.BY_FAMILY,
    }


def _inner_addresses(host: Host) -> list[str]:
    """Return by which addresses a machine is known to operators and on the server network."""
    found = [host.get(key) for key in ("ansible_host", "ringmaster_srv_ipv4", "ringmaster_srv_ipv6")]
    return [str(one) for one in found if one and is_address(str(one))]


def _all_addresses(host: Host) -> list[str]:
    return list(dict.fromkeys([*_inner_addresses(host), *on_frontend(host)]))


def _plain(offer: Offer) -> dict[str, Any]:
    return {
        "what": offer.what,
        "proto": offer.protocol,
        "port": offer.port,
        "everybody": offer.everybody,
        "addresses": list(offer.addresses),
        "rate": offer.rate,
        "connections": offer.connections,
    }


def beyond(
    hostvars: Mapping[str, Host], name: str, machines: Sequence[str], allowed: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what VMs reach through the gateway: the offers of machines, and what is closed around them.

    ``open`` is a list of ``{what, proto, port, addresses}``, ``own`` are those of the gateway itself; ``machines`` are
    the machines' addresses, ``closed`` the prefixes of management and machines, ``private`` those that are nobody's
    on the Internet. What is neither is the Internet, which is open.
    The other way round, ``services`` are addresses of machines of which the Internet reaches what is ``public`` only.

    :param name: the gateway.
    :param allowed: prefixes that are open although nobody's on the Internet; never management networks or machines.
    """
    host = hostvars[name]
    opened = [_plain(offer) for one in machines for offer in of(one, hostvars[one])]
    own = [address for one in machines for address in _all_addresses(hostvars[one])]
    ours = {address for one in machines for address in closed_to_internet(hostvars[one])}
    public = [{**one, "addresses": [a for a in one["addresses"] if a in ours]} for one in opened if one["everybody"]]
    # A management network may lie in those where VMs are, who then reach each other as ever.
    management = [str(one) for one in host.get("ringmaster_management_networks") or []]
    closed = [*_without(prefixes(management), networks(host)), *own]
    return {
        "open": opened,
        "own": [_plain(offer) for offer in of(name, host)],
        "machines": sorted({address for one in machines for address in _inner_addresses(hostvars[one])}),
        "services": sorted(ours),
        "public": [one for one in public if one["addresses"]],
        "closed": prefixes([*closed, *(_carried(closed))]),
        "private": _without(prefixes([*NOT_INTERNET, *_carried(NOT_INTERNET)]), allowed),
        "icmp": icmp.BY_FAMILY,
    }


def compare(
    hostvars: Mapping[str, Host], answers: Sequence[Mapping[str, Any]], machines: Sequence[str]
) -> dict[str, Any]:
    """Compare what a VM reached of machines by TCP with the list: ``{asked, wrong: [sentences]}``.

    A port on which nobody listens counts as reached when the machine itself said so. Not reaching what is listed is
    told as well, but for silence: the machine may be off.

    :param answers: those of module ``network_probe``.
    """
    listed: dict[tuple[str, int], str] = {}
    names: dict[str, str] = {}
    for name in machines:
        names |= dict.fromkeys(_all_addresses(hostvars[name]), name)
        for offer in of(name, hostvars[name]):
            if offer.protocol == "tcp":
                listed |= {(address, offer.port): offer.what for address in offer.addresses}
    wrong = []
    asked = [one for one in answers if one["answer"] != "no way there"]
    for one in asked:
        place = (str(one["address"]), int(one["port"]))
        where = f"{names.get(place[0], 'the gateway')} {place[0]} port {place[1]}"
        if one["answer"] in ("open", "refused") and place not in listed:
            wrong.append(f"{where} answers ({one['answer']}), and is not on the list of what VMs may reach")
        elif one["answer"] == "rejected" and place in listed:
            wrong.append(f"{where} is rejected, and is listed for {listed[place]}")
    return {"asked": len(asked), "wrong": wrong}


def prefixes(found: Iterable[str]) -> list[str]:
    """Return addresses and networks as few prefixes, IPv4 first."""
    parsed = [ipaddress.ip_network(one, strict=False) for one in found]
    result: list[str] = []
    for version in (4, 6):
        some: list[Any] = [one for one in parsed if one.version == version]
        result += map(str, ipaddress.collapse_addresses(some))
    return result


def _carried(found: Iterable[str]) -> list[str]:
    """Return IPv6 prefixes that lead to IPv4 ones."""
    result = []
    for text in found:
        network = ipaddress.ip_network(text, strict=False)
        if network.version == 6:
            continue
        for carrier, bits in CARRIERS:
            base = int(ipaddress.IPv6Address(carrier)) | int(network.network_address) << (96 - bits)
            result.append(f"{ipaddress.IPv6Address(base)}/{bits + network.prefixlen}")
    return result


def _without(found: Iterable[str], allowed: Sequence[str]) -> list[str]:
    """Return prefixes with others taken out of them."""
    left: list[Any] = [ipaddress.ip_network(one) for one in found]
    for text in allowed:
        hole: Any = ipaddress.ip_network(text, strict=False)
        kept = []
        for one in left:
            if one.version != hole.version or not one.overlaps(hole):
                kept.append(one)
            elif hole.prefixlen > one.prefixlen:
                kept += one.address_exclude(hole)
        left = kept
    return prefixes(map(str, left))


def addresses(hostvars: Mapping[str, Host], machines: Sequence[str]) -> list[str]:
    """Return all addresses of machines that the description names, with those of the gateway if it is one of them."""
    found = [address for name in machines for address in _all_addresses(hostvars[name])]
    for name in machines[:1]:
        found += _gateways(hostvars[name])
    return list(dict.fromkeys(found))


def _gateways(host: Host) -> list[str]:
    """Return the gateway's addresses; none where it is somebody else's router."""
    if not (host.get("ringmaster_services") or {}).get("gateway"):
        return []
    found = (host.get("ringmaster_networks") or {}).values()
    return [str(one[f"{family}_gateway"]) for one in found for family in ("ipv4", "ipv6") if one[family]]


def table() -> list[list[str]]:
    """Return the list for people, a row for each port."""
    return [
        [
            f"`{offer.service}`" if offer.service != CACHE else "`apt_proxy`",
            f"{offer.port}/{offer.protocol}" + (f" (`{offer.variable}`)" if offer.variable else ""),
            offer.what,
            "everybody" if offer.everybody else "the platform's networks",
            f"{offer.rate} packets a second" if offer.rate else f"{offer.connections} connections",
        ]
        for offer in OFFERS
    ]
