# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones from names and addresses: what each view sees, where reverse zones are cut, records of one's own."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any

import dns.zone
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import zones
from hypothesis import given
from hypothesis import strategies as st

SETTINGS = zones.Settings(
    domain="example.org",
    hosts={
        "myapp00": ["172.20.1.1", "2001:db8:3::1000"],
        "myapp00.fe": ["198.51.100.2", "2001:db8:2::1000"],
        "svc0": ["172.20.0.20", "2001:db8:3::20"],
        "hv0": ["10.77.0.10"],
    },
    networks=["198.51.100.0/24", "172.20.0.0/22", "2001:db8:2::/64", "2001:db8:3::/64"],
    name_servers=["svc0.example.org", "ns.example.net"],
    contact="hostmaster@example.org",
)


def build(**changes: Any) -> dict[str, dns.zone.Zone]:
    """Return the zones as an independent parser reads them, by view/name."""
    built = zones.build(dataclasses.replace(SETTINGS, **changes))
    return {
        zone.file: dns.zone.from_text(zone.text.replace(zones.SERIAL, "1"), origin=zone.name, relativize=False)
        for zone in built
    }


def answers(zone: dns.zone.Zone, name: str, kind: str) -> set[str]:
    found = zone.get_rdataset(dns.name.from_text(name), kind)
    return {str(item) for item in found or ()}


def test_names_in_both_views() -> None:
    built = build()
    internal, external = built["internal/example.org"], built["external/example.org"]
    assert answers(internal, "myapp00.example.org.", "A") == {"172.20.1.1"}
    assert answers(external, "myapp00.example.org.", "A") == set()
    assert answers(external, "myapp00.example.org.", "AAAA") == {"2001:db8:3::1000"}
    assert answers(external, "myapp00.fe.example.org.", "A") == {"198.51.100.2"}
    assert answers(internal, "hv0.example.org.", "A") == {"10.77.0.10"}
    assert dns.name.from_text("hv0.example.org.") not in external.nodes
    assert answers(external, "example.org.", "NS") == {"svc0.example.org.", "ns.example.net."}


def test_every_address_has_a_pointer_to_its_name_where_it_may_be_seen() -> None:
    built = build()
    for name, addresses in SETTINGS.hosts.items():
        for address in addresses:
            pointer = f"{ipaddress.ip_address(address).reverse_pointer}."
            for view in zones.VIEWS:
                found = {
                    target
                    for file, zone in built.items()
                    if file.startswith(view) and file.endswith("arpa") and pointer.endswith(f".{zone.origin}")
                    for target in answers(zone, pointer, "PTR")
                }
                hidden = address == "10.77.0.10" or (view == "external" and zones.is_private(address))
                assert found == (set() if hidden else {f"{name}.example.org."}), (view, address)


def test_an_address_has_one_pointer_whoever_else_names_it() -> None:
    hosts = {**SETTINGS.hosts, "zz00": SETTINGS.hosts["myapp00"]}
    records = [{"name": "a", "type": "A", "values": ["172.20.1.1"]}]
    zone = build(hosts=hosts, records=records)["internal/1.20.172.in-addr.arpa"]
    assert answers(zone, "1.1.20.172.in-addr.arpa.", "PTR") == {"myapp00.example.org."}


def test_private_reverse_zones_are_not_public() -> None:
    public = {file for file in build() if file.startswith("external") and "in-addr" in file}
    assert public == {"external/100.51.198.in-addr.arpa"}


def test_without_a_name_server_that_outsiders_can_reach_there_is_no_public_view() -> None:
    hosts = {**SETTINGS.hosts, "svc0": ["172.20.0.20"]}
    assert any(file.startswith("external") for file in build(hosts=hosts))  # the secondary serves
    built = build(hosts=hosts, name_servers=["svc0.example.org"])
    assert {file.partition("/")[0] for file in built} == {"internal"}


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("10.0.0.0/8", ["10.in-addr.arpa"]),
        ("172.20.0.0/22", [f"{part}.20.172.in-addr.arpa" for part in range(4)]),
        ("198.51.100.0/24", ["100.51.198.in-addr.arpa"]),
        ("198.51.100.64/26", ["64-26.100.51.198.in-addr.arpa"]),
        ("2001:db8:3::/64", ["0.0.0.0.3.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"]),
        ("2001:db8::/47", ["0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"]),
        ("fd00::/8", ["d.f.ip6.arpa"]),
    ],
)
def test_where_reverse_zones_are_cut(prefix: str, expected: list[str]) -> None:
    assert [name for name, _network in zones.reverse_zones(prefix)] == expected


@given(st.integers(8, 30), st.integers(0, 2**32 - 1))
def test_each_address_of_a_network_is_in_exactly_one_reverse_zone(length: int, number: int) -> None:
    address = ipaddress.IPv4Address(number)
    network = ipaddress.ip_network(f"{address}/{length}", strict=False)
    holding = [name for name, part in zones.reverse_zones(str(network)) if address in part]
    assert len(holding) == 1
    assert zones.pointer_in(holding[0], address).endswith(f".{holding[0]}.")


def test_a_small_network_is_named_as_in_rfc_2317() -> None:
    built = build(networks=["198.51.100.0/26"])
    zone = built["external/0-26.100.51.198.in-addr.arpa"]
    assert answers(zone, "2.0-26.100.51.198.in-addr.arpa.", "PTR") == {"myapp00.fe.example.org."}


def test_records_of_ones_own() -> None:
    long = "v=DKIM1; k=rsa; p=" + "A" * 400 + '"\\é'
    built = build(
        zones=["shop.example"],
        records=[
            {"name": "www", "type": "A", "values": ["198.51.100.2", "10.0.0.1"]},
            {"name": "@", "type": "MX", "values": ["10 mail.example.net"], "zone": "shop.example", "ttl": 60},
            {"name": "key", "type": "TXT", "values": [long], "zone": "shop.example"},
            {"name": "*.app", "type": "CNAME", "values": ["www.example.org"], "zone": None},
        ],
    )
    assert answers(built["internal/example.org"], "www.example.org.", "A") == {"198.51.100.2", "10.0.0.1"}
    assert answers(built["external/example.org"], "www.example.org.", "A") == {"198.51.100.2"}
    shop = built["external/shop.example"]
    assert answers(shop, "shop.example.", "MX") == {"10 mail.example.net."}
    assert shop.get_rdataset(dns.name.from_text("shop.example."), "MX").ttl == 60
    (text,) = shop.get_rdataset(dns.name.from_text("key.shop.example."), "TXT")
    assert b"".join(text.strings).decode() == long
    assert answers(built["external/example.org"], "*.app.example.org.", "CNAME") == {"www.example.org."}


@pytest.mark.parametrize(
    "records",
    [
        [{"name": "myapp00", "type": "CNAME", "values": ["a.example.net"]}],
        [{"name": "@", "type": "CNAME", "values": ["a.example.net"]}],
        [{"name": "www", "type": "CNAME", "values": ["a.example.net", "b.example.net"]}],
        [{"name": "www", "type": kind, "values": ["a.example.net"]} for kind in ("CNAME", "NS")],
    ],
)
def test_an_alias_stands_alone(records: list[dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match=r"an alias \(CNAME\) must stand alone"):
        build(records=records)


def test_the_text_depends_on_nothing_but_the_content() -> None:
    other = {name: addresses[::-1] for name, addresses in reversed(SETTINGS.hosts.items())}
    assert zones.build(SETTINGS) != []
    texts = [
        {zone.file: zone.text for zone in zones.build(one)}
        for one in (SETTINGS, dataclasses.replace(SETTINGS, hosts=other))
    ]
    assert texts[0] == texts[1]
