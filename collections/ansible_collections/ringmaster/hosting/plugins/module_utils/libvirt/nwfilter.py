# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Anti-spoofing at the tap: what a network card may send, by filters of our own for IPv4 and IPv6.

libvirt's stock ``clean-traffic`` drops IPv6 and learns the address from the first packet. Ours get the
addresses as parameters, and their names are not ``IP``, which libvirt would learn when it is missing.

A card may send: ARP as itself, IPv4 and IPv6 from its own addresses (with the link-local address that follows
from its MAC), and the announcement that QEMU makes for it after a migration. It may not send a router
advertisement or redirect, an answer of a DHCP server, another protocol, or anything with a tag or another MAC.
What it receives is not filtered here. Rules at this layer are rules of ebtables: no connection is tracked.
"""

from __future__ import annotations

import ipaddress
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import require_libvirt
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

NAMESPACE = uuid.UUID("e3b4f6e0-6f0f-5d7b-8f4c-5d1c7a0f6e11")
PARAMETERS = {4: "IPV4", 6: "IPV6"}
DHCP_SERVER, DHCP_CLIENT = "67", "68"
DHCPV6_SERVER, DHCPV6_CLIENT = "547", "546"
NEIGHBOUR_SOLICITATION, MLD_REPORT, MLD2_REPORT = "135", "131", "143"
ROUTER_ADVERTISEMENT, REDIRECT = "134", "137"


@dataclass(frozen=True)
class Rule:
    """One rule on what a guest sends; ``match`` is the element, with its attributes, or nothing for everything."""

    action: str
    priority: int
    element: str = ""
    match: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Filter:
    """One filter of libvirt; only a root filter refers to others."""

    name: str
    chain: str
    priority: int
    rules: tuple[Rule, ...]
    refers: tuple[str, ...] = ()

    def xml(self) -> str:
        """Give the definition. Its UUID follows from the name: libvirt takes a new one only with the old UUID."""
        root = ET.Element("filter", name=self.name, chain=self.chain, priority=str(self.priority))
        ET.SubElement(root, "uuid").text = str(uuid.uuid5(NAMESPACE, self.name))
        for other in self.refers:
            ET.SubElement(root, "filterref", filter=other)
        for rule in self.rules:
            element = ET.SubElement(root, "rule", action=rule.action, direction="out", priority=str(rule.priority))
            if rule.element:
                ET.SubElement(element, rule.element, dict(rule.match))
        return ET.tostring(root, encoding="unicode")


def _icmpv6(kind: str, **match: str) -> dict[str, str]:
    return {**match, "protocol": "icmpv6", "type": kind}


def _drop(priority: int, element: str = "", **match: str) -> Rule:
    return Rule("drop", priority, element, match)


def _accept(priority: int, element: str, match: Mapping[str, str]) -> Rule:
    return Rule("accept", priority, element, match)


OWN_MAC = Filter(
    "ringmaster-mac",
    "mac",
    -800,
    (Rule("return", 100, "mac", {"srcmacaddr": "$MAC"}), _drop(1000)),
)
# The iterator of its own combines each address with the MAC; without one libvirt takes the lists in parallel.
OWN_ARP = Filter(
    "ringmaster-arp",
    "arp-own",
    -700,
    (_accept(100, "arp", {"arpsrcmacaddr": "$MAC", "arpsrcipaddr": "$IPV4[@1]"}), _drop(1000)),
)
OWN_IPV4 = Filter(
    "ringmaster-ipv4",
    "ipv4-own",
    -600,
    (
        _drop(100, "ip", protocol="udp", srcportstart=DHCP_SERVER),
        _drop(110, "ip", protocol="udp", dstportstart=DHCP_CLIENT),
        _accept(200, "ip", {"srcipaddr": "$IPV4"}),
        _drop(1000),
    ),
)
OWN_IPV6 = Filter(
    "ringmaster-ipv6",
    "ipv6-own",
    -500,
    (
        _drop(100, "ipv6", **_icmpv6(ROUTER_ADVERTISEMENT)),
        _drop(110, "ipv6", **_icmpv6(REDIRECT)),
        _drop(120, "ipv6", protocol="udp", srcportstart=DHCPV6_SERVER),
        _drop(130, "ipv6", protocol="udp", dstportstart=DHCPV6_CLIENT),
        # Without an address yet, a guest asks whether somebody has the one it wants, and joins that one's group.
        *(
            _accept(200 + index, "ipv6", _icmpv6(kind, srcipaddr="::"))
            for index, kind in enumerate((NEIGHBOUR_SOLICITATION, MLD_REPORT, MLD2_REPORT))
        ),
        _accept(300, "ipv6", {"srcipaddr": "$IPV6"}),
        _drop(1000),
    ),
)
LAST = (_accept(500, "mac", {"protocolid": "rarp"}), _drop(1000))

ROOTS = {
    frozenset({4, 6}): Filter(
        "ringmaster-dual", "root", 0, LAST, (OWN_MAC.name, OWN_ARP.name, OWN_IPV4.name, OWN_IPV6.name)
    ),
    frozenset({4}): Filter("ringmaster-ipv4-only", "root", 0, LAST, (OWN_MAC.name, OWN_ARP.name, OWN_IPV4.name)),
    frozenset({6}): Filter("ringmaster-ipv6-only", "root", 0, LAST, (OWN_MAC.name, OWN_IPV6.name)),
}
"""The filter of a card by the families of its addresses: libvirt starts no domain that lacks a parameter."""

FILTERS = (OWN_MAC, OWN_ARP, OWN_IPV4, OWN_IPV6, *ROOTS.values())
"""In an order in which each is defined before it is referred to."""


def link_local(mac: str) -> str:
    """Give the IPv6 link-local address that a guest makes from its MAC (modified EUI-64, RFC 4291)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + identifier))


def reference(mac: str, addresses: Iterable[str]) -> tuple[str, str]:
    """Give the name of a card's filter and what it lets through, as text; both empty without addresses."""
    parsed = [ipaddress.ip_address(address) for address in addresses]
    if not parsed:
        return "", ""
    families = frozenset(address.version for address in parsed)
    texts = {str(address) for address in parsed} | ({link_local(mac)} if 6 in families else set())
    return ROOTS[families].name, sorted_text(texts)


def sorted_text(addresses: Iterable[str]) -> str:
    """Write addresses as one text, IPv4 first."""
    parsed = sorted((ipaddress.ip_address(one) for one in addresses), key=lambda one: (one.version, int(one)))
    return ", ".join(str(address) for address in parsed)


def to_element(name: str, addresses: str) -> ET.Element:
    """Build the ``<filterref>`` of a card from what :func:`reference` gave."""
    found = ET.Element("filterref", filter=name)
    for text in addresses.split(", ") if addresses else ():
        ET.SubElement(found, "parameter", name=PARAMETERS[ipaddress.ip_address(text).version], value=text)
    return found


def from_element(found: ET.Element | None) -> tuple[str, str]:
    """Read name and addresses from the ``<filterref>`` of a card, whoever wrote it; both empty without one."""
    if found is None:
        return "", ""
    parameters = found.iterfind("parameter")
    values = [one.get("value", "") for one in parameters if one.get("name") in PARAMETERS.values()]
    try:
        return found.get("filter", ""), sorted_text(values)
    except ValueError:  # somebody's filter may have a parameter of that name that is something else
        return found.get("filter", ""), ", ".join(values)


def _meaning(text: str) -> Any:
    """Reduce a definition to what it does: libvirt adds white space, and may put rules into another order."""
    root = ET.fromstring(text)
    rules = sorted(
        (rule.get("priority", ""), rule.get("action", ""), rule.get("direction", ""), _matches(rule))
        for rule in root.findall("rule")
    )
    return root.get("chain"), root.get("priority", "0"), [one.get("filter") for one in root.findall("filterref")], rules


def _matches(rule: ET.Element) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    return tuple((match.tag, tuple(sorted(match.attrib.items()))) for match in rule)


def ensure(connection: Any, check: bool) -> list[str]:
    """Have all our filters in libvirt; a changed one takes effect in all running guests at once.

    :returns: names of the filters that were (in check mode: would be) defined.
    :raises HypervisorError: when this libvirt has no filters.
    """
    binding = require_libvirt()
    try:
        present = {one.name(): one for one in connection.listAllNWFilters()}
    except binding.libvirtError as error:
        if error.get_error_code() != binding.VIR_ERR_NO_SUPPORT:
            raise
        if connection.getType().lower() == "test":
            return []
        raise HypervisorError(
            "this libvirt has no network filters, so nothing would keep a VM from faking addresses: install its "
            "nwfilter driver (libvirt-daemon-driver-nwfilter) and iptables, and restart libvirtd (role hypervisor does)"
        ) from error
    changed = []
    for wanted in FILTERS:
        old = present.get(wanted.name)
        if old is not None and _meaning(old.XMLDesc()) == _meaning(wanted.xml()):
            continue
        changed.append(wanted.name)
        if not check:
            connection.nwfilterDefineXML(wanted.xml())
    return changed
