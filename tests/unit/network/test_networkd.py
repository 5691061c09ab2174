"""The networkd files of a VM: addresses, routes, rules and names."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import networkd

NETWORKS = {
    "frontend": {
        "ipv4": "203.0.113.0/24", "ipv4_gateway": "203.0.113.1",
        "ipv6": "2001:db8:2::/64", "ipv6_gateway": "2001:db8:2::1", "mtu": 1500,
    },
    "server": {
        "ipv4": "172.20.0.0/22", "ipv4_gateway": "172.20.0.1",
        "ipv6": "2001:db8:3::/64", "ipv6_gateway": "2001:db8:3::1", "mtu": 1500,
    },
}  # fmt: skip
VM = {
    "ringmaster_networks": NETWORKS,
    "ringmaster_domain": "example.test",
    "ringmaster_fe_mac": "02:01:02:00:10:13",
    "ringmaster_srv_mac": "02:01:03:00:10:13",
    "ringmaster_fe_ipv4": "203.0.113.9",
    "ringmaster_fe_ipv6": "2001:db8:2::1013",
    "ringmaster_srv_ipv4": "172.20.1.5",
    "ringmaster_srv_ipv6": "2001:db8:3::1013",
}


def sections(text: str) -> list[tuple[str, dict[str, list[str]]]]:
    """Parse a networkd file into (section, key -> values), repeated sections kept."""
    result: list[tuple[str, dict[str, list[str]]]] = []
    for line in text.splitlines():
        if line.startswith("["):
            result.append((line.strip("[]"), {}))
        elif "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            result[-1][1].setdefault(key, []).append(value)
    return result


def of(text: str, section: str) -> list[dict[str, list[str]]]:
    return [values for name, values in sections(text) if name == section]


def default_gateways(text: str) -> list[str]:
    return [r["Gateway"][0] for r in of(text, "Route") if "Gateway" in r and "Table" not in r]


def test_file_names_are_the_contract() -> None:
    assert list(networkd.render(VM)) == [
        "10-ethfe.link", "10-ethfe.network", "10-ethsrv.link", "10-ethsrv.network",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("gone", "fe_gateways", "srv_gateways"),
    [
        ([], ["203.0.113.1", "2001:db8:2::1"], []),
        (["ringmaster_fe_ipv4"], ["2001:db8:2::1"], ["172.20.0.1"]),
        (["ringmaster_fe_ipv6"], ["203.0.113.1"], ["2001:db8:3::1"]),
        (["ringmaster_fe_ipv4", "ringmaster_fe_ipv6"], [], ["172.20.0.1", "2001:db8:3::1"]),
    ],
)
def test_one_default_route_per_family(gone: list[str], fe_gateways: list[str], srv_gateways: list[str]) -> None:
    files = networkd.render({**VM, **dict.fromkeys(gone, "")})
    assert default_gateways(files["10-ethfe.network"]) == fe_gateways
    assert default_gateways(files["10-ethsrv.network"]) == srv_gateways


def test_a_frontend_without_gateway_leaves_the_default_route_to_srv() -> None:
    networks = {**NETWORKS, "frontend": {**NETWORKS["frontend"], "ipv4_gateway": ""}}
    files = networkd.render({**VM, "ringmaster_networks": networks})
    assert default_gateways(files["10-ethfe.network"]) == ["2001:db8:2::1"]
    assert default_gateways(files["10-ethsrv.network"]) == ["172.20.0.1"]


def test_replies_leave_where_the_question_came_in() -> None:
    for name, table, expected in (
        ("ethfe", "1002", {"203.0.113.9/32", "2001:db8:2::1013/128"}),
        ("ethsrv", "1003", {"172.20.1.5/32", "2001:db8:3::1013/128"}),
    ):
        text = networkd.render(VM)[f"10-{name}.network"]
        rules = of(text, "RoutingPolicyRule")
        assert {rule["From"][0] for rule in rules} == expected
        assert {rule["Table"][0] for rule in rules} == {table}
        routes = [route for route in of(text, "Route") if route.get("Table") == [table]]
        assert len([route for route in routes if "Gateway" in route]) == 2
        assert len([route for route in routes if "Destination" in route]) == 2


def test_static_without_autoconfiguration() -> None:
    for name in ("ethfe", "ethsrv"):
        text = networkd.render(VM)[f"10-{name}.network"]
        (settings,) = of(text, "Network")
        assert settings["IPv6AcceptRA"] == ["no"]
        assert settings["DHCP"] == ["no"]
        assert settings["LinkLocalAddressing"] == ["ipv6"]
        assert settings["IPv6DuplicateAddressDetection"] == ["0"]
    assert of(networkd.render(VM)["10-ethsrv.network"], "Address") == [
        {"Address": ["172.20.1.5/22"]},
        {"Address": ["2001:db8:3::1013/64"]},
    ]


def test_names_by_mac() -> None:
    link = sections(networkd.render(VM)["10-ethsrv.link"])
    assert link == [
        ("Match", {"MACAddress": ["02:01:03:00:10:13"], "Type": ["ether"]}),
        ("Link", {"Name": ["ethsrv"], "MTUBytes": ["1500"]}),
    ]
    (match,) = of(networkd.render(VM)["10-ethsrv.network"], "Match")
    assert match["MACAddress"] == ["02:01:03:00:10:13"]


def test_without_a_mac_the_name_is_matched() -> None:
    files = networkd.render({**VM, "ringmaster_fe_mac": "", "ringmaster_srv_mac": ""})
    assert list(files) == ["10-ethfe.network", "10-ethsrv.network"]
    assert of(files["10-ethfe.network"], "Match") == [{"Name": ["ethfe"]}]


def test_resolvers_only_on_srv() -> None:
    files = networkd.render({**VM, "ringmaster_resolvers": ["172.20.0.20", "2001:db8:3::20"]})
    (srv,) = of(files["10-ethsrv.network"], "Network")
    assert srv["DNS"] == ["172.20.0.20", "2001:db8:3::20"]
    assert srv["Domains"] == ["example.test"]
    assert "DNS" not in of(files["10-ethfe.network"], "Network")[0]


def test_former_addresses_stay_beside_the_new_ones_where_asked_for() -> None:
    vm = {**VM, "ringmaster_former_addresses": {"srv_ipv4": "172.20.1.9", "fe_ipv4": "192.0.2.9", "fe_ipv6": ""}}
    assert networkd.render(vm) == networkd.render(VM)
    files = networkd.render(vm, former=True)
    # The frontend's was of another network: nobody can reach it any more.
    assert files["10-ethfe.network"] == networkd.render(VM)["10-ethfe.network"]
    text = files["10-ethsrv.network"]
    assert [one["Address"][0] for one in of(text, "Address")] == [
        "172.20.1.5/22",
        "172.20.1.9/22",
        "2001:db8:3::1013/64",
    ]
    assert {one["From"][0] for one in of(text, "RoutingPolicyRule")} >= {"172.20.1.5/32", "172.20.1.9/32"}
    assert of(text, "Route") == of(networkd.render(VM)["10-ethsrv.network"], "Route")


PUBLIC = {
    "ringmaster_networks": {
        **NETWORKS, "server_public": {"ipv4": "192.0.2.0/25", "ipv4_gateway": "192.0.2.1", "ipv6": "", "mtu": 1500},
    },
    "ringmaster_fe_extra_ipv4": ["203.0.113.10", "203.0.113.11"],
    "ringmaster_srv_public_ipv4": ["192.0.2.9"],
}  # fmt: skip


def test_further_addresses_stand_behind_the_first_and_answer_by_their_own_gateway() -> None:
    files = networkd.render({**VM, **PUBLIC})
    text = files["10-ethfe.network"]
    assert [one["Address"][0] for one in of(text, "Address")] == [
        "203.0.113.9/24",
        "2001:db8:2::1013/64",
        "203.0.113.10/24",
        "203.0.113.11/24",
    ]
    # What a program sends without having chosen comes from the first.
    assert [one for one in of(text, "Route") if "Table" not in one] == [
        {"Gateway": ["203.0.113.1"], "PreferredSource": ["203.0.113.9"]},
        {"Gateway": ["2001:db8:2::1"]},
    ]
    rules = {one["From"][0]: one["Table"][0] for one in of(text, "RoutingPolicyRule")}
    assert rules["203.0.113.10/32"] == rules["203.0.113.11/32"] == "1002"
    assert len([one for one in of(text, "Route") if one.get("Table") == ["1002"]]) == 4

    text = files["10-ethsrv.network"]
    assert [one["Address"][0] for one in of(text, "Address")][-1] == "192.0.2.9/25"
    assert default_gateways(text) == []
    rules = {one["From"][0]: one["Table"][0] for one in of(text, "RoutingPolicyRule")}
    assert rules == {"172.20.1.5/32": "1003", "2001:db8:3::1013/128": "1003", "192.0.2.9/32": "1004"}
    assert [one for one in of(text, "Route") if one.get("Table") == ["1004"]] == [
        {"Destination": ["192.0.2.0/25"], "Scope": ["link"], "Table": ["1004"]},
        {"Gateway": ["192.0.2.1"], "Table": ["1004"]},
    ]


def test_without_a_frontend_address_the_default_route_stays_with_the_private_gateway() -> None:
    """Public addresses are for those who ask; what the VM asks itself goes as before they came."""
    vm = {**VM, **PUBLIC, "ringmaster_fe_ipv4": "", "ringmaster_fe_extra_ipv4": []}
    text = networkd.render(vm)["10-ethsrv.network"]
    assert [one for one in of(text, "Route") if "Table" not in one] == [{"Gateway": ["172.20.0.1"]}]


def test_a_server_network_with_public_addresses_only_has_its_default_route_there() -> None:
    server = {**NETWORKS["server"], "ipv4": "", "ipv4_gateway": ""}
    networks = {**PUBLIC["ringmaster_networks"], "server": server}
    vm = {**VM, **PUBLIC, "ringmaster_networks": networks, "ringmaster_fe_ipv4": "", "ringmaster_srv_ipv4": ""}
    text = networkd.render({**vm, "ringmaster_fe_extra_ipv4": []})["10-ethsrv.network"]
    assert default_gateways(text) == ["192.0.2.1"]


def test_former_further_addresses_stay_beside_the_new_ones_where_asked_for() -> None:
    former = {"fe_extra_ipv4": ["203.0.113.11", "203.0.113.12"], "srv_public_ipv4": []}
    vm = {**VM, **PUBLIC, "ringmaster_former_addresses": former}
    assert networkd.render(vm) == networkd.render({**VM, **PUBLIC})
    text = networkd.render(vm, former=True)["10-ethfe.network"]
    assert [one["Address"][0] for one in of(text, "Address")][-3:] == [
        "203.0.113.10/24",
        "203.0.113.11/24",
        "203.0.113.12/24",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ringmaster_srv_public_ipv4": ["192.0.2.9"]}, "ringmaster_srv_public_ipv4 is 192.0.2.9, but"),
        ({"ringmaster_fe_extra_ipv4": ["10.0.0.1"]}, "ringmaster_fe_extra_ipv4 is 10.0.0.1, but"),
        ({"ringmaster_fe_ipv4": "10.0.0.1"}, "ringmaster_fe_ipv4 is 10.0.0.1"),
        ({"ringmaster_srv_ipv6": "nonsense"}, "nonsense"),
    ],
)
def test_a_wrong_address_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        networkd.render({**VM, **change})


MACHINE = {
    "ringmaster_networks": NETWORKS,
    "ansible_host": "10.77.0.20",
    "ringmaster_fe_interface": "eno2",
    "ringmaster_fe_ipv4": "203.0.113.20",
    "ringmaster_fe_ipv6": "2001:db8:2::20",
    "ringmaster_srv_interface": "eno3",
    "ringmaster_srv_ipv4": "172.20.0.20",
    "ringmaster_srv_ipv6": "2001:db8:3::20",
}


def test_a_service_machine_answers_by_the_interface_that_was_asked() -> None:
    files = networkd.machine_files(MACHINE)
    assert list(files) == ["05-ringmaster-eno2.network", "05-ringmaster-eno3.network"]
    for text, interface, table, addresses, gateways in (
        (files["05-ringmaster-eno2.network"], "eno2", "1002", ["203.0.113.20/24", "2001:db8:2::20/64"],
         ["203.0.113.1", "2001:db8:2::1"]),
        (files["05-ringmaster-eno3.network"], "eno3", "1003", ["172.20.0.20/22", "2001:db8:3::20/64"],
         ["172.20.0.1", "2001:db8:3::1"]),
    ):  # fmt: skip
        assert of(text, "Match") == [{"Name": [interface]}]
        assert [one["Address"][0] for one in of(text, "Address")] == addresses
        assert [one["From"][0].partition("/")[0] for one in of(text, "RoutingPolicyRule")] == [
            one.partition("/")[0] for one in addresses
        ]
        assert {one["Table"][0] for one in of(text, "RoutingPolicyRule")} == {table}
        assert [one["Gateway"][0] for one in of(text, "Route") if "Gateway" in one] == gateways
        # The way to everybody else is the machine's own.
        assert default_gateways(text) == []
        assert of(text, "Link")[0]["RequiredForOnline"] == ["no"]


def test_where_ansible_comes_in_the_default_route_is_kept() -> None:
    files = networkd.machine_files({**MACHINE, "ansible_host": "203.0.113.20"})
    assert default_gateways(files["05-ringmaster-eno2.network"]) == ["203.0.113.1", "2001:db8:2::1"]
    assert of(files["05-ringmaster-eno2.network"], "Link")[0]["RequiredForOnline"] == ["yes"]
    assert default_gateways(files["05-ringmaster-eno3.network"]) == []


def test_interfaces_that_nobody_named_are_left_alone() -> None:
    without = {name: value for name, value in MACHINE.items() if "interface" not in name}
    assert networkd.machine_files(without) == {}
    assert list(networkd.machine_files({**without, "ringmaster_srv_interface": "eno3"})) == [
        "05-ringmaster-eno3.network"
    ]
