# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from each verb: which playbook, for which hosts, in which order, and nothing that somebody typed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import inventory
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.component_options import roles_folder
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import (
    arguments,
    edit,
    effects,
    playbooks,
    table,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.request import RequestError
from passkey_samples import passkey

PROJECT, SHOP, BOB = "projects/myapp.yml", "projects/shop.yml", "users/bob.yml"
HASH = "$6$saltsalt$" + "x" * 86
KEY: dict[str, str] = {}


@pytest.fixture
def two(platform):
    """Two projects with VMs and one without, in which bob is; carol is in none, and dora is pending."""
    shop = {
        "permissions": {"bob": ["login"], "alice": ["login"]},
        "service_users": ["s-shop"],
        "vms": {"shop00": {"memory": "256MiB", "components": {"redis": {}}}, "shop01": {"memory": "256MiB"}},
    }
    platform.write(SHOP, yaml.safe_dump(shop))
    platform.write("projects/empty.yml", "permissions: {bob: [login]}\n")
    platform.write("users/carol.yml", "full_name: Carol Example\nemail: carol@example.org\n")
    platform.write("users/dora.yml", "full_name: Dora Example\nemail: dora@example.org\nstate: pending\n")
    platform.edit(PROJECT, lambda data: data["permissions"].update(dora=["login"]))
    platform.allocate()
    KEY["bob"] = platform.read().users["bob"]["ssh_keys"][0]
    return platform


def after(platform, *changes: tuple[str, dict[str, Any]]) -> list[str]:
    """Return what follows, as commands; the urgent with an exclamation mark."""
    outcome = edit.apply_many(platform.options, changes, dry_run=True)
    return [("! " if run.urgent else "") + run.command().removeprefix("playbooks/") for run in outcome.follows]


BOTH = '"accounts_hosts": ["project_myapp", "project_shop"]'
MYAPP = 'accounts.yml -e \'{"accounts_hosts": ["project_myapp"]}\''
SERVICES = "monitoring.yml -e '{\"monitoring_hosts\": []}'"
ONE_VM = 'converge_vm.yml -e \'{"vm": ["myapp00"]}\''
VM = {"vm": "myapp00"}
CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("order_vm", {"project": "shop"}, ['converge_vm.yml -e \'{"vm": ["shop02"]}\'']),
    ("change_vm", {**VM, "cores": 3}, [ONE_VM]),
    ("remove_component", {**VM, "component": "redis"}, [ONE_VM]),
    ("stop_vm", VM, [ONE_VM]),
    ("start_vm", VM, [ONE_VM]),
    ("retire_vm", VM, ['converge_vm.yml -e \'{"vm": ["myapp00"], "stop_after": "creation"}\'']),
    (
        "rotate_secret",
        {**VM, "component": "redis", "object": "app"},
        ['components.yml -e \'{"components_hosts": ["project_myapp"]}\''],
    ),
    (
        "rotate_secret",
        {**VM, "component": "backup", "object": "access"},
        ['backup.yml -e \'{"backup_hosts": ["myapp00"]}\''],
    ),
    ("add_user", {"user": "eve", "full_name": "Eve Example", "email": "eve@example.org"}, []),
    ("change_user", {"user": "bob", "full_name": "Bob B. Example"}, [f"accounts.yml -e '{{{BOTH}}}'"]),
    ("change_user", {"user": "bob", "email": "b@example.org"}, []),
    ("change_user", {"user": "carol", "full_name": "Carol C. Example"}, []),
    ("lock_user", {"user": "bob"}, [f'! accounts.yml -e \'{{{BOTH}, "accounts_end_sessions": ["bob"]}}\'']),
    ("unlock_user", {"user": "bob"}, [f"accounts.yml -e '{{{BOTH}}}'"]),
    (
        "invite_user",
        {
            "user": "eve",
            "project": "myapp",
            "permissions": "login",
            "full_name": "Eve Example",
            "email": "eve@example.org",
        },
        [],
    ),
    ("accept_user", {"user": "dora"}, [MYAPP]),
    ("decline_user", {"user": "dora"}, []),
    ("set_web_password", {"user": "bob"}, [SERVICES]),
    ("clear_web_password", {"user": "bob"}, [SERVICES]),
    ("set_web_password", {"user": "carol"}, []),
    ("add_passkey", passkey("bob"), []),
    ("remove_passkey", {"user": "bob", "passkey": "A" * 22}, []),
    ("add_ssh_key", {"user": "bob", "ssh_key": "KEY"}, [f"accounts.yml -e '{{{BOTH}}}'"]),
    (
        "revoke_key",
        {"user": "bob", "ssh_key": "KEY", "even_if_last": True},
        [f'! accounts.yml -e \'{{{BOTH}, "accounts_end_sessions": ["bob"]}}\''],
    ),
    ("remove_user", {"user": "bob"}, [f"! accounts.yml -e '{{{BOTH}}}'"]),
    ("set_permissions", {"project": "myapp", "user": "carol", "permissions": "login"}, [MYAPP]),
    ("set_permissions", {"project": "empty", "user": "carol", "permissions": "login"}, []),
    ("add_service_user", {"project": "myapp", "service_user": "s-new"}, [MYAPP]),
    ("remove_service_user", {"project": "myapp", "service_user": "s-myapp", "even_if_used": True}, [MYAPP]),
    ("add_project", {"project": "other"}, [SERVICES]),
    ("change_project", {"project": "myapp", "description": "x"}, [SERVICES]),
    (
        "change_project",
        {"project": "myapp", "firewall": {"frontend": "closed"}},
        ['base.yml -e \'{"base_hosts": ["project_myapp"]}\''],
    ),
    ("change_project", {"project": "myapp", "dns_records": "none"}, ["dns.yml"]),
    ("change_project", {"project": "shop", "backup": "none"}, ['backup.yml -e \'{"backup_hosts": ["project_shop"]}\'']),
    ("change_project", {"project": "myapp", "service_user_limits": {"s-myapp": {"tasks_max": 3}}}, [MYAPP]),
    (
        "change_project",
        {"project": "shop", "checks": "none", "defaults": {"cores": 1}},
        [
            'converge_vm.yml -e \'{"vm": ["shop00", "shop01"]}\'',
            'components.yml -e \'{"components_hosts": ["project_shop"]}\'',
            SERVICES,
        ],
    ),
    ("change_project", {"project": "empty", "checks": "none"}, [SERVICES]),
    ("remove_project", {"project": "empty"}, ["dns.yml", SERVICES]),
]


@pytest.mark.parametrize(("verb", "given", "expected"), CASES)
def test_what_follows(two, verb: str, given: dict[str, Any], expected: list[str]) -> None:
    given = {name: KEY["bob"] if value == "KEY" else value for name, value in given.items()}
    assert after(two, (verb, given)) == expected


OPERATED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("restart_vm", VM, ['restart_vm.yml -e \'{"vm": "myapp00"}\'']),
    ("snapshot_vm", {**VM, "folder": "/x"}, ['snapshot_vm.yml -e \'{"vm": "myapp00"}\'']),
    ("backup_now", {"vm": "svc0", "prove": "yes"}, ['backup_now.yml -e \'{"vm": "svc0"}\'']),
    (
        "restore_files",
        {**VM, "path": "/srv", "to": "shop00"},
        ['restore_files.yml -e \'{"vm": "myapp00", "to": "shop00"}\''],
    ),
    ("restore_component", {**VM, "component": "redis"}, ['restore_component.yml -e \'{"vm": "myapp00"}\'']),
    ("restore_vm", {"vm": "nobody00"}, []),
]


@pytest.mark.parametrize(("verb", "given", "expected"), OPERATED)
def test_what_an_operation_is(two, verb: str, given: dict[str, Any], expected: list[str]) -> None:
    found = effects.together(two.read(), [(verb, given)], [""])
    assert [run.command().removeprefix("playbooks/") for run in found] == expected


def test_operations_are_done_one_by_one(two) -> None:
    """Their playbooks take one machine each."""
    asked = [("restart_vm", {"vm": name}) for name in ("shop01", "myapp00")]
    found = effects.together(two.read(), [*asked, ("stop_vm", {"vm": "shop00"})], ["", "", "shop00"])
    assert [(run.playbook, run.names["vm"]) for run in found] == [
        ("converge_vm", ("shop00",)),
        ("restart_vm", ("shop01",)),
        ("restart_vm", ("myapp00",)),
    ]


def test_every_verb_has_its_effect() -> None:
    assert effects.EFFECTS.keys() == table.VERBS.keys()
    assert {verb for verb, _given, _expected in [*CASES, *OPERATED]} == set(table.VERBS)
    assert set(effects.OF_PROJECT) >= {*table.CHANGES["change_project"].types} - {"project"}
    for verb in table.CHANGES:
        assert playbooks.PLAYBOOKS[verb].imports == effects.EFFECTS[verb].imports


def test_a_verbs_playbook_runs_nothing_that_does_not_follow(two) -> None:
    for verb, effect in effects.EFFECTS.items():
        mine = [expected for name, _given, expected in CASES if name == verb]
        named = {line.removeprefix("! ").split(".yml")[0] for expected in mine for line in expected}
        assert {*effect.imports, *effect.does} <= named, verb


def test_what_follows_from_several_is_done_once_and_in_order(two) -> None:
    changes = [
        ("change_vm", {"vm": "shop00", "cores": 3}),
        ("set_permissions", {"project": "shop", "user": "carol", "permissions": "login"}),
        ("order_vm", {"project": "shop", "memory": "256MiB"}),
        ("change_project", {"project": "shop", "description": "x"}),
        ("retire_vm", {"vm": "shop01"}),
        ("set_permissions", {"project": "myapp", "user": "carol", "permissions": "login"}),
        ("lock_user", {"user": "bob"}),
        ("change_project", {"project": "myapp", "contacts": "none", "dns_records": "none"}),
    ]
    assert after(two, *changes) == [
        f'! accounts.yml -e \'{{{BOTH}, "accounts_end_sessions": ["bob"]}}\'',
        'accounts.yml -e \'{"accounts_hosts": ["project_shop", "project_myapp"]}\'',
        'converge_vm.yml -e \'{"vm": ["shop00", "shop02"]}\'',
        'converge_vm.yml -e \'{"vm": ["shop01"], "stop_after": "creation"}\'',
        "dns.yml",
        SERVICES,
    ]


def test_pages_follow_for_who_has_a_web_password(two) -> None:
    two.edit(BOB, lambda data: data.update(web_password_hash=HASH))
    assert after(two, ("lock_user", {"user": "bob"}))[1:] == [SERVICES]
    permissions = ("set_permissions", {"project": "shop", "user": "bob", "permissions": "stats"})
    assert after(two, permissions) == ['accounts.yml -e \'{"accounts_hosts": ["project_shop"]}\'', SERVICES]
    assert after(two, ("revoke_key", {"user": "bob", "ssh_key": KEY["bob"], "even_if_last": True}))[1:] == []
    found = two.read()
    # A component with pages, which the roles of these tests do not have.
    found.vms["shop01"].components["webgateway"] = {}
    runs = effects.of(found, "set_web_password", {"user": "bob"}, "bob")
    assert [run.command() for run in runs] == [
        'playbooks/components.yml -e \'{"components_hosts": ["shop01"]}\'',
        f"playbooks/{SERVICES}",
    ]


def test_a_vm_that_nothing_describes_gets_accounts_and_nothing_else(two) -> None:
    two.edit(SHOP, lambda data: data["vms"].pop("shop01") and None)
    assert after(two, ("lock_user", {"user": "bob"})) == [
        f'! accounts.yml -e \'{{{BOTH}, "accounts_end_sessions": ["bob"]}}\''
    ]
    changed = ("change_project", {"project": "shop", "firewall": {"frontend": "closed"}})
    assert after(two, changed) == ['base.yml -e \'{"base_hosts": ["shop00"]}\'']
    # The group has that VM in it.
    assert "shop01" in inventory.build(two.read()).groups["project_shop"]["hosts"]
    two.edit(SHOP, lambda data: data["vms"].clear())
    assert after(two, changed) == []
    assert after(two, ("add_service_user", {"project": "shop", "service_user": "s-x"})) == [
        'accounts.yml -e \'{"accounts_hosts": ["project_shop"]}\''
    ]


def test_no_text_of_whoever_asks_gets_into_a_run(two) -> None:
    """Whatever stands in the arguments, also where nobody has judged them."""
    found = two.read()
    odd = [
        "{{ lookup('pipe', 'id') }}",
        "all",
        "myapp00:vms",
        "@/etc/hosts",
        "--flush-cache",
        ["vms"],
        {"a": 1},
        7,
        None,
    ]
    names = {*found.vms, *found.users, "creation", "svc0", "hv0", *(f"project_{one}" for one in found.projects)}
    for verb, asked in table.VERBS.items():
        for value in odd:
            given = dict.fromkeys(asked.types, value)
            for run in effects.of(found, verb, given, str(value)):
                data = run.as_dict()["variables"]
                said = {word for one in data.values() for word in ([one] if isinstance(one, str) else one)}
                assert said <= names, (verb, value)


def test_every_run_is_one_that_its_playbook_takes(two) -> None:
    roles = arguments.variables_of_roles(roles_folder())
    for verb, given, _expected in CASES:
        sound = {name: KEY["bob"] if value == "KEY" else value for name, value in given.items()}
        for run in edit.apply_many(two.options, [(verb, sound)], dry_run=True).follows:
            arguments.judge([run.playbook], run.as_dict()["variables"], roles, ["myapp00", "shop00"])


# Operations


@pytest.mark.parametrize(
    ("verb", "given", "words"),
    [
        ("restart_vm", {}, "vm is missing"),
        ("restart_vm", {"vm": "myapp09"}, "the VM 'myapp09' is not known"),
        ("restart_vm", {"vm": "all"}, "the VM 'all' is not known"),
        ("restart_vm", {"vm": "myapp00", "force": 1}, "'force' is not one of restart_vm"),
        ("snapshot_vm", {"vm": "myapp00", "folder": "x", "frozen": "perhaps"}, "a path that begins with /"),
        ("backup_now", {"vm": "nobody"}, "the machine 'nobody' is not known"),
        ("restore_files", {"vm": "myapp00", "path": "--to=/etc"}, "a path that begins with /"),
        ("restore_files", {"vm": "myapp00"}, "path is missing"),
        ("restore_component", {"vm": "myapp00", "component": "redis", "object": "--replace"}, "is not allowed here"),
        ("restore_vm", {"vm": "myapp00", "to": "nobody00"}, "the machine 'nobody00' is not known"),
    ],
)
def test_an_operations_arguments_are_judged(two, verb: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError) as caught:
        table.check(two.read(), verb, given)
    assert words in str(caught.value)


def test_a_sound_operation_is_taken_and_changes_nothing(two) -> None:
    given = {"vm": "gone00", "to": "myapp00", "path": "/srv/a b", "replace": "yes"}
    assert table.check(two.read(), "restore_files", given) == {**given, "replace": True}
    before = two.snapshot()
    for verb in table.OPERATIONS:
        assert not table.VERBS[verb].changes
        with pytest.raises(RequestError, match="changes nothing in the description"):
            edit.apply(two.options, verb, {"vm": "myapp00", "path": "/x", "component": "redis"})
    assert two.snapshot() == before
