# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sees what of a platform."""

from __future__ import annotations

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import people
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description

MEMBERS = {
    "mara": ["login", "sudo-srv", "wheel", "manager"],
    "mona": ["manager"],
    "wim": ["login", "wheel"],
    "sue": ["login", "sudo-srv"],
    "lou": ["login"],
    "stan": ["stats"],
    "lock": ["login", "manager"],
}


@pytest.fixture
def found(platform) -> Description:
    platform.replace("platform.yml", "operators: []}", "operators: [olga, lock]}")
    for name in (*MEMBERS, "olga", "eve"):
        state = "locked" if name == "lock" else "active"
        more = 'web_password_hash: "$6$anna1234$' + "a" * 86 + '"\n'
        platform.write(
            f"users/{name}.yml", f"full_name: {name.title()}\nemail: {name}@shop.example\nstate: {state}\n{more}"
        )
    shop = "".join(f"  {name}: [{', '.join(words)}]\n" for name, words in MEMBERS.items())
    platform.write("projects/shop.yml", f"permissions:\n{shop}service_users: [s-shop]\nvms: {{shop00: {{}}}}\n")
    platform.write("projects/other.yml", "permissions: {mara: [login], eve: [manager]}\nvms: {other00: {}}\n")
    return platform.read()


SEES = {
    # person: projects, and people
    "olga": ({"myapp", "shop", "other"}, {*MEMBERS, "olga", "eve", "alice", "bob"}),
    "mara": ({"shop", "other"}, set(MEMBERS)),
    "mona": ({"shop"}, set(MEMBERS)),
    "wim": ({"shop"}, {"wim"}),
    "stan": ({"shop"}, {"stan"}),
    "eve": ({"other"}, {"eve", "mara"}),
    "bob": ({"myapp"}, {"bob"}),
    "lock": (set(), set()),
    "nobody": (set(), set()),
    "": (set(), set()),
}


@pytest.mark.parametrize("person", SEES)
def test_projects_vms_and_people(found: Description, person: str) -> None:
    seen = people.visible(found, person)
    projects, others = SEES[person]
    assert set(seen.projects()) == projects
    assert {vm.name for vm in seen.vms()} == {f"{name}00" for name in projects}
    assert set(seen.people()) == others
    for project in found.projects:
        assert (seen.project(project) is not None) == (project in projects)
        assert (seen.vm(f"{project}00") is not None) == (project in projects)
    for name in found.users:
        assert (seen.of_person(name) is not None) == (name in others)
    assert (seen.project("none"), seen.vm("none00"), seen.of_person("none")) == (None, None, None)


# The parts of a project: + is shown.
PARTS = (
    *("vms", "addresses", "checks", "requests", "connections", "service_users", "credentials"),
    *("people", "history", "quota", "audit", "figures"),
)
SHOWN = {
    "olga": "+ + + + + + + + + + + +",
    "mara": "+ + + + + + + + + + + -",
    "mona": "+ + + + - + - + + + + -",
    "wim": "+ + + + + + + - - - - -",
    "sue": "+ + + + + + + - - - - -",
    "lou": "+ + + + + - - - - - - -",
    "stan": "+ + + + - - - - - - - +",
    "eve": "- - - - - - - - - - - -",
    "lock": "- - - - - - - - - - - -",
    "nobody": "- - - - - - - - - - - -",
}


@pytest.mark.parametrize("person", SHOWN)
def test_parts_of_a_project(found: Description, person: str) -> None:
    seen = people.visible(found, person)
    assert set(PARTS) == set(people.PARTS)
    shown = {part: "+" if seen.sees("shop", part) else "-" for part in PARTS}
    assert shown == dict(zip(PARTS, SHOWN[person].split(), strict=True))
    assert not seen.sees("none", "vms")


def test_of_others_a_manager_sees_what_concerns_his_projects(found: Description) -> None:
    assert people.visible(found, "eve").of_person("mara") == {
        "full_name": "Mara",
        "email": "mara@shop.example",
        "state": "active",
        "permissions": {"other": ["login"]},
    }


def test_of_oneself_one_sees_all_but_what_is_secret(found: Description) -> None:
    own = people.visible(found, "mara").of_person("mara")
    assert own is not None
    assert own["ssh_keys"] == []
    assert own["permissions"] == {"shop": MEMBERS["mara"], "other": ["login"]}


@pytest.mark.parametrize("person", ["olga", "mara", "mona"])
def test_nobody_sees_a_hash(found: Description, person: str) -> None:
    seen = people.visible(found, person)
    assert "$6$" not in str([seen.of_person(name) for name in found.users])


def test_operators_are_those_of_the_list_who_have_an_account(found: Description) -> None:
    assert people.operators(found) == ["olga"]
    assert not people.visible(found, "lock").is_operator
