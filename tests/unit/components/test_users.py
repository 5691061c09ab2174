# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the declared users of every component."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import users
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import WITH_USERS

SECRET = "a secret for tests, long enough"
ROLES = Path(__file__).parents[3] / "roles"


def vm(name: str, number: int, *components: str, **more: Any) -> dict[str, Any]:
    return {
        "inventory_hostname": name,
        "ringmaster_project": "myapp",
        "ringmaster_vm_id": number,
        "ringmaster_fqdn": f"{name}.example.org",
        "ringmaster_components": list(components),
        **more,
    }


@pytest.mark.parametrize("component", WITH_USERS, ids=lambda one: one.name)
def test_default_users_are_those_of_the_role(component: users.ComponentUsers) -> None:
    """A VM's credentials are written from other VMs, where the role's defaults are not known."""
    defaults = yaml.safe_load((ROLES / component.name / "defaults/main.yml").read_text())
    assert defaults[f"{component.name}_users"] == list(component.default_users)


@pytest.mark.parametrize("component", WITH_USERS, ids=lambda one: one.name)
def test_credentials_of_several_servers(component: users.ComponentUsers) -> None:
    """A further VM never changes what an existing name means."""
    declared = {f"{component.name}_users": [{"name": "app"}, {"name": "cache"}]}
    one, two = vm("myapp00", 4096), vm("myapp01", 4097, **declared)
    alone = users.credentials(component, [one], SECRET)
    both = users.credentials(component, [two, one], SECRET)
    assert list(alone) == ["app.env", "app@myapp00.env"]
    assert list(both) == ["app.env", "app@myapp00.env", "app@myapp01.env", "cache.env", "cache@myapp01.env"]
    assert alone["app.env"] == both["app.env"] == both["app@myapp00.env"]
    assert both["cache.env"] == both["cache@myapp01.env"]
    assert both["app@myapp00.env"] != both["app@myapp01.env"]
    assert all("myapp00.example.org" in text for text in alone.values())


@pytest.mark.parametrize("component", WITH_USERS, ids=lambda one: one.name)
@pytest.mark.parametrize("declared", [[], [{"name": "app", "state": "absent"}]], ids=["none", "absent"])
def test_no_user_no_file(component: users.ComponentUsers, declared: list[dict[str, Any]]) -> None:
    assert users.credentials(component, [vm("myapp00", 4096, **{f"{component.name}_users": declared})], SECRET) == {}


@pytest.mark.parametrize("component", WITH_USERS, ids=lambda one: one.name)
def test_the_platforms_own_accounts_cannot_be_declared(component: users.ComponentUsers) -> None:
    for name in component.reserved:
        if component.pattern.fullmatch(name):
            with pytest.raises(users.UserError, match="is the platform's own"):
                component.checked([{"name": name}], SECRET, vm("myapp00", 4096))


def test_entries_are_for_the_group_service_and_go_when_the_component_does() -> None:
    first = WITH_USERS[0]
    folder = f"{users.FOLDER}/{first.name}"
    found = {one["path"]: one for one in users.entries(WITH_USERS, [vm("myapp00", 4096, first.name)], SECRET)}
    assert found[folder]["purge"] == ["*.env"]
    file = found[f"{folder}/app.env"]
    assert (file["owner"], file["group"], file["mode"], file["sensitive"]) == ("root", "service", "0640", True)
    gone = users.entries(WITH_USERS, [vm("myapp00", 4096)], SECRET)
    assert {(one["path"], one["state"]) for one in gone} == {
        (f"{users.FOLDER}/{component.name}", "absent") for component in WITH_USERS
    }
