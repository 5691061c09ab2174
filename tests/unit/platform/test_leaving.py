# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A component that is marked to go: what of the platform still sees it, who refuses it, and how it comes back."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue, users
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import inventory
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import exporters, firewall

PROJECT = "projects/myapp.yml"
SECRET = "a-secret-of-the-platform"


@pytest.fixture
def going(platform):
    platform.allocate()
    remove(platform)
    return platform


def remove(platform, verb: str = "remove_component", **arguments: Any) -> edit.Outcome:
    return edit.apply(platform.options, verb, {"vm": "myapp00", "component": "redis", **arguments})


def host(platform) -> dict[str, Any]:
    found = inventory.build(platform.read())
    project = found.groups["project_myapp"]["vars"]
    return {"inventory_hostname": "myapp00", **found.groups["all"]["vars"], **project, **found.hosts["myapp00"]}


def components(platform) -> Any:
    return yaml.safe_load((platform.folder / PROJECT).read_text())["vms"]["myapp00"]["components"]


def test_nothing_but_its_taking_away_sees_it(going) -> None:
    found = inventory.build(going.read())
    vm = host(going)
    assert vm["ringmaster_components"] == []
    assert vm["ringmaster_components_leaving"] == ["redis"]
    assert "component_redis" not in found.groups
    assert not [one for one in firewall.policy(vm) if "6379" in one.ports]
    assert not [one for one in exporters.targets([vm])["exporters"] if one["labels"]["job"] == "redis"]
    entries = users.entries(catalogue.WITH_USERS, [vm], SECRET)
    assert {"path": f"{users.FOLDER}/redis", "state": "absent", "recurse": True} in entries
    assert not [name for name in vm if name.startswith("redis_")]


def test_it_comes_back_with_its_options(platform) -> None:
    platform.replace(PROJECT, "redis: {}", "redis: {port: 7000}")
    platform.allocate()
    remove(platform)
    assert components(platform) == {"redis": {"port": 7000, "state": "absent"}}
    edit.apply(platform.options, "change_vm", {"vm": "myapp00", "components": "redis"})
    assert components(platform) == {"redis": {"port": 7000}}
    assert platform.read().vms["myapp00"].components == {"redis": {"port": 7000}}


def test_the_key_goes_only_after_the_mark(platform) -> None:
    platform.allocate()
    before = platform.snapshot()
    with pytest.raises(DescriptionError, match="redis is not marked to go from myapp00"):
        remove(platform, forget=True)
    assert platform.snapshot() == before
    remove(platform)
    remove(platform, forget=True)
    assert not components(platform)
    assert remove(platform, forget=True).files == []


def test_what_is_not_there_cannot_go(platform) -> None:
    platform.allocate()
    with pytest.raises(DescriptionError, match="myapp00 has no mysql"):
        remove(platform, component="mysql")


@pytest.mark.parametrize("place", ["project", "vm"])
def test_a_rule_that_names_it_is_in_the_way(platform, place: str) -> None:
    rule = "{from: [any], to: ['component:redis']}"
    text = (platform.folder / PROJECT).read_text()
    content = yaml.safe_load(text)
    if place == "project":
        content["firewall"] = {"allow": [yaml.safe_load(rule)]}
    else:
        content["vms"]["myapp00"]["firewall"] = {"allow": [yaml.safe_load(rule)]}
    platform.write(PROJECT, yaml.safe_dump(content, sort_keys=False))
    platform.allocate()
    before = platform.snapshot()
    with pytest.raises(DescriptionError) as caught:
        remove(platform)
    message = str(caught.value)
    assert "firewall.allow[0].to: redis is marked to go from myapp00, and no other VM of the project has it" in message
    assert f"{PROJECT}:" in message
    assert platform.snapshot() == before


def test_a_rule_is_for_whoever_still_has_it(platform) -> None:
    content = yaml.safe_load((platform.folder / PROJECT).read_text())
    content["firewall"] = {"allow": [{"from": ["any"], "to": ["component:redis"]}]}
    content["vms"]["myapp01"] = {"components": {"redis": {}}}
    platform.write(PROJECT, yaml.safe_dump(content, sort_keys=False))
    platform.allocate()
    remove(platform)
    assert platform.mistakes() == []
