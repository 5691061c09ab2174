# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd-networkd files of a VM, for its seed (first boot) and for role ``network`` (ever after).

Two interfaces that are found by their MAC addresses, static addresses, one default route per family, and replies that
leave where the question came in, because the hypervisor's filters let an interface send from its own addresses only.
``docs/networking.md`` shows it to people.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MTU = 1500
#: Routing table (and rule priority) of each interface: its role number in the MAC address plus 1000. Public addresses
#: on ethsrv have another network and gateway than the others there, and so a table of their own.
TABLES = {"ethfe": 1002, "ethsrv": 1003}
PUBLIC_TABLE = 1004
HEADER = "# Managed by Ringmaster: changes made here will be overwritten\n"


@dataclass(frozen=True)
class Address:
    """An address of an interface, with its network, the network's gateway ("" if it has none) and its table."""

    address: str
    network: str
    gateway: str
    table: int
    is_further: bool = False
    """Whether it stands beside the first one of its family."""

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.address).version

    def to_gateway(self) -> list[tuple[str, str]]:
        """Return what a route by the gateway says: one outside of the network is on the link all the same."""
        gateway = ipaddress.ip_address(self.gateway)
        on_link = gateway not in ipaddress.ip_network(self.network) and not gateway.is_link_local
        return [("Gateway", self.gateway), *([("GatewayOnLink", "yes")] if on_link else [])]

    @property
    def prefix_length(self) -> int:
        """Bits of the network part."""
        return ipaddress.ip_network(self.network).prefixlen


@dataclass(frozen=True)
class Kind:
    """A kind of addresses: variable ``ringmaster_<name>``, and the network that they lie in."""

    name: str
    interface: str
    network: str
    family: str
    table: int
    is_further: bool = False


KINDS = (
    Kind("fe_ipv4", "ethfe", "frontend", "ipv4", TABLES["ethfe"]),
    Kind("fe_ipv6", "ethfe", "frontend", "ipv6", TABLES["ethfe"]),
    Kind("fe_extra_ipv4", "ethfe", "frontend", "ipv4", TABLES["ethfe"], is_further=True),
    Kind("srv_ipv4", "ethsrv", "server", "ipv4", TABLES["ethsrv"]),
    Kind("srv_ipv6", "ethsrv", "server", "ipv6", TABLES["ethsrv"]),
    Kind("srv_public_ipv4", "ethsrv", "server_public", "ipv4", PUBLIC_TABLE, is_further=True),
)


@dataclass(frozen=True)
class Interface:
    """One NIC of a VM. Without ``mac`` it is matched by its name, as machines in containers need."""

    name: str
    mac: str
    addresses: tuple[Address, ...]
    mtu: int = MTU

    def families(self) -> set[int]:
        """Return the address families of the interface."""
        return {address.version for address in self.addresses}


def interfaces(vm: Mapping[str, Any], *, former: bool = False) -> list[Interface]:
    """Return ethfe and ethsrv of a VM from its host variables.

    Needs ``ringmaster_networks`` and the flat ``ringmaster_{fe,srv}_{mac,ipv4,ipv6}``; "" or missing is none. Lists of
    further addresses are ``ringmaster_fe_extra_ipv4`` and ``ringmaster_srv_public_ipv4``. With ``former``, what
    ``ringmaster_former_addresses`` has in the same networks comes beside it.
    Raises ValueError that names the variable when an address does not fit its network.
    """
    result = []
    for name, role, key in (("ethfe", "fe", "frontend"), ("ethsrv", "srv", "server")):
        network = vm["ringmaster_networks"].get(key, {})
        kinds = [kind for kind in KINDS if kind.interface == name]
        addresses = [address for kind in kinds for address in _addresses(vm, kind, former=former)]
        mac = str(vm.get(f"ringmaster_{role}_mac") or "")
        result.append(Interface(name, mac, tuple(addresses), int(network.get("mtu") or MTU)))
    return result


def _addresses(vm: Mapping[str, Any], kind: Kind, *, former: bool) -> list[Address]:
    """Return the addresses of one kind, then the former ones that lie in the same network."""
    network = vm["ringmaster_networks"].get(kind.network, {})
    prefix, gateway = str(network.get(kind.family) or ""), str(network.get(f"{kind.family}_gateway") or "")
    present = _several(vm.get(f"ringmaster_{kind.name}"))
    for address in present:
        if not prefix or ipaddress.ip_address(address) not in ipaddress.ip_network(prefix):
            raise ValueError(
                f"ringmaster_{kind.name} is {address}, but ringmaster_networks.{kind.network}.{kind.family} is"
                f" '{prefix}'; the address must lie in that network"
            )
    old = _several((vm.get("ringmaster_former_addresses") or {}).get(kind.name)) if former and present else []
    stays = [one for one in old if ipaddress.ip_address(one) in ipaddress.ip_network(prefix)]
    found = dict.fromkeys([*present, *stays])
    return [Address(address, prefix, gateway, kind.table, kind.is_further) for address in found]


def _several(value: Any) -> list[str]:
    """Return one address, several of them or none as a list."""
    return [str(one) for one in ([value] if isinstance(value, str) else value or []) if one]


def render(vm: Mapping[str, Any], *, former: bool = False) -> dict[str, str]:
    """Return file name -> text for /etc/systemd/network from a VM's host variables.

    Keys are ``10-ethfe.link``, ``10-ethfe.network`` and the same for ethsrv; a .link file only where the MAC
    is known. With ``former``, former addresses come beside the present ones.
    ``ringmaster_resolvers`` (list of addresses) and ``ringmaster_domain`` are used where defined.
    """
    files = {}
    ports = interfaces(vm, former=former)
    taken: set[int] = set()
    for port in ports:
        # ethfe comes first: where it has an address of a family, it has the default route.
        default_for = port.families() - taken
        taken |= {address.version for address in port.addresses if address.gateway}
        if port.mac:
            files[f"10-{port.name}.link"] = _link(port)
        resolvers = vm.get("ringmaster_resolvers") or [] if port.name == "ethsrv" else []
        domain = str(vm.get("ringmaster_domain") or "")
        # A frontend without carrier must not hold the boot.
        is_awaited = port.name != "ethfe"
        files[f"10-{port.name}.network"] = _network(port, default_for, resolvers, domain, is_awaited=is_awaited)
    return files


def files(variables: Mapping[str, Any], match_mac: bool = True, former: bool = False) -> dict[str, str]:
    """Return file name -> text as ``render`` does; without ``match_mac`` interfaces are found by their name."""
    if not match_mac:
        variables = ChainMap({"ringmaster_fe_mac": "", "ringmaster_srv_mac": ""}, variables)  # type: ignore[arg-type]
    return render(variables, former=former)


def machine_files(host: Mapping[str, Any]) -> dict[str, str]:
    """Return file name -> text for the interfaces of a service machine that the description names; none for others.

    Addresses and rules are as a VM's. The default route is the machine's own affair, unless Ansible reaches it by this
    interface: then there is no other one.
    """
    host = ChainMap({"ringmaster_fe_mac": "", "ringmaster_srv_mac": ""}, host)  # type: ignore[arg-type]
    result = {}
    for port, role in zip(interfaces(host), ("fe", "srv"), strict=True):
        name = str(host.get(f"ringmaster_{role}_interface") or "")
        if name:
            is_way_in = host.get("ansible_host") in [one.address for one in port.addresses]
            default_for = port.families() if is_way_in else set()
            text = _network(dataclasses.replace(port, name=name), default_for, is_awaited=is_way_in)
            result[f"05-ringmaster-{name}.network"] = text
    return result


def _text(sections: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> str:
    blocks = ["\n".join([f"[{name}]", *(f"{key}={value}" for key, value in pairs)]) for name, pairs in sections]
    return HEADER + "\n" + "\n\n".join(blocks) + "\n"


def _match(port: Interface) -> tuple[str, list[tuple[str, str]]]:
    # Type keeps VLANs and bridges made on top of the interface, which inherit its MAC, out.
    return ("Match", [("MACAddress", port.mac), ("Type", "ether")] if port.mac else [("Name", port.name)])


def _link(port: Interface) -> str:
    return _text([_match(port), ("Link", [("Name", port.name), ("MTUBytes", str(port.mtu))])])


def _network(
    port: Interface, default_for: set[int], resolvers: Sequence[str] = (), domain: str = "", *, is_awaited: bool
) -> str:
    settings = [
        ("DHCP", "no"),
        ("LinkLocalAddressing", "ipv6"),
        ("IPv6AcceptRA", "no"),
        # The ledger keeps addresses unique; waiting for a neighbour that objects would delay every boot.
        ("IPv6DuplicateAddressDetection", "0"),
        ("LLMNR", "no"),
        ("MulticastDNS", "no"),
        ("LLDP", "no"),
        *[("DNS", str(resolver)) for resolver in resolvers],
        *([("Domains", domain)] if resolvers and domain else []),
    ]
    sections: list[tuple[str, Sequence[tuple[str, str]]]] = [
        _match(port),
        ("Link", [("MTUBytes", str(port.mtu)), ("RequiredForOnline", "yes" if is_awaited else "no")]),
        ("Network", settings),
    ]
    for address in port.addresses:
        sections.append(("Address", [("Address", f"{address.address}/{address.prefix_length}")]))
    for version in sorted(default_for):
        first = next((one for one in port.addresses if one.version == version and one.gateway), None)
        if first:
            beside = any(one.is_further and one.network == first.network for one in port.addresses)
            # The kernel may take any of several for what a program sends without having chosen.
            source = [("PreferredSource", first.address)] if beside else []
            sections.append(("Route", [*first.to_gateway(), *source]))
    for address in port.addresses:
        table = str(address.table)
        host = ipaddress.ip_address(address.address).max_prefixlen
        scope = [("Scope", "link")] if address.version == 4 else []
        sections.append(("Route", [("Destination", address.network), *scope, ("Table", table)]))
        if address.gateway:
            sections.append(("Route", [*address.to_gateway(), ("Table", table)]))
        rule = [("From", f"{address.address}/{host}"), ("Table", table), ("Priority", table)]
        sections.append(("RoutingPolicyRule", rule))
    # Two addresses of one network have their routes in common.
    return _text([one for index, one in enumerate(sections) if one not in sections[:index]])
