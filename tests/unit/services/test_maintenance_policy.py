# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service maintenance keeps to, from the description; and a platform without it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import inventory
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import maintenance
from ringmaster.maintenance_server import model

SECRET = "a-secret-that-protects-nothing"


def hostvars_of(platform: Any) -> dict[str, dict[str, Any]]:
    found = inventory.build(platform.read())
    result: dict[str, dict[str, Any]] = {}
    for name, own in found.hosts.items():
        groups = [group for title, group in found.groups.items() if title == "all" or name in group["hosts"]]
        result[name] = {key: value for group in groups for key, value in group["vars"].items()} | own
        result[name]["inventory_hostname"] = name
    return result


@pytest.fixture
def described(platform: Any) -> Any:
    platform.edit("platform.yml", lambda data: data["services"].update(maintenance="svc0"))

    def vms(data: dict[str, Any]) -> None:
        data["vms"]["myapp01"] = {"maintenance": {"start": "05:00", "notice_hours": 0}}
        data["vms"]["myapp02"] = {"cores": 1}
        data["vms"]["myapp03"] = {"state": "stopped"}
        data["maintenance"]["keep"] = [{"vms": ["myapp00", "myapp01", "myapp03"]}]
        data["maintenance"]["exclusions"] = [{"from": "2026-12-24", "to": "2026-12-26", "reason": "Christmas"}]

    platform.edit("projects/myapp.yml", vms)
    platform.allocate()
    return platform


def test_the_service_keeps_to_the_description(described: Any) -> None:
    vms = ["myapp00", "myapp01", "myapp02", "myapp03"]
    found = maintenance.policy(hostvars_of(described), vms, {"notice_hours": 24})
    assert list(found["machines"]) == vms[:3], "what is switched off is nobody's help"
    assert found["groups"] == [
        {"name": "myapp00, myapp01 by maintenance.keep", "members": ["myapp00", "myapp01"], "in_service": 1}
    ]
    # The service reads it.
    policy = model.policy(found)
    assert [policy.machines[name].notice for name in vms[:3]] == [24 * 3600, 0, 24 * 3600]
    assert policy.machines["myapp00"].window.exclusions == (("2026-12-24", "2026-12-26"),)
    assert policy.machines["myapp01"].window.start == "05:00"
    assert policy.machines["myapp00"].hypervisor == "hv0"


def test_machines_are_told_whom_to_ask_only_where_there_is_somebody(platform: Any, described: Any) -> None:
    expected = {"name": "svc0", "address": "172.20.0.20"}
    assert inventory.build(described.read()).groups["all"]["vars"]["ringmaster_turns"] == expected
    described.edit("platform.yml", lambda data: data["services"].pop("maintenance") and None)
    assert "ringmaster_turns" not in inventory.build(described.read()).groups["all"]["vars"]


def test_each_machine_has_a_password_and_each_project_a_calendar(described: Any) -> None:
    hostvars = hostvars_of(described)
    digests = maintenance.passwords(hostvars, ["myapp00", "myapp01"], SECRET)
    own = maintenance.password(hostvars["myapp00"], SECRET)
    assert digests["myapp00"] == hashlib.sha256(own.encode()).hexdigest() != digests["myapp01"]
    calendars = maintenance.calendars(["myapp", "shop"], SECRET)
    assert list(calendars) == ["", "myapp", "shop"] and len(set(calendars.values())) == 3
    assert all(len(word) == 32 and word.isalnum() for word in calendars.values())
