# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses: what follows from a VM's id, and pools to take IPv4 addresses from."""

from __future__ import annotations

import functools
import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

try:
    import netaddr
except ImportError:  # sanity tests import module_utils without third-party libraries
    netaddr = None  # type: ignore[assignment]

ROLES = {"fe": 2, "srv": 3}
#: RFC 1918 and the shared address space of RFC 6598.
PRIVATE_IPV4 = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
FIRST_ID = 4096
LAST_ID = 0xFFFFFF


def mac(site: int, role: str, vm_id: int) -> str:
    """Return ``02:<site>:<role>:<id as three bytes>`` ; role is fe or srv.

    02 marks an address that is administered locally; a VM keeps its own on every hypervisor, and the site keeps apart
    platforms that share a network.
    """
    parts = (2, site, ROLES[role], vm_id >> 16 & 255, vm_id >> 8 & 255, vm_id & 255)
    return ":".join(f"{part:02x}" for part in parts)


def _address(text: str) -> Any:
    """Parse an address; raises what netaddr does.

    It tries IPv4 first and keeps the failure in a cycle, with all that its callers hold: megabytes, until the collector
    comes. So it is told which family a text can only be of, and texts that may be no addresses are not its business.
    """
    return netaddr.IPAddress(text, 6 if ":" in text else 4, flags=netaddr.INET_PTON)


def _network(text: str) -> Any:
    """Parse a network, or an address as a network of one; raises what netaddr does. The family as for addresses."""
    return netaddr.IPNetwork(text, version=6 if ":" in text else 4)


@functools.lru_cache(maxsize=64)
def _parsed(network: str) -> tuple[int, int, int]:
    """Return version, first and last number of a network; kept, because each VM asks for the same few."""
    parsed = _network(network)
    return parsed.version, parsed.first, parsed.last


def ipv6(network: str, vm_id: int) -> str:
    """Return the address whose host part is the id: id 0x1013 in 2001:db8:3::/64 gives 2001:db8:3::1013."""
    return socket.inet_ntop(socket.AF_INET6, (_parsed(network)[1] + vm_id).to_bytes(16, "big"))


def is_address(text: str, version: int | None = None) -> bool:
    """Tell whether a text is a bare address (dotted quads only, no leading zeros, no zone)."""
    found = 6 if ":" in text else 4
    family = socket.AF_INET6 if found == 6 else socket.AF_INET
    try:
        packed = socket.inet_pton(family, text)
    except (OSError, ValueError):
        return False
    return version in (None, found) and (found == 6 or socket.inet_ntop(family, packed) == text)


def network_problem(text: str, version: int | None = None) -> str:
    """Say what is wrong with a network prefix, or nothing."""
    family = f"IPv{version} " if version else ""
    head, slash, length = text.partition("/")
    if not slash or not length.isdecimal() or not is_address(head, version):
        return f"is not an {family}network prefix" if family else "is not a network prefix"
    try:
        parsed = _network(text)
    except (netaddr.AddrFormatError, ValueError):
        return f"is not an {family}network prefix" if family else "is not a network prefix"
    if parsed.ip != parsed.network:
        return f"has bits set behind the prefix (the network is {parsed.cidr})"
    return ""


_NO_NETWORKS = {
    "0.0.0.0/8": "means this machine itself",
    "127.0.0.0/8": "is loopback",
    "169.254.0.0/16": "is link-local",
    "224.0.0.0/4": "is multicast",
    "240.0.0.0/4": "is reserved",
    "::/127": "is loopback",
    "::ffff:0:0/96": "is IPv4 in IPv6",
    "fe80::/10": "is link-local",
    "ff00::/8": "is multicast",
}


def nonsense(network: str) -> str:
    """Say why no machine can have addresses of a network (RFC 6890), or nothing. A bare address is a network of one."""
    parsed = _network(network)
    for other, why in _NO_NETWORKS.items():
        version, first, last = _parsed(other)
        if parsed.version == version and parsed.first <= last and first <= parsed.last:
            return why if first <= parsed.first and parsed.last <= last else f"has {other} in it, which {why}"
    return ""


def not_a_source(network: str) -> str:
    """Say why no packet that is to be let in comes from an address or network, or nothing. Everything is a network."""
    why = nonsense(network)
    return "" if why.startswith("has ") else why


def is_link_local(address: str) -> bool:
    """Tell whether an address is known on one link only (fe80::/10)."""
    return contains("fe80::/10", address)


def is_edge(network: str, address: str) -> bool:
    """Tell whether an address is that of the network itself or, of IPv4, its broadcast address."""
    version, first, last = _parsed(network)
    number = as_number(address)
    return contains(network, address) and (number == first or (version == 4 and number == last))


def as_number(text: str) -> int:
    """Return an address as a number."""
    return int(_address(text))


def contains(network: str, address: str) -> bool:
    """Tell whether an address lies in a network; false when the families differ or the network is empty."""
    if not network:
        return False
    version, first, last = _parsed(network)
    parsed = _address(address)
    return parsed.version == version and first <= int(parsed) <= last


def overlap(one: str, other: str) -> bool:
    """Tell whether two networks have an address in common."""
    first, second = _network(one), _network(other)
    return first.version == second.version and (first in second or second in first)


def first_host(network: str) -> str:
    """Return the first usable address of a network: the usual gateway."""
    parsed = _network(network)
    return str(netaddr.IPAddress(parsed.first + 1, parsed.version))


def canonical(address: str) -> str:
    """Return the shortest way to write an address, so that two ways to write it compare equal."""
    return str(_address(address))


class Pool:
    """IPv4 addresses in order: those of a network (or of a range in it) minus the ones that are taken."""

    def __init__(self, network: str, span: str = "", taken: Iterable[str] = ()) -> None:
        """Leave out the network's own and its broadcast address; ``span`` is ``first-last``."""
        parsed = _network(network)
        first, last = parsed.first, parsed.last
        if parsed.prefixlen <= 30:
            first, last = first + 1, last - 1
        if span:
            low, _dash, high = span.partition("-")
            first, last = max(first, as_number(low)), min(last, as_number(high))
        self.first, self.last = first, last
        self.taken = {as_number(address) for address in taken}
        self._next = first

    @property
    def free(self) -> int:
        """Number of addresses that are left."""
        inside = sum(1 for number in self.taken if self.first <= number <= self.last)
        return max(0, self.last - self.first + 1 - inside)

    def covers(self, address: str) -> bool:
        """Tell whether an address is one of the pool, whoever has it."""
        return self.first <= as_number(address) <= self.last

    def take(self) -> str | None:
        """Return the lowest free address and mark it as taken; None when the pool is exhausted."""
        while self._next <= self.last:
            number = self._next
            self._next += 1
            if number not in self.taken:
                self.taken.add(number)
                return str(netaddr.IPAddress(number, 4))
        return None


#: Host variables with the addresses of a machine on each network: one address, and after them lists of further ones.
VARIABLES = {
    "fe": ("ringmaster_fe_ipv4", "ringmaster_fe_ipv6", "ringmaster_fe_extra_ipv4"),
    "srv": ("ringmaster_srv_ipv4", "ringmaster_srv_ipv6", "ringmaster_srv_public_ipv4"),
}


def of_machine(variables: Mapping[str, Any], role: str) -> list[str]:
    """Return all addresses of a machine on a network (``fe`` or ``srv``) from its host variables, further ones last."""
    found: list[str] = []
    for name in VARIABLES[role]:
        value = variables.get(name) or []
        found += [str(one) for one in ([value] if isinstance(value, str) else value)]
    return found


def declared(values: Iterable[Any]) -> Iterator[str]:
    """Yield the addresses that are set."""
    return (value for value in values if value)
