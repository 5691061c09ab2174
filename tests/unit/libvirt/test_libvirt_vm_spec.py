# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From host variables to the specification and its seed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import vm_spec
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import parse_spec

BRIDGES = {"ethfe": "br-fe", "ethsrv": "br-srv"}
HOST: dict[str, Any] = {
    "inventory_hostname": "myapp00",
    "ringmaster_project": "myapp",
    "ringmaster_vm_id": 4115,
    "ringmaster_uuid": "5b0e7c1e-51a3-5d3a-9d5b-2c1f00001013",
    "ringmaster_hypervisor": "hv0",
    "ringmaster_memory_mib": 1024,
    "ringmaster_memory_max_mib": 1024,
    "ringmaster_cores": 2,
    "ringmaster_disk_gib": 10,
    "ringmaster_swap_mib": 1024,
    "ringmaster_tmp_gib": 5,
    "ringmaster_fe_mac": "02:01:02:00:10:13",
    "ringmaster_srv_mac": "02:01:03:00:10:13",
    "ringmaster_fe_ipv4": "",
    "ringmaster_fe_ipv6": "2001:db8:2::1013",
    "ringmaster_srv_ipv4": "172.20.1.5",
    "ringmaster_srv_ipv6": "2001:db8:3::1013",
    "ringmaster_fqdn": "myapp00.ringmaster.example",
    "ringmaster_operator_keys": ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"],
    "ringmaster_management_networks": ["10.77.0.0/24", "2001:db8:1::/64"],
    "ringmaster_networks": {
        "frontend": {
            "ipv4": "203.0.113.0/24",
            "ipv4_gateway": "203.0.113.1",
            "ipv6": "2001:db8:2::/64",
            "ipv6_gateway": "2001:db8:2::1",
            "mtu": 1500,
        },
        "server": {
            "ipv4": "172.20.0.0/22",
            "ipv4_gateway": "172.20.0.1",
            "ipv6": "2001:db8:3::/64",
            "ipv6_gateway": "2001:db8:3::1",
            "mtu": 1500,
        },
    },
}


def make(**changes: Any) -> dict[str, Any]:
    return vm_spec.vm_spec({**HOST, **changes}, "ringmaster-trixie-0123456789ab.qcow2", BRIDGES)


def test_modules_accept_it() -> None:
    found = parse_spec(make())
    assert found.sizes == {"root": 10 * 1024**3, "swap": 1024**3, "tmp": 5 * 1024**3}
    assert [nic.addresses for nic in found.nics] == [
        ("2001:db8:2::1013",),
        ("172.20.1.5", "2001:db8:3::1013"),
    ]
    assert found.hypervisor == "hv0"


def test_former_addresses_are_let_through_until_the_guest_has_the_new_ones() -> None:
    former = {"srv_ipv4": "172.20.1.9", "fe_ipv4": "", "fe_ipv6": "2001:db8:7::1013"}
    changed = make(ringmaster_former_addresses=former)
    assert [nic["addresses"] for nic in changed["nics"]] == [
        ["2001:db8:2::1013", "2001:db8:7::1013"],
        ["172.20.1.5", "2001:db8:3::1013", "172.20.1.9"],
    ]
    # A VM that boots for the first time has none of them.
    assert changed["seed"] == make()["seed"]


def test_further_addresses_are_let_through_too_and_former_ones_until_they_are_gone() -> None:
    networks = {**HOST["ringmaster_networks"], "server_public": {"ipv4": "192.0.2.0/24", "ipv4_gateway": "192.0.2.1"}}
    further = {
        "ringmaster_fe_ipv4": "203.0.113.9",
        "ringmaster_fe_extra_ipv4": ["203.0.113.10"],
        "ringmaster_srv_public_ipv4": ["192.0.2.9"],
        "ringmaster_networks": networks,
    }
    found = make(**further)
    assert [nic["addresses"] for nic in found["nics"]] == [
        ["203.0.113.9", "2001:db8:2::1013", "203.0.113.10"],
        ["172.20.1.5", "2001:db8:3::1013", "192.0.2.9"],
    ]
    former = {"fe_extra_ipv4": ["203.0.113.10", "203.0.113.11"], "srv_public_ipv4": []}
    changed = make(**further, ringmaster_former_addresses=former)
    assert changed["nics"][0]["addresses"] == ["203.0.113.9", "2001:db8:2::1013", "203.0.113.10", "203.0.113.11"]
    ethernets = json.loads(found["seed"]["network-config"])["ethernets"]
    assert ethernets["ethfe"]["addresses"] == ["203.0.113.9/24", "2001:db8:2::1013/64", "203.0.113.10/24"]
    assert [route["via"] for route in ethernets["ethfe"]["routes"]] == ["203.0.113.1", "2001:db8:2::1"]
    assert "routes" not in ethernets["ethsrv"]
    assert "Address=192.0.2.9/24" in found["seed"]["ringmaster/network/10-ethsrv.network"]


def test_seed_for_our_image() -> None:
    seed = make()["seed"]
    assert seed["ringmaster/instance-id"] == HOST["ringmaster_uuid"] + "\n"
    assert seed["ringmaster/hostname"] == "myapp00.ringmaster.example\n"
    assert seed["ringmaster/authorized_keys"].splitlines() == [
        'from="10.77.0.0/24,2001:db8:1::/64" ssh-ed25519 AAAA one',
        'from="10.77.0.0/24,2001:db8:1::/64" ssh-ed25519 BBBB two',
    ]
    networks = sorted(path for path in seed if path.startswith("ringmaster/network/"))
    assert [path.rsplit("/", 1)[1] for path in networks] == [
        "10-ethfe.link",
        "10-ethfe.network",
        "10-ethsrv.link",
        "10-ethsrv.network",
    ]


def test_seed_for_cloud_init() -> None:
    seed = make()["seed"]
    assert json.loads(seed["meta-data"])["instance-id"] == HOST["ringmaster_uuid"]
    assert seed["user-data"].startswith("#cloud-config\n")
    user = yaml.safe_load(seed["user-data"])
    assert user["ssh_pwauth"] is False
    assert user["ssh_genkeytypes"] == ["ed25519"]
    assert user["users"][0]["ssh_authorized_keys"][0].startswith('from="10.77.0.0/24')
    ports = yaml.safe_load(seed["network-config"])["ethernets"]
    assert ports["ethfe"]["match"] == {"macaddress": "02:01:02:00:10:13"}
    assert ports["ethsrv"]["addresses"] == ["172.20.1.5/22", "2001:db8:3::1013/64"]
    # One default route per family: IPv6 over the frontend, IPv4 over the server network.
    assert ports["ethfe"]["routes"] == [{"to": "::/0", "via": "2001:db8:2::1"}]
    assert ports["ethsrv"]["routes"] == [{"to": "0.0.0.0/0", "via": "172.20.0.1"}]


def test_seed_is_the_same_each_time() -> None:
    assert make() == make()


@pytest.mark.parametrize(
    ("state", "expected"), [("running", "running"), ("stopped", "stopped"), ("retiring", "retiring")]
)
def test_state(state: str, expected: str) -> None:
    assert make(ringmaster_state=state)["state"] == expected


def test_missing_variable_is_named() -> None:
    host = {key: value for key, value in HOST.items() if key != "ringmaster_uuid"}
    with pytest.raises(HypervisorError, match="VM myapp00: variable ringmaster_uuid is missing"):
        vm_spec.vm_spec(host, "x", BRIDGES)
