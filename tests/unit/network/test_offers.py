# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VMs may reach of machines, from the description."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import offers
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import firewall

NETWORKS = {
    "frontend": {
        "ipv4": "198.51.100.0/24",
        "ipv4_gateway": "198.51.100.1",
        "ipv6": "2001:db8:2::/64",
        "ipv6_gateway": "2001:db8:2::1",
    },
    "server": {"ipv4": "172.20.0.0/22", "ipv4_gateway": "172.20.0.1", "ipv6": "", "ipv6_gateway": ""},
}
SERVICES = {"gateway": "hv0", "dns": "svc0", "monitoring": "platform00", "status": "svc0", "backup": "platform00"}
SHARED: dict[str, Any] = {
    "ringmaster_networks": NETWORKS,
    "ringmaster_services": SERVICES,
    "ringmaster_management_networks": ["10.77.0.0/24"],
    "ringmaster_package_cache": "http://172.20.0.20:3142",
}
HOSTS: dict[str, dict[str, Any]] = {
    "hv0": {**SHARED, "ansible_host": "10.77.0.10"},
    "hv1": {**SHARED, "ansible_host": "192.0.2.11"},
    "svc0": {
        **SHARED,
        "ansible_host": "10.77.0.20",
        "ringmaster_srv_ipv4": "172.20.0.20",
        "ringmaster_srv_ipv6": "2001:db8:3::20",
        "ringmaster_fqdn": "svc0.example.org",
        "ringmaster_apt_proxy": "http://10.77.0.20:3142",
    },
    "platform00": {**SHARED, "ringmaster_srv_ipv4": "172.20.1.1", "inventory_hostname": "platform00"},
}
MACHINES = ["hv0", "hv1", "svc0"]


def listed(name: str, **changes: Any) -> set[tuple[str, int, str]]:
    found = offers.of(name, {**HOSTS[name], **changes})
    return {(offer.protocol, offer.port, address) for offer in found for address in offer.addresses}


def test_what_a_machine_offers_follows_from_its_services() -> None:
    assert listed("hv0") == listed("hv1") == set()
    svc4 = {("udp", 53), ("tcp", 53), ("tcp", 80), ("tcp", 443)}
    assert listed("svc0") == {
        *((protocol, port, "172.20.0.20") for protocol, port in svc4 | {("tcp", 3142)}),
        *((protocol, port, "2001:db8:3::20") for protocol, port in svc4),
    }
    assert listed("platform00") == {("tcp", 8000, "172.20.1.1")}
    assert listed("platform00", backup_server_port=8443) == {("tcp", 8443, "172.20.1.1")}


def test_two_services_that_share_a_port_are_one_offer() -> None:
    found = offers.of("svc0", {**HOSTS["svc0"], "ringmaster_services": {"status": "svc0", "portal": "svc0"}})
    ports = [one.port for one in found if one.service != offers.CACHE]
    assert sorted(ports) == [80, 443]
    alone = offers.of("svc0", {**HOSTS["svc0"], "ringmaster_services": {"status": "svc1", "portal": "svc0"}})
    # The steward's listener is for nobody among the VMs.
    assert [one.port for one in alone if one.service != offers.CACHE] == [80, 443]


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        ("http://172.20.0.20:3142", {("172.20.0.20", 3142)}),
        ("http://[2001:db8:3:0::20]:9999/", {("2001:db8:3::20", 9999)}),
        ("http://10.77.0.20:3142", {("10.77.0.20", 3142)}),
        ("http://svc0.example.org:3142", {("172.20.0.20", 3142), ("2001:db8:3::20", 3142)}),
        ("http://svc0", {("172.20.0.20", 80), ("2001:db8:3::20", 80)}),
        ("http://cache.example.net:3142", set()),
        ("http://172.20.0.21:3142", set()),
        ("", set()),
    ],
)
def test_where_the_package_cache_is(proxy: str, expected: set[tuple[str, int]]) -> None:
    none = {**SERVICES, "dns": "", "status": ""}
    found = listed("svc0", ringmaster_package_cache=proxy, ringmaster_services=none)
    assert {(address, port) for _protocol, port, address in found} == expected


def test_a_machine_without_the_server_network_is_asked_where_it_is() -> None:
    services = {**SERVICES, "dns": "hv1"}
    assert {one[2] for one in listed("hv1", ringmaster_services=services)} == {"192.0.2.11"}


def test_whom_a_guard_knows() -> None:
    found = offers.guard(HOSTS, "svc0", MACHINES)
    assert found["networks"] == ["198.51.100.0/24", "2001:db8:2::/64", "172.20.0.0/22"]
    assert set(found["trusted"]) == {
        *("10.77.0.10", "192.0.2.11", "10.77.0.20", "172.20.0.20", "2001:db8:3::20"),
        *("198.51.100.1", "2001:db8:2::1", "172.20.0.1"),
    }
    # Monitoring is a VM here, and reads exporters.
    assert found["watchers"] == ["172.20.1.1"]
    own = {**HOSTS, "svc0": {**HOSTS["svc0"], "ringmaster_services": {"monitoring": "svc0"}}}
    without = offers.guard(own, "svc0", MACHINES)
    assert without["watchers"] == []
    assert "172.20.0.1" not in without["trusted"], "the gateway is somebody else's router"


def covered(address: str, found: list[str]) -> bool:
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(one) for one in found)


@pytest.mark.parametrize(
    ("address", "where"),
    [
        *((one, "closed") for one in ("10.77.0.7", "10.77.0.10", "10.77.0.20", "192.0.2.11", "172.20.0.20")),
        *((one, "closed") for one in ("64:ff9b::10.77.0.7", "2002:a4d:7::1", "64:ff9b::192.0.2.11")),
        *((one, "private") for one in ("10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1")),
        *((one, "private") for one in ("172.16.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1")),
        *((one, "private") for one in ("::1", "::", "fe80::1", "fec0::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1")),
        *((one, "private") for one in ("::10.0.0.1", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1")),
        *((one, "") for one in ("192.0.2.12", "198.18.0.7", "9.9.9.9", "100.128.0.1", "172.32.0.1", "172.15.0.1")),
        *((one, "") for one in ("2600::1", "64:ff9b::9.9.9.9", "2002:909:909::1", "2001:db8:ffff::7")),
    ],
)
def test_what_is_beyond_the_gateway(address: str, where: str) -> None:
    found = offers.beyond(HOSTS, "hv0", MACHINES)
    assert covered(address, found["closed"]) == (where == "closed")
    assert covered(address, found["closed"] + found["private"]) == (where != "")


def test_private_networks_that_are_opened_and_management_that_is_not() -> None:
    found = offers.beyond(HOSTS, "hv0", MACHINES, ["10.0.0.0/8", "fd12::/48"])
    assert not covered("10.9.9.9", found["private"])
    assert not covered("fd12::1", found["private"])
    assert covered("fd13::1", found["private"])
    assert covered("10.77.0.7", found["closed"])


def test_a_management_network_where_vms_are_does_not_part_them() -> None:
    hosts = {**HOSTS, "hv0": {**HOSTS["hv0"], "ringmaster_management_networks": ["172.20.0.0/22"]}}
    found = offers.beyond(hosts, "hv0", MACHINES)
    assert not covered("172.20.1.1", found["closed"])
    assert covered("172.20.0.20", found["closed"])


def test_a_vm_with_a_service_lets_the_platforms_networks_in() -> None:
    permissions = firewall.policy(HOSTS["platform00"])
    assert firewall.permits(permissions, "ethsrv", "172.20.1.9", "tcp", 8000)
    assert firewall.permits(permissions, "ethsrv", "2001:db8:2::9", "tcp", 8000)
    assert not firewall.permits(permissions, "ethsrv", "198.18.0.7", "tcp", 8000)
    assert not firewall.permits(permissions, "ethsrv", "172.20.1.9", "tcp", 9000)


@pytest.mark.parametrize(
    ("address", "port", "answer", "said"),
    [
        ("172.20.0.20", 443, "open", ""),
        ("172.20.0.20", 443, "silence", ""),
        ("172.20.0.20", 443, "rejected", "svc0 172.20.0.20 port 443 is rejected, and is listed for status pages"),
        ("172.20.0.20", 22, "rejected", ""),
        ("172.20.0.20", 22, "open", "svc0 172.20.0.20 port 22 answers (open), and is not on the list of what VMs"),
        ("10.77.0.20", 443, "refused", "svc0 10.77.0.20 port 443 answers (refused)"),
        ("172.20.0.1", 22, "open", "the gateway 172.20.0.1 port 22 answers (open)"),
        ("10.77.0.10", 49152, "no way there", ""),
    ],
)
def test_what_a_vm_reached_is_compared(address: str, port: int, answer: str, said: str) -> None:
    found = offers.compare(HOSTS, [{"address": address, "port": port, "answer": answer}], MACHINES)
    assert (said in " ".join(found["wrong"])) if said else found["wrong"] == []


def test_every_address_is_asked() -> None:
    found = set(offers.addresses(HOSTS, MACHINES))
    assert found == {"10.77.0.10", "192.0.2.11", "10.77.0.20", "172.20.0.20", "2001:db8:3::20", *GATEWAYS}
    elsewhere = {name: {**host, "ringmaster_services": {}} for name, host in HOSTS.items()}
    assert set(offers.addresses(elsewhere, MACHINES)) == found - set(GATEWAYS)


GATEWAYS = ("198.51.100.1", "2001:db8:2::1", "172.20.0.1")


CONNECTED = {
    **HOSTS,
    "svc0": {
        **HOSTS["svc0"],
        "ringmaster_fe_interface": "fe",
        "ringmaster_fe_ipv4": "198.51.100.20",
        "ringmaster_fe_ipv6": "2001:db8:2::20",
        "ringmaster_services": {**SERVICES, "backup": "svc0"},
    },
}


def test_what_everybody_may_have_is_offered_on_the_frontend_and_nothing_else() -> None:
    found = offers.of("svc0", CONNECTED["svc0"])
    on_frontend = {(one.protocol, one.port) for one in found if "198.51.100.20" in one.addresses}
    assert on_frontend == {("udp", 53), ("tcp", 53), ("tcp", 80), ("tcp", 443)}
    assert {one.port for one in found if not one.everybody} == {8000, 3142}
    assert all("2001:db8:2::20" in one.addresses for one in found if one.everybody)


def test_a_guard_trusts_nobody_by_an_address_on_the_frontend() -> None:
    found = offers.guard(CONNECTED, "svc0", MACHINES)
    assert (found["frontend_interface"], found["server_interface"]) == ("fe", "")
    assert "198.51.100.20" not in found["trusted"]
    assert "198.51.100.20" not in offers.beyond(CONNECTED, "hv0", MACHINES)["machines"]


def test_what_the_internet_reaches_of_machines_that_are_connected() -> None:
    found = offers.beyond(CONNECTED, "hv0", MACHINES)
    assert found["services"] == ["198.51.100.20", "2001:db8:2::20"]
    assert {(one["proto"], one["port"]) for one in found["public"]} == {
        ("udp", 53),
        *(("tcp", p) for p in (53, 80, 443)),
    }
    assert all(set(one["addresses"]) == set(found["services"]) for one in found["public"])
    assert covered("198.51.100.20", found["closed"]), "a VM reaches what is listed only"
    both = {**CONNECTED, "svc0": {**CONNECTED["svc0"], "ringmaster_srv_interface": "srv"}}
    assert set(offers.beyond(both, "hv0", MACHINES)["services"]) == {
        *("198.51.100.20", "2001:db8:2::20", "172.20.0.20", "2001:db8:3::20")
    }


def test_of_machines_that_are_not_connected_the_gateway_says_nothing_new() -> None:
    found = offers.beyond(HOSTS, "hv0", MACHINES)
    assert (found["services"], found["public"]) == ([], [])


@pytest.mark.parametrize(("frontend", "may"), [("closed", {443, 80, 53}), ("open", {443, 80, 53, 8000, 22, 9100})])
def test_a_vm_with_a_service_and_a_closed_frontend_is_asked_there(frontend: str, may: set[int]) -> None:
    services = {"dns": "platform00", "status": "platform00", "backup": "platform00", "monitoring": "platform00"}
    vm = {**HOSTS["platform00"], "ringmaster_services": services, "firewall_frontend": frontend}
    permissions = firewall.policy(vm)
    asked = (443, 80, 53, 8000, 9100)
    reached = {port for port in asked if firewall.permits(permissions, "ethfe", "198.18.0.7", "tcp", port)}
    assert reached == may - {22}
    assert firewall.permits(permissions, "ethfe", "198.18.0.7", "udp", 53)
