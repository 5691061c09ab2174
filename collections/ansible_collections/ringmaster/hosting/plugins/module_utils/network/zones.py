# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS zones as text, for role ``dns``: names of the platform's machines, their reverse zones, further records.

There are two views. Clients on the server network get everything; everybody else gets global addresses only.
The serial number is left open (``@SERIAL@``): the name server's machine knows the last one it used.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import dns_values
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.fqdn import fqdn

from .zone_records import NEED_ADDRESSES, Record, RecordError, declared, faults

VIEWS = ("internal", "external")
SERIAL = "@SERIAL@"
ADDRESS_TYPES = {4: "A", 6: "AAAA"}
#: RFC 1918, RFC 6598 and RFC 4193: nobody outside can reach these.
PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)

# ansible-test's pylint knows no | between these classes.
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]  # noqa: UP007
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007


@dataclass(frozen=True)
class Settings:
    """What all zones have in common. Times are in seconds, names are without a final dot.

    ``hosts`` has names below ``domain`` (``myapp00.fe``) with their addresses, ``networks`` the prefixes that get
    reverse zones, ``records`` further records as the description has them: zone, name, type, values, ttl.
    """

    domain: str
    hosts: Mapping[str, Sequence[str]]
    networks: Sequence[str]
    name_servers: Sequence[str]
    contact: str
    zones: Sequence[str] = ()
    records: Sequence[Mapping[str, Any]] = ()
    ttl: int = 300
    negative_ttl: int = 60


@dataclass
class Zone:
    """A zone of a view; ``text`` is a whole zone file but for the serial."""

    view: str
    name: str
    reverse: bool
    records: list[Record] = field(default_factory=list)
    text: str = ""

    @property
    def file(self) -> str:
        """Name of a file for the zone."""
        return f"{self.view}/{self.name}"


def is_private(address: str | Address | Network) -> bool:
    """Tell whether an address (or a whole network) can only be used inside."""
    if isinstance(address, str):
        address = ipaddress.ip_address(address)
    if isinstance(address, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
        address = address.network_address
    return any(address in network for network in PRIVATE)


def reverse_zones(prefix: str) -> list[tuple[str, Network]]:
    """Return (zone, network) for a prefix: cut where a label ends, so one or several; without a final dot.

    10.0.0.0/8 is one zone, 172.20.0.0/22 are four. Longer than /24 is what RFC 2317 says, written 0-26: whoever has
    the /24 refers to it by aliases.
    """
    network = ipaddress.ip_network(prefix)
    if network.version == 4 and network.prefixlen > 24:
        labels = str(network.network_address).split(".")
        name = ".".join([f"{labels[3]}-{network.prefixlen}", *labels[2::-1], "in-addr.arpa"])
        return [(name, network)]
    step = 8 if network.version == 4 else 4
    length = -(-max(network.prefixlen, step) // step) * step
    return [
        (".".join(_pointer(part.network_address).split(".")[(part.max_prefixlen - length) // step :]), part)
        for part in network.subnets(new_prefix=length)
    ]


def _pointer(address: Address) -> str:
    return address.reverse_pointer


def pointer_in(zone: str, address: Address) -> str:
    """Return the name of an address's PTR record in a reverse zone, with a final dot."""
    head, _dot, rest = zone.partition(".")
    if "-" in head:
        return f"{str(address).rsplit('.', 1)[1]}.{head}.{rest}."
    return f"{_pointer(address)}."


def build(settings: Settings) -> list[Zone]:
    """Return all zones of both views. Raises ValueError when two records contradict each other."""
    return [zone for view in VIEWS for zone in _view(settings, view)]


def texts(
    hosts: Mapping[str, Sequence[str]], *, ttl: int = 300, negative_ttl: int = 60, **settings: Any
) -> list[dict[str, str]]:
    """Return all zones of both views as plain data: view, name, file and text. Arguments are those of Settings."""
    built = build(Settings(hosts=hosts, ttl=int(ttl), negative_ttl=int(negative_ttl), **settings))
    return [{"view": zone.view, "name": zone.name, "file": zone.file, "text": zone.text} for zone in built]


def _view(settings: Settings, view: str) -> Iterator[Zone]:
    hosts = {name: _visible(addresses, view) for name, addresses in settings.hosts.items()}
    servers = [name for name in settings.name_servers if _is_reachable(settings, hosts, name, view)]
    if not servers:
        return  # nobody in this view could reach a name server, so there is nothing to serve
    for name in dict.fromkeys([settings.domain, *settings.zones]):
        zone = Zone(view, name, reverse=False, records=records_of(settings, name, view))
        _refuse(zone, servers)
        _finish(zone, settings, servers)
        yield zone
    yield from _reverse(settings, view, servers)


def records_of(settings: Settings, zone: str, view: str = VIEWS[0]) -> list[Record]:
    """Return the records of one of our domains, but for SOA and NS of the zone itself. Raises RecordError."""
    found: list[Record] = []
    if zone == settings.domain:
        hosts = {name: _visible(addresses, view) for name, addresses in settings.hosts.items()}
        found += _addresses_of(settings.domain, hosts)
    for entry in settings.records:
        if (entry.get("zone") or settings.domain) == zone:
            found += [record for record in declared(entry, zone) if view == VIEWS[0] or not _is_hidden(record)]
    if view != VIEWS[0]:
        # What others cannot reach is not named to them: its addresses were left out.
        hidden = {record for record, _why in faults(zone, found) if record.type in NEED_ADDRESSES}
        found = [record for record in found if record not in hidden]
    return found


def _is_hidden(record: Record) -> bool:
    return record.type in ADDRESS_TYPES.values() and is_private(record.data)


def _visible(addresses: Iterable[str], view: str) -> list[Address]:
    """Return what a view tells: outside no private addresses, inside no public ones beside private ones."""
    found = [ipaddress.ip_address(address) for address in addresses]
    if view != VIEWS[0]:
        return [address for address in found if not is_private(address)]
    private = {address.version for address in found if is_private(address)}
    return [address for address in found if address.version not in private or is_private(address)]


def _is_reachable(settings: Settings, hosts: Mapping[str, Sequence[Address]], server: str, view: str) -> bool:
    """Tell whether clients of a view can find a name server: one of ours needs an address that they may see."""
    for domain in (settings.domain, *settings.zones):
        if server == domain or server.endswith(f".{domain}"):
            relative = server.removesuffix(domain).rstrip(".")
            is_declared = any(
                record.get("zone", settings.domain) == domain
                and record["name"] == (relative or "@")
                and record["type"] in ADDRESS_TYPES.values()
                and any(view == VIEWS[0] or not is_private(value) for value in record["values"])
                for record in settings.records
            )
            return is_declared or (domain == settings.domain and bool(hosts.get(relative)))
    return True


def _addresses_of(domain: str, hosts: Mapping[str, Sequence[Address]]) -> Iterator[Record]:
    for name, addresses in hosts.items():
        for address in addresses:
            yield Record(f"{fqdn(name, domain)}.", ADDRESS_TYPES[address.version], str(address))


def _refuse(zone: Zone, servers: Sequence[str]) -> None:
    """Raise RecordError for the first record that no name server may load."""
    ours = [Record(f"{zone.name}.", "NS", f"{server}.") for server in servers]
    for _record, why in faults(zone.name, [*zone.records, *ours]):
        raise RecordError(why)


def _reverse(settings: Settings, view: str, servers: Sequence[str]) -> Iterator[Zone]:
    """Yield the reverse zones of a view. The first name of an address is its name, so that PTR equals name."""
    names: dict[Address, str] = {}
    for name, addresses in settings.hosts.items():
        for address in map(ipaddress.ip_address, addresses):
            if view == VIEWS[0] or not is_private(address):
                names.setdefault(address, f"{fqdn(name, settings.domain)}.")
    zones = {
        name: (Zone(view, name, reverse=True), network)
        for prefix in dict.fromkeys(settings.networks)
        for name, network in reverse_zones(prefix)
        if view == "internal" or not is_private(network)
    }
    by_network = {network: zone for zone, network in zones.values()}
    lengths = sorted({(network.version, network.prefixlen) for network in by_network}, reverse=True)
    for address, name in sorted(names.items(), key=lambda item: (item[0].version, int(item[0]))):
        for version, length in lengths:
            if version != address.version:
                continue
            network = ipaddress.ip_network(f"{address}/{length}", strict=False)
            if network in by_network:
                zone = by_network[network]
                zone.records.append(Record(pointer_in(zone.name, address), "PTR", name))
                break
    for zone, _network in zones.values():
        _finish(zone, settings, servers)
        yield zone


def _finish(zone: Zone, settings: Settings, servers: Sequence[str]) -> None:
    """Write the text of a zone. The TTL of its SOA record is how long "there is no such name" is remembered."""
    _check_settings(zone, settings, servers)
    contact = dns_values.mailbox_data(settings.contact)
    times = f"{SERIAL} 3600 600 1209600 {settings.negative_ttl}"
    lines = [
        "; Managed by Ringmaster: changes made here will be overwritten",
        f"$TTL {settings.ttl}",
        f"{zone.name}. IN SOA {servers[0]}. {contact} {times}",
        *(f"{zone.name}. IN NS {server}." for server in servers),
    ]
    order = sorted(set(zone.records), key=lambda record: (_natural(record.name), record.type, record.data))
    for record in order:
        ttl = f"{record.ttl} " if record.ttl else ""
        lines.append(f"{record.name} {ttl}IN {record.type} {record.data}")
    zone.text = "\n".join(lines) + "\n"


def _check_settings(zone: Zone, settings: Settings, servers: Sequence[str]) -> None:
    """Raise RecordError for what is in every zone file beside its records."""
    if wrong := dns_values.owner_problem("CNAME", zone.name):
        raise RecordError(f"the zone '{dns_values.shown(zone.name)}' {wrong}")
    for server in servers:
        if wrong := dns_values.host_name(server):
            raise RecordError(f"the name server '{dns_values.shown(server)}' {wrong}")
    if wrong := dns_values.mailbox(settings.contact):
        raise RecordError(f"the contact of the zones, '{dns_values.shown(settings.contact)}', {wrong}")
    for seconds in (settings.ttl, settings.negative_ttl):
        if not 0 <= seconds <= dns_values.LONGEST_TTL:
            raise RecordError(f"a ttl of {seconds} is not from 0 to {dns_values.LONGEST_TTL} seconds")
    for record in zone.records:
        if wrong := dns_values.owner_problem(record.type, record.name.removesuffix(".")):
            raise RecordError(f"DNS record {dns_values.shown(record.name)} of type {record.type}: the name {wrong}")


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that puts 9 before 10, and a zone's own name before what is below it."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for label in reversed(name.rstrip(".").split("."))
        for part in re.split(r"(\d+)", label)
        if part
    ]
