# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Further addresses of VMs: what is asked for, what is given, what is refused, and what the machines are told."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import zones
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import allocation, inventory
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.request import RequestError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PROJECT, PLATFORM, LEDGER = "projects/myapp.yml", "platform.yml", "allocations.yml"
EXAMPLE, PUBLIC = "198.19.0.0/24", "203.0.113.0/28"
EXTRA, SERVER = "frontend_extra_ipv4", "server_public_ipv4"
FIRST = "198.51.100.2 2001:db8:2::1000 172.20.1.1 2001:db8:3::1000"


@pytest.fixture
def public(platform):
    """A platform with few public addresses on the server network, and with a second VM."""
    platform.replace(PLATFORM, EXAMPLE, PUBLIC)
    platform.replace(PROJECT, "\nvms:\n", "\nvms:\n  myapp01: {memory: 512MiB, frontend_ipv4: true}\n")
    platform.allocate()
    return platform


def ask(platform, vm: str = "myapp00", **keys: Any) -> None:
    platform.edit(PROJECT, lambda data: data["vms"][vm].update(keys))


def host(platform, vm: str = "myapp00") -> dict[str, Any]:
    return inventory.build(platform.read()).hosts[vm]


def messages(platform) -> list[str]:
    return [mistake.message for mistake in platform.mistakes()]


def without_public(platform) -> None:
    platform.edit(PLATFORM, lambda data: data["networks"].pop("server_public") and None)


def test_a_platform_that_asks_for_none_has_neither_entries_nor_variables(platform) -> None:
    without_public(platform)
    platform.allocate()
    text = (platform.folder / LEDGER).read_text()
    assert "extra" not in text
    assert "public" not in text
    assert not [name for name in host(platform) if "extra" in name or "public" in name]
    assert set(inventory.build(platform.read()).groups["all"]["vars"]["ringmaster_networks"]) == {"frontend", "server"}


def test_as_many_as_are_asked_for_are_given_and_told(public) -> None:
    ask(public, frontend_extra_ipv4=2, server_public_ipv4=1)
    assert "unallocated" in [name for name, one in inventory.build(public.read()).groups.items() if one["hosts"]]
    outcome = public.allocate()
    assert outcome.allocated == [
        "ipv4_frontend_extra myapp00: 198.51.100.4",
        "ipv4_frontend_extra myapp00: 198.51.100.5",
        "ipv4_server_public myapp00: 203.0.113.2",
    ]
    assert public.ledger()["ipv4_frontend_extra"] == {"myapp00": ["198.51.100.4", "198.51.100.5"]}
    assert public.allocate().files == []
    found = host(public)
    assert found["ringmaster_fe_ipv4"] == "198.51.100.3"
    assert found["ringmaster_fe_extra_ipv4"] == ["198.51.100.4", "198.51.100.5"]
    assert found["ringmaster_srv_public_ipv4"] == ["203.0.113.2"]
    built = inventory.build(public.read())
    assert built.groups["all"]["vars"]["ringmaster_networks"]["server_public"]["ipv4_gateway"] == "203.0.113.1"
    # Its neighbours let it in by all of them.
    assert {"198.51.100.5", "203.0.113.2"} <= set(built.groups["project_myapp"]["vars"]["ringmaster_project_addresses"])


def test_what_is_given_back_stays_with_the_vm_and_comes_again(public) -> None:
    ask(public, frontend_extra_ipv4=2)
    public.allocate()
    ask(public, frontend_extra_ipv4=1)
    assert public.allocate().files == []
    assert host(public)["ringmaster_fe_extra_ipv4"] == ["198.51.100.4"]
    ask(public, "myapp01", frontend_extra_ipv4=1)
    public.allocate()
    assert host(public, "myapp01")["ringmaster_fe_extra_ipv4"] == ["198.51.100.6"]
    ask(public, frontend_extra_ipv4=2)
    assert public.allocate().files == []
    assert host(public)["ringmaster_fe_extra_ipv4"] == ["198.51.100.4", "198.51.100.5"]


def test_named_ones_are_left_out_of_the_pool_in_the_same_run(public) -> None:
    """The next VM's first address and another one's count do not take what somebody names."""
    ask(public, frontend_extra_ipv4=["198.51.100.5", "198.51.100.4"])
    ask(public, "myapp01", frontend_extra_ipv4=1)
    public.edit(PROJECT, lambda data: data["vms"].update(myapp02={"memory": "512MiB", "frontend_ipv4": True}))
    public.allocate()
    assert host(public)["ringmaster_fe_extra_ipv4"] == ["198.51.100.5", "198.51.100.4"]
    assert public.ledger()["ipv4_frontend"]["myapp02"] == "198.51.100.6"
    assert host(public, "myapp01")["ringmaster_fe_extra_ipv4"] == ["198.51.100.7"]


def test_a_retired_vm_keeps_them(public) -> None:
    ask(public, server_public_ipv4=["203.0.113.9"])
    public.allocate()
    public.edit(PROJECT, lambda data: data["vms"].pop("myapp00") and None)
    public.edit(LEDGER, lambda data: data["retired"].update(myapp00="2026-01-01"))
    ask(public, "myapp01", server_public_ipv4=["203.0.113.9"])
    (mistake,) = public.mistakes()
    assert mistake.message == "vms.myapp01.server_public_ipv4: 203.0.113.9 is taken"
    assert mistake.found == "myapp00 has it"
    assert "its entry in ipv4_server_public may go" in mistake.hint


TABLE = [
    ("outside the pool", SERVER, "[203.0.113.40]", "203.0.113.40 is none of the addresses", PUBLIC),
    ("the network itself", SERVER, "[203.0.113.0]", "203.0.113.0 is none of the addresses", PUBLIC),
    ("broadcast", SERVER, "[203.0.113.15]", "203.0.113.15 is none of the addresses", PUBLIC),
    ("the gateway", SERVER, "[203.0.113.1]", "203.0.113.1 is taken", "a gateway, a hypervisor or a machine has it"),
    ("another VM's first", EXTRA, "[198.51.100.2]", "198.51.100.2 is taken", "myapp01 has it"),
    ("its own first", EXTRA, "[198.51.100.3]", "198.51.100.3 is taken", "myapp00 has it already (ipv4_frontend)"),
    ("another network", EXTRA, "[172.20.1.9]", "172.20.1.9 is none of the addresses", "198.51.100.0/24"),
    ("too many", EXTRA, "17", "17 is out of range", "0 to 16"),
    ("a word", EXTRA, "some", "is not a whole number", "0 to 16"),
    ("a map", EXTRA, "{a: 1}", "is no number and no list", "a whole number"),
    ("no address", EXTRA, "[198.51.100]", "'198.51.100' is not an IPv4 address", "198.51.100"),
    ("IPv6", EXTRA, '["2001:db8:2::7"]', "is not an IPv4 address", "2001:db8:2::7"),
    ("twice", EXTRA, "[198.51.100.9, 198.51.100.9]", "stands twice", "each once"),
    ("the pool is used up", SERVER, "14", "not enough IPv4 addresses are left", "14 asked for, 13 there"),
]


@pytest.mark.parametrize(("key", "value", "message", "more"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_cannot_be_had_is_refused_with_its_place(public, key: str, value: str, message: str, more: str) -> None:
    text = (public.folder / PROJECT).read_text()
    line = text[: text.index("    cores: 2")].count("\n") + 1
    public.replace(PROJECT, "    cores: 2", f"    {key}: {value}\n    cores: 2")
    (mistake,) = public.mistakes()
    assert mistake.file.endswith(PROJECT)
    assert (mistake.line, mistake.column > 1) == (line, True)
    rendered = mistake.render()
    assert message in rendered
    assert more in rendered


def test_one_address_for_two_is_refused_at_the_second(public) -> None:
    ask(public, "myapp01", frontend_extra_ipv4=["198.51.100.9"])
    ask(public, frontend_extra_ipv4=["198.51.100.9"])
    (mistake,) = public.mistakes()
    assert (mistake.message, mistake.found) == (
        "vms.myapp00.frontend_extra_ipv4: 198.51.100.9 is taken",
        "myapp01 has it",
    )
    assert not mistake.hint


def test_what_there_is_no_network_for(platform) -> None:
    without_public(platform)
    ask(platform, server_public_ipv4=1)
    assert messages(platform) == ["vms.myapp00.server_public_ipv4: there is no network of public addresses"]
    ask(platform, server_public_ipv4=0, frontend_ipv4=False, frontend_extra_ipv4=1)
    assert messages(platform) == [
        "vms.myapp00.frontend_extra_ipv4: the VM has no first IPv4 address on the frontend network"
    ]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("172.30.0.0/24", "networks.server_public.ipv4: 172.30.0.0/24 is private"),
        ("198.51.100.0/25", "networks.server_public.ipv4: the network overlaps with the frontend's"),
        ("203.0.113.0/31", "networks.server_public.ipv4: 203.0.113.0/31 has no room for a gateway and a VM"),
    ],
)
def test_networks_that_cannot_be_public_ones(platform, network: str, message: str) -> None:
    platform.replace(PLATFORM, EXAMPLE, network)
    assert messages(platform) == [message]


def test_a_ledger_that_contradicts_itself_is_found(public) -> None:
    ask(public, frontend_extra_ipv4=1)
    public.allocate()
    public.edit(LEDGER, lambda data: data["ipv4_frontend_extra"].update(myapp01=["198.51.100.2", "198.51.100.4"]))
    found = public.mistakes()
    assert {one.message for one in found} == {
        "ipv4_frontend_extra: 198.51.100.2 is given twice",
        "ipv4_frontend_extra: 198.51.100.4 is given twice",
    }
    assert all(one.file.endswith(LEDGER) and one.line > 1 for one in found)


def test_a_vm_has_them_until_it_was_reached_without_them(public, make_key) -> None:
    public.allocate(host_keys={"myapp00": [make_key()]})
    first = FIRST.replace("198.51.100.2", "198.51.100.3").replace("172.20.1.1", "172.20.1.2").replace("1000", "1001")
    assert public.ledger()["confirmed_addresses"] == {"myapp00": first}
    assert "ringmaster_former_addresses" not in host(public)
    ask(public, frontend_extra_ipv4=1, server_public_ipv4=2)
    public.allocate()
    assert host(public)["ringmaster_former_addresses"] == {"fe_extra_ipv4": [], "srv_public_ipv4": []}
    assert host(public)["ansible_host"] == host(public)["ringmaster_next_host"] == "172.20.1.2"
    public.allocate(confirmed_addresses=["myapp00"])
    assert public.ledger()["confirmed_addresses"] == {"myapp00": f"{first} 198.51.100.4 203.0.113.2,203.0.113.3"}
    assert "ringmaster_former_addresses" not in host(public)
    aliases = (public.folder / "known_hosts").read_text().splitlines()[-1].split()[0].split(",")
    assert {"198.51.100.4", "203.0.113.2", "203.0.113.3"} <= set(aliases)
    ask(public, frontend_extra_ipv4=0, server_public_ipv4=1)
    assert host(public)["ringmaster_former_addresses"] == {
        "fe_extra_ipv4": ["198.51.100.4"],
        "srv_public_ipv4": ["203.0.113.2", "203.0.113.3"],
    }
    # Whoever takes it out of the ledger too early gives nobody what is still in use.
    public.edit(LEDGER, lambda data: data["ipv4_frontend_extra"].pop("myapp00") and None)
    ask(public, "myapp01", frontend_extra_ipv4=["198.51.100.4"])
    assert messages(public) == ["vms.myapp01.frontend_extra_ipv4: 198.51.100.4 is taken"]
    ask(public, "myapp01", frontend_extra_ipv4=0)
    public.allocate(confirmed_addresses=["myapp00"])
    assert public.ledger()["confirmed_addresses"] == {"myapp00": f"{first} - 203.0.113.2"}
    ask(public, server_public_ipv4=0)
    public.allocate(confirmed_addresses=["myapp00"])
    assert public.ledger()["confirmed_addresses"] == {"myapp00": first}


def test_public_addresses_are_counted(public) -> None:
    ask(public, frontend_extra_ipv4=["198.51.100.9", "198.51.100.10"], server_public_ipv4=3)
    vms = public.read().vms
    assert (vms["myapp00"].public_ipv4_count, vms["myapp01"].public_ipv4_count) == (6, 1)


def test_names_of_further_addresses(public) -> None:
    ask(public, frontend_extra_ipv4=2, server_public_ipv4=1)
    public.allocate()
    group = inventory.build(public.read()).groups["service_dns"]["vars"]
    hosts = group["ringmaster_dns_hosts"]
    assert hosts["myapp00.fe"] == ["198.51.100.3", "2001:db8:2::1001"]
    assert (hosts["myapp00.fe2"], hosts["myapp00.fe3"]) == (["198.51.100.4"], ["198.51.100.5"])
    assert hosts["myapp00"] == ["172.20.1.2", "2001:db8:3::1001", "203.0.113.2"]
    networks = ["198.51.100.0/24", "172.20.0.0/22", PUBLIC]
    built = zones.texts(
        hosts, domain="x.example", networks=networks, name_servers=["ns.other.example"], contact="a@x.example"
    )
    lines = {(one["view"], line) for one in built for line in one["text"].splitlines()}
    # Who is inside goes by the private address, who is outside can go by the public one only.
    assert ("internal", "myapp00.x.example. IN A 172.20.1.2") in lines
    assert ("internal", "myapp00.x.example. IN A 203.0.113.2") not in lines
    assert ("external", "myapp00.x.example. IN A 203.0.113.2") in lines
    assert ("external", "myapp00.x.example. IN A 172.20.1.2") not in lines
    for view in ("internal", "external"):
        assert (view, "myapp00.fe3.x.example. IN A 198.51.100.5") in lines
        assert (view, "5.100.51.198.in-addr.arpa. IN PTR myapp00.fe3.x.example.") in lines
        assert (view, "2.0-28.113.0.203.in-addr.arpa. IN PTR myapp00.x.example.") in lines


@pytest.mark.parametrize(("name", "refused"), [("myapp00.fe2", True), ("myapp00.fe3", False), ("myapp01.fe2", False)])
def test_a_record_at_the_name_of_a_further_address_is_refused(public, name: str, refused: bool) -> None:
    ask(public, frontend_extra_ipv4=1)
    record = {"name": name, "type": "A", "values": ["192.0.2.1"]}
    public.edit(PROJECT, lambda data: data.update(dns_records=[record]))
    found = messages(public)
    assert found == ([f"dns_records[0].name: '{name}' is the name of a machine"] if refused else [])


@pytest.mark.parametrize(
    ("argument", "written", "given_out"),
    [
        ("1", 1, ["198.51.100.4"]),
        ("198.51.100.77, 198.51.100.78", ["198.51.100.77", "198.51.100.78"], None),
        (0, 0, []),
    ],
)
def test_a_verb_asks_for_them_and_is_done_once(public, argument: Any, written: Any, given_out: Any) -> None:
    def change() -> edit.Outcome:
        return edit.apply(public.options, "change_vm", {"vm": "myapp00", "frontend_extra_ipv4": argument})

    change()
    assert yaml.safe_load((public.folder / PROJECT).read_text())["vms"]["myapp00"].get(EXTRA, 0) == written
    assert host(public).get("ringmaster_fe_extra_ipv4", []) == (given_out if given_out is not None else written)
    assert change().files == []
    edit.apply(public.options, "change_vm", {"vm": "myapp00", "frontend_extra_ipv4": "none"})
    assert "ringmaster_fe_extra_ipv4" not in host(public)


@pytest.mark.parametrize("argument", ["-1", "17", "some", "198.51.100.300", "1.5"])
def test_a_verb_refuses_what_is_no_number_and_no_address(public, argument: str) -> None:
    before = public.snapshot()
    with pytest.raises(RequestError, match="frontend_extra_ipv4"):
        edit.apply(public.options, "change_vm", {"vm": "myapp00", "frontend_extra_ipv4": argument})
    assert public.snapshot() == before


POOL = [f"203.0.113.{number}" for number in range(2, 15)]
asked = st.one_of(st.integers(0, 6), st.lists(st.sampled_from(POOL), unique=True, max_size=4))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["myapp00", "myapp01"]), asked), min_size=1, max_size=8))
def test_no_address_is_ever_given_to_two(public, steps: list[tuple[str, Any]]) -> None:
    """Whatever is asked for, in any order: what one VM had is never another one's, and each has what it asks for."""
    public.edit(LEDGER, lambda data: data.pop("ipv4_server_public", None) and None)
    for vm in ("myapp00", "myapp01"):
        ask(public, vm, server_public_ipv4=0)
    owners: dict[str, str] = {}
    for vm, wanted in steps:
        before = public.snapshot()
        ask(public, vm, server_public_ipv4=wanted)
        if public.mistakes():
            for path, content in before.items():
                (public.folder / path).write_bytes(content)
            continue
        public.allocate()
        found = public.read()
        for name, addresses in found.ledger.ipv4_server_public.items():
            for address in addresses:
                assert owners.setdefault(address, name) == name
                assert address in POOL
        has = allocation.further_addresses(found.ledger, found.vms[vm])["srv_public_ipv4"]
        assert has == wanted if isinstance(wanted, list) else len(has) == wanted
