# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service machines on both networks: what a description may say of them, and what follows in the inventory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import inventory, known_hosts

PLATFORM, PROJECT, LEDGER = "platform.yml", "projects/myapp.yml", "allocations.yml"
INTERFACE, IPV4, IPV6 = "fe_interface: fe\n", "fe_ipv4: 198.51.100.20\n", "fe_ipv6: 2001:db8:2::20\n"
FRONTEND = f"    {INTERFACE}    {IPV4}    {IPV6}"


def alone(platform) -> None:
    """Take the machine's interfaces and its addresses on the frontend away, as in every description before them."""
    platform.replace(PLATFORM, "    srv_interface: srv\n", "")
    platform.replace(PLATFORM, FRONTEND, "")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (IPV4, "fe_ipv4: 198.51.200.20\n", ["198.51.200.20 lies outside", "an address in 198.51.100.0/24"]),
        (IPV4, "fe_ipv4: 172.20.0.21\n", ["172.20.0.21 lies outside"]),
        (IPV4, "fe_ipv4: 198.51.100.1\n", ["198.51.100.1 is taken", "the gateway has it"]),
        (IPV4, "fe_ipv4: 198.51.100.255\n", ["broadcast address"]),
        (IPV4, "fe_ipv4: 198.51.100.0\n", ["of the network itself"]),
        (IPV4, "fe_ipv4: 2001:db8:2::21\n", ["is not an IPv4 address"]),
        (IPV6, "fe_ipv6: 2001:db8:2::1000\n", ["could be the address of a VM", "below ::1000"]),
        (IPV6, "fe_ipv6: 2001:db8:2::1\n", ["is taken", "the gateway has it"]),
        (IPV6, "fe_ipv6: 2001:db8:3::21\n", ["lies outside", "2001:db8:2::/64"]),
        (f"    {INTERFACE}", "", ["no interface on the frontend", "fe_ipv4 without fe_interface", "ip link"]),
        (INTERFACE, "fe_interface: srv\n", ["srv is the interface on the server network"]),
        (INTERFACE, "fe_interface: eth/0\n", ["at most 15 characters"]),
        ("    srv_ipv4: 172.20.0.20\n    srv_ipv6: 2001:db8:3::20\n", "", ["no address on the server network"]),
        (f"    {IPV4}    {IPV6}", "", ["svc0.fe_interface: the machine has no address on the frontend network"]),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(platform, old: str, new: str, said: list[str]) -> None:
    platform.replace(PLATFORM, old, new)
    (mistake,) = [one for one in platform.mistakes() if "from: svc0" not in one.render()]
    text = mistake.render()
    assert all(part in text for part in said), text
    assert "/platform.yml:" in mistake.position
    assert mistake.found
    assert mistake.allowed


def test_a_hypervisor_has_no_such_keys(platform) -> None:
    platform.replace(PLATFORM, "    memory: 16GiB\n", f"    memory: 16GiB\n    {IPV4}")
    (mistake,) = platform.mistakes()
    assert "the key 'fe_ipv4' is not known" in mistake.message


def test_two_machines_never_have_one_address(platform) -> None:
    platform.replace(
        PLATFORM, FRONTEND, f"{FRONTEND}  svc1: {{address: 10.77.0.21, fe_interface: fe, {IPV4.strip()}}}\n"
    )
    # What stood behind it was svc0's.
    platform.replace(PLATFORM, "    apt_proxy: http://10.77.0.20:3142\n\n# Which", "\n# Which")
    (mistake,) = platform.mistakes()
    assert (mistake.message, mistake.found) == ("machines.svc1.fe_ipv4: 198.51.100.20 is taken", "svc0 has it")


def test_no_vm_gets_the_address_of_a_machine_and_no_machine_that_of_a_vm(platform) -> None:
    # The first address of the pool, which the first VM would get.
    platform.replace(PLATFORM, IPV4, "fe_ipv4: 198.51.100.2\n")
    platform.allocate()
    assert "198.51.100.2" not in platform.ledger()["ipv4_frontend"].values()
    given = platform.ledger()["ipv4_frontend"]["myapp00"]
    platform.replace(PLATFORM, "fe_ipv4: 198.51.100.2\n", f"fe_ipv4: {given}\n")
    (mistake,) = platform.mistakes()
    assert mistake.message == f"ipv4_frontend: {given} of myapp00 is also the address of a gateway or machine"
    assert mistake.allowed == "another address for the machine in platform.yml"
    platform.replace(PLATFORM, f"fe_ipv4: {given}\n", IPV4)
    platform.replace(
        PROJECT, "frontend_ipv4: true\n", "frontend_ipv4: true\n    frontend_extra_ipv4: [198.51.100.20]\n"
    )
    (mistake,) = platform.mistakes()
    assert "198.51.100.20 is taken" in mistake.message
    assert mistake.found == "a gateway, a hypervisor or a machine has it"


def hostvars(platform) -> tuple[dict[str, Any], dict[str, Any]]:
    platform.allocate()
    found = inventory.build(platform.read())
    return found.hosts["svc0"], found.groups


def test_what_follows_in_the_inventory(platform) -> None:
    svc0, groups = hostvars(platform)
    assert svc0["ringmaster_fe_ipv4"] == "198.51.100.20"
    assert svc0["ringmaster_fe_ipv6"] == "2001:db8:2::20"
    assert (svc0["ringmaster_fe_interface"], svc0["ringmaster_srv_interface"]) == ("fe", "srv")
    assert svc0["ringmaster_fe_fqdn"] == "svc0.fe.ringmaster.example"
    served = groups["service_dns"]["vars"]
    assert served["ringmaster_dns_frontend"] == ["198.51.100.20", "2001:db8:2::20"]
    names = served["ringmaster_dns_hosts"]
    assert names["svc0"] == ["172.20.0.20", "2001:db8:3::20"]
    assert names["svc0.fe"] == names["status"] == ["198.51.100.20", "2001:db8:2::20"]
    # The pointer of an address is the first name that has it.
    assert list(names).index("svc0.fe") < list(names).index("status")


def test_a_machine_without_them_is_as_before(platform) -> None:
    alone(platform)
    svc0, groups = hostvars(platform)
    assert [key for key in svc0 if "fe_" in key or "interface" in key] == []
    names = groups["service_dns"]["vars"]["ringmaster_dns_hosts"]
    assert "svc0.fe" not in names
    assert "status" not in names
    assert groups["service_dns"]["vars"]["ringmaster_dns_frontend"] == []


RECORD = "dns_records:\n"


@pytest.mark.parametrize(
    "said",
    [
        "  - {name: status, type: CNAME, values: pages.example.net}\n",
        "  - {name: status, vm: myapp00}\n",
        "  - {name: Status, type: A, values: 192.0.2.7}\n",
    ],
)
def test_where_the_description_says_itself_what_status_is_that_stays(platform, said: str) -> None:
    platform.replace(PLATFORM, RECORD, RECORD + said.replace("Status", "status"))
    assert platform.mistakes() == []
    _svc0, groups = hostvars(platform)
    assert "status" not in groups["service_dns"]["vars"]["ringmaster_dns_hosts"]


def test_the_name_of_the_pages_may_be_named_by_others(platform) -> None:
    platform.replace(PLATFORM, RECORD, f"{RECORD}  - {{name: calls, type: MX, values: 10 status.ringmaster.example}}\n")
    assert platform.mistakes() == []


def test_private_addresses_on_the_frontend_are_no_place_for_outsiders(platform) -> None:
    platform.replace(PLATFORM, "ipv4: 198.51.100.0/24", "ipv4: 192.168.7.0/24")
    platform.replace(PLATFORM, IPV4, "fe_ipv4: 192.168.7.20\n")
    _svc0, groups = hostvars(platform)
    assert groups["service_dns"]["vars"]["ringmaster_dns_frontend"] == ["2001:db8:2::20"]


def test_ssh_knows_it_by_all_its_names(platform) -> None:
    platform.allocate()
    description = platform.read()
    description.ledger.host_keys["svc0"] = ["ssh-ed25519 AAAA"]
    (line,) = [one for one in known_hosts.render(description, description.ledger).splitlines() if "svc0" in one]
    assert line.split(" ")[0].split(",") == [
        *("svc0", "svc0.ringmaster.example", "svc0.fe.ringmaster.example"),
        *("10.77.0.20", "172.20.0.20", "2001:db8:3::20", "198.51.100.20", "2001:db8:2::20"),
    ]


def test_a_rule_for_a_machine_is_for_all_its_addresses(platform) -> None:
    _svc0, groups = hostvars(platform)
    rules = groups["project_myapp"]["vars"]["ringmaster_project_firewall"]["allow"]
    assert {"172.20.0.20", "198.51.100.20", "2001:db8:2::20"} <= {one for rule in rules for one in rule["from"]}
