# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may send mail as whom, from a description."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import inventory
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import mail_out

ROOT = Path(__file__).parents[3]
PLATFORM = "platform.yml"
PROJECT = "projects/myapp.yml"


@pytest.fixture
def described(platform: Any) -> Any:
    """The example with the service, and allocated."""
    platform.edit(PLATFORM, lambda data: data["services"].update(mail="svc0"))
    platform.allocate()
    return platform


def built(platform: Any) -> inventory.Inventory:
    return inventory.build(platform.read())


def rules(platform: Any) -> dict[str, Any]:
    found = built(platform)
    hostvars: dict[str, dict[str, Any]] = {}
    for name, own in found.hosts.items():
        groups = [group for title, group in found.groups.items() if title == "all" or name in group["hosts"]]
        hostvars[name] = {key: value for group in groups for key, value in group["vars"].items()} | own
    machines = [*found.groups["hypervisors"]["hosts"], *found.groups["machines"]["hosts"]]
    return mail_out.rules(hostvars, "svc0", found.groups["vms"]["hosts"], machines)


def test_a_platform_without_the_service_stays_as_it_is(platform: Any) -> None:
    platform.edit(PLATFORM, lambda data: data["services"].pop("mail", None) and None)
    platform.allocate()
    found = built(platform)
    assert "ringmaster_mail_out" not in found.groups["all"]["vars"]
    assert found.groups["service_mail"]["hosts"] == []


def test_all_machines_are_given_the_way_out(described: Any) -> None:
    found = built(described)
    address = found.hosts["svc0"]["ringmaster_srv_ipv4"]
    expected = {"name": "svc0", "fqdn": "svc0.ringmaster.example", "address": address}
    assert found.groups["all"]["vars"]["ringmaster_mail_out"] == expected


def test_each_machine_is_known_by_its_addresses_and_writes_as_what_is_its(described: Any) -> None:
    vm = built(described).hosts["myapp00"]
    found = rules(described)
    client = {"name": "myapp00", "parties": ["myapp00", "@myapp"], "kind": "vm"}
    for address in (vm["ringmaster_srv_ipv4"], vm["ringmaster_srv_ipv6"]):
        assert found["clients"][address] == client
    assert {one["name"] for one in found["clients"].values() if one["kind"] == "machine"} >= {"svc0", "hv0"}
    names = found["names"]
    assert names["myapp00.ringmaster.example"] == names["myapp00.fe.ringmaster.example"] == ["myapp00"]
    assert names["myapp.ringmaster.example"] == ["@myapp"]
    assert names["ringmaster.example"] == ["@platform"]
    assert names["svc0.ringmaster.example"] == ["svc0"]


def test_what_operators_gave_a_project_is_its_and_nobody_elses(described: Any) -> None:
    described.edit(PLATFORM, lambda data: data["dns_owners"].update({"shop.ringmaster.example": "myapp"}))
    assert rules(described)["names"]["shop.ringmaster.example"] == ["@myapp"]


def test_mail_to_machines_that_take_none_goes_to_people(described: Any) -> None:
    described.edit(PLATFORM, lambda data: data.update(contacts=["ops@else.example"]))
    described.edit(PROJECT, lambda data: data.update(contacts=["team@else.example"]))
    readers = rules(described)["readers"]
    assert readers["myapp00.ringmaster.example"] == ["team@else.example"]
    assert readers["svc0.ringmaster.example"] == ["ops@else.example"]
    described.edit(PROJECT, lambda data: data.update(contacts=[]))
    assert rules(described)["readers"]["myapp00.ringmaster.example"] == ["ops@else.example"]


def test_a_stub_needs_no_mail_server_of_the_project_where_there_is_the_service(described: Any) -> None:
    shutil.copytree(ROOT / "roles/mailstub/meta", described.roles / "mailstub/meta")
    described.edit(PROJECT, lambda data: data["vms"]["myapp00"].update(components={"mailstub": {}}))
    assert described.mistakes() == []
    described.edit(PROJECT, lambda data: data["vms"]["myapp00"].update(components={"mailstub": {"user": "app"}}))
    assert [mistake.message for mistake in described.mistakes()] == [
        "vms.myapp00.components.mailstub: there is no mail server in the project, and the platform's takes mail"
        " without 'user'"
    ]
    described.edit(PLATFORM, lambda data: data["services"].pop("mail") and None)
    described.edit(PROJECT, lambda data: data["vms"]["myapp00"].update(components={"mailstub": {}}))
    assert "there is no mail server in the project" in described.mistakes()[0].message


def test_the_service_stands_beside_no_other_postfix(described: Any) -> None:
    described.write("projects/platform.yml", "vms: {platform00: {memory: 1GiB, components: {mailstub: {}}}}\n")
    described.edit(PLATFORM, lambda data: data["services"].update(mail="platform00"))
    assert "services.mail: platform00 has the component mailstub, which has a Postfix of its own" in [
        mistake.message for mistake in described.mistakes()
    ]
