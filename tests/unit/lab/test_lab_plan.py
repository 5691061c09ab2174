# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab holds for a platform."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.plan import lab_plan

NETWORKS = {
    "frontend": {
        "ipv4": "198.51.100.0/24",
        "ipv4_gateway": "198.51.100.1",
        "ipv6": "2001:db8:2::/64",
        "ipv6_gateway": "2001:db8:2::1",
    },
    "server": {
        "ipv4": "172.20.0.0/22",
        "ipv4_gateway": "172.20.0.1",
        "ipv6": "2001:db8:3::/64",
        "ipv6_gateway": "2001:db8:3::1",
    },
}
ALL = {"ringmaster_networks": NETWORKS, "ringmaster_management_networks": ["fd00::/64", "10.77.0.0/24"]}
HOSTS: dict[str, dict[str, Any]] = {
    "hv0": {**ALL, "ansible_host": "10.77.0.10"},
    "svc0": {
        **ALL,
        "ansible_host": "10.77.0.20",
        "ringmaster_srv_ipv4": "172.20.0.20",
        "ringmaster_srv_ipv6": "2001:db8:3::20",
    },
    "myapp00": {
        **ALL,
        "ansible_host": "172.20.1.1",
        "ringmaster_fe_ipv4": "",
        "ringmaster_fe_ipv6": "2001:db8:2::1000",
        "ringmaster_srv_ipv4": "172.20.1.1",
        "ringmaster_srv_ipv6": "2001:db8:3::1000",
    },
}
GROUPS = {"hypervisors": ["hv0"], "machines": ["svc0"], "vms": ["myapp00"], "service_gateway": ["hv0"]}
MANAGEMENT = {"name": "lab-mgmt", "addresses": ["10.77.0.1/24", "fd77::1/64", "198.18.0.7/32"]}


def hosts(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the hosts with some variables changed."""
    return {name: {**copy.deepcopy(variables), **changes.get(name, {})} for name, variables in HOSTS.items()}


def test_hypervisors_and_machines_with_the_namespace_as_the_internet() -> None:
    plan = lab_plan(HOSTS, GROUPS, light=False)
    assert plan["bridges"] == [
        MANAGEMENT,
        {"name": "lab-fe", "addresses": []},
        {"name": "lab-srv", "addresses": []},
    ]
    assert plan["routes"] == [
        {"to": "198.51.100.0/24", "via": "10.77.0.10"},
        {"to": "2001:db8:2::/64", "via": "fd77::10"},
        {"to": "172.20.0.0/22", "via": "10.77.0.10"},
        {"to": "2001:db8:3::/64", "via": "fd77::10"},
    ]
    hv0, svc0 = plan["machines"]
    assert (hv0["name"], hv0["hypervisor"]) == ("hv0", True)
    assert hv0["nics"] == [
        {
            "name": "host0",
            "bridge": "lab-mgmt",
            "addresses": ["10.77.0.10/24", "fd77::10/64"],
            "gateways": ["10.77.0.1", "fd77::1"],
        },
        {"name": "fe", "bridge": "lab-fe"},
        {"name": "srv", "bridge": "lab-srv"},
    ]
    assert (svc0["name"], svc0["hypervisor"]) == ("svc0", False)
    assert svc0["nics"][1:] == [
        {"name": "srv", "bridge": "lab-srv", "addresses": ["172.20.0.20/22", "2001:db8:3::20/64"]}
    ]


def test_light_vms_with_the_namespace_as_their_gateway() -> None:
    plan = lab_plan(HOSTS, GROUPS, light=True)
    assert plan["bridges"] == [
        MANAGEMENT,
        {"name": "lab-fe", "addresses": ["198.51.100.1/24", "2001:db8:2::1/64"]},
        {"name": "lab-srv", "addresses": ["172.20.0.1/22", "2001:db8:3::1/64"]},
    ]
    assert plan["routes"] == []
    svc0, vm = plan["machines"]
    assert (svc0["name"], svc0["hypervisor"]) == ("svc0", False)
    assert [vm] == [
        {
            "name": "myapp00",
            "hypervisor": False,
            "nics": [
                {
                    "name": "ethsrv",
                    "bridge": "lab-srv",
                    "addresses": ["172.20.1.1/22", "2001:db8:3::1000/64"],
                    "gateways": ["172.20.0.1", "2001:db8:3::1"],
                },
                {
                    "name": "ethfe",
                    "bridge": "lab-fe",
                    "addresses": ["2001:db8:2::1000/64"],
                    "gateways": ["2001:db8:2::1"],
                },
            ],
        }
    ]


def test_public_addresses_on_the_server_network_have_their_gateway_there() -> None:
    public = {"ipv4": "203.0.113.0/28", "ipv4_gateway": "203.0.113.1", "ipv6": "", "ipv6_gateway": ""}
    some = hosts(**{name: {"ringmaster_networks": {**NETWORKS, "server_public": public}} for name in HOSTS})
    light = lab_plan(some, GROUPS, light=True)
    assert light["bridges"][2]["addresses"] == ["172.20.0.1/22", "2001:db8:3::1/64", "203.0.113.1/28"]
    assert {"to": "203.0.113.0/28", "via": "10.77.0.10"} in lab_plan(some, GROUPS, light=False)["routes"]


@pytest.mark.parametrize("light", [False, True])
def test_a_network_without_ipv4(light: bool) -> None:
    networks = {**NETWORKS, "frontend": {**NETWORKS["frontend"], "ipv4": "", "ipv4_gateway": ""}}
    plan = lab_plan(hosts(**{name: {"ringmaster_networks": networks} for name in HOSTS}), GROUPS, light=light)
    assert plan["bridges"][1]["addresses"] == (["2001:db8:2::1/64"] if light else [])
    assert "198.51.100.0/24" not in [route["to"] for route in plan["routes"]]


@pytest.mark.parametrize(
    ("management", "address", "ipv6"),
    [
        ("10.77.0.0/24", "10.77.0.200", "fd77::200/64"),
        ("10.77.0.0/16", "10.77.3.4", "fd77::3:4/64"),
        ("10.77.0.0/22", "10.77.0.4", "fd77::4/64"),
        ("10.0.0.0/8", "10.1.2.3", "fd77::1:2:3/64"),
        ("10.77.0.0/28", "10.77.0.9", "fd77::9/64"),
    ],
)
def test_the_ipv6_management_address_is_read_like_the_ipv4_one(management: str, address: str, ipv6: str) -> None:
    found = {name: {"ringmaster_management_networks": [management], "ansible_host": address} for name in HOSTS}
    plan = lab_plan(hosts(**found), {"hypervisors": ["hv0"], "service_gateway": ["hv0"]}, light=False)
    assert plan["machines"][0]["nics"][0]["addresses"][1] == ipv6
    assert plan["routes"][1]["via"] == ipv6.partition("/")[0]


def test_without_a_gateway_there_are_no_routes() -> None:
    assert lab_plan(HOSTS, {**GROUPS, "service_gateway": []}, light=False)["routes"] == []


@pytest.mark.parametrize(
    ("changes", "groups", "sentence"),
    [
        ({}, {"machines": ["svc0"]}, "neither a hypervisor nor a VM"),
        ({"myapp00": {"ringmaster_management_networks": ["fd00::/64"]}}, GROUPS, "names no IPv4 network"),
        ({"hv0": {"ansible_host": "192.0.2.1"}}, GROUPS, "hv0 has address 192.0.2.1, .* in 10.77.0.0/24 only"),
        ({"hv0": {"ansible_host": "hv0.example.org"}}, GROUPS, "hv0 has address hv0.example.org"),
        ({"svc0": {"ansible_host": "fd00::5"}}, GROUPS, "svc0 has address fd00::5"),
        ({"svc0": {"ansible_host": "10.77.0.1"}}, GROUPS, "svc0 has address 10.77.0.1, which the lab itself has"),
        ({"svc0": {"ansible_host": "10.77.0.10"}}, GROUPS, "another host has the same one"),
    ],
)
def test_what_a_lab_cannot_hold(changes: dict[str, Any], groups: dict[str, list[str]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        lab_plan(hosts(**changes), groups, light=False)


def test_a_machine_on_both_networks_is_plugged_into_both() -> None:
    changed = hosts(svc0={"ringmaster_srv_interface": "eth1", "ringmaster_fe_interface": "eth2"})
    changed["svc0"]["ringmaster_fe_ipv4"] = "198.51.100.20"
    for light in (False, True):
        (svc0,) = [one for one in lab_plan(changed, GROUPS, light=light)["machines"] if one["name"] == "svc0"]
        # Role machine_network gives the last one its addresses, as on a real machine.
        assert [(nic["name"], nic["bridge"], bool(nic.get("addresses"))) for nic in svc0["nics"]] == [
            *(("host0", "lab-mgmt", True), ("eth1", "lab-srv", True), ("eth2", "lab-fe", False))
        ]
