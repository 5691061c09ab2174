# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: a table of people, verbs and states, written by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import passkey_samples
import pytest
import town
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import component_options
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.ssh_keys import fingerprint
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.platform import APPROVABLE
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import policy, table

Change = Callable[[dict[str, Any], dict[str, dict[str, Any]]], object]

STATES: dict[str, Change] = {
    "": lambda _platform, _projects: None,
    # What an operator may leave to others, or keep from them.
    "roots": lambda platform, _projects: platform["portal"].update(wheel="manager"),
    "consent": lambda platform, _projects: platform["portal"].update(
        approvals={
            "retire_vm": "manager",
            "order_vm": "operator",
            "restart_vm": "manager",
            "set_permissions": "manager",
        }
    ),
    # The shop has all that it may have.
    "full": lambda _platform, projects: projects["shop"]["quota"].update(vms=3, memory="4GiB", cores=4, ipv4=1),
    # Who was invited was promised to become root.
    "promised": lambda _platform, projects: projects["shop"]["permissions"].update(pia=["login", "wheel"]),
    "nobody": lambda platform, _projects: platform["portal"].update(operators=[]),
    "one": lambda platform, _projects: platform["portal"].update(operators=["olga"]),
}
"""The platform as it is, and what is different in other states of it."""

KEY, OTHER, FIRST, SECOND = (town.key(name) for name in ("new", "wim's other key", "wim", "lou"))
SHOP: dict[str, Any] = {"project": "shop"}
VM: dict[str, Any] = {"vm": "shop00"}
INVITED: dict[str, Any] = {"project": "shop", "user": "new", "full_name": "New", "email": "new@example.org"}
NEW = {"user": "new", "full_name": "New", "email": "new@example.org"}


def gives(user: str, permissions: str, project: str = "shop", **more: Any) -> dict[str, Any]:
    return {"project": project, "user": user, "permissions": permissions, **more}


def check(**keys: Any) -> str:
    words = ", ".join(f"{key}: {value}" for key, value in {"name": "new", **keys}.items())
    return f"[{{{words}}}]"


COMMAND = "[/usr/bin/id]"

# +: allowed; o, m: with the consent of an operator, of another manager; -: refused.
#      olga, otto: operators; mara: all of the shop; mike: its manager, no root; wim: root; sue: sudo-srv; lou: login;
#      stan: stats; eve, sol: managers of other projects; nat: nothing; lock, pia, gone: no account; who: not there.
WHO = ["olga", "otto", "mara", "mike", "wim", "sue", "lou", "stan", "eve", "sol", "nat", "lock", "pia", "gone", "who"]
ROWS: list[tuple[str, str, dict[str, Any], str]] = [
    # VMs of the shop.                                             o o m m w s l s e s n l p g w
    ("", "order_vm", SHOP, "+ + + + - - - - - - - - - - -"),
    ("", "order_vm", {**SHOP, "memory": "4GiB"}, "+ + + + - - - - - - - - - - -"),
    ("", "order_vm", {**SHOP, "memory": "4097MiB"}, "- - - - - - - - - - - - - - -"),
    ("", "order_vm", {**SHOP, "memory_max": "5GiB"}, "- - - - - - - - - - - - - - -"),
    ("", "order_vm", {**SHOP, "cores": "5"}, "- - - - - - - - - - - - - - -"),
    ("", "order_vm", {**SHOP, "disk": "21GiB"}, "- - - - - - - - - - - - - - -"),
    ("", "order_vm", {**SHOP, "frontend_ipv4": "true"}, "+ + + + - - - - - - - - - - -"),
    ("", "order_vm", {**SHOP, "hypervisor": "hv0"}, "+ + - - - - - - - - - - - - -"),
    ("", "order_vm", {**SHOP, "image": "old"}, "+ + - - - - - - - - - - - - -"),
    ("", "order_vm", {**SHOP, "requested_by": "mara"}, "+ + + - - - - - - - - - - - -"),
    ("", "order_vm", {"project": "blog"}, "+ + - - - - - - + + - - - - -"),
    ("", "order_vm", {"project": "solo", "cores": "200"}, "+ + - - - - - - - + - - - - -"),
    ("", "order_vm", {"project": "none"}, "- - - - - - - - - - - - - - -"),
    ("", "order_vm", {"project": "shop", "memory": "much"}, "- - - - - - - - - - - - - - -"),
    ("full", "order_vm", SHOP, "- - - - - - - - - - - - - - -"),
    ("full", "order_vm", {**SHOP, "vm": "shop02"}, "+ + + + - - - - - - - - - - -"),
    ("consent", "order_vm", SHOP, "+ + o o - - - - - - - - - - -"),
    ("nobody", "order_vm", SHOP, "- - + + - - - - - - - - - - -"),
    ("", "change_vm", {**VM, "memory": "6GiB"}, "+ + + + - - - - - - - - - - -"),
    ("", "change_vm", {**VM, "memory": "7GiB"}, "- - - - - - - - - - - - - - -"),
    ("", "change_vm", {**VM, "protected": "false"}, "+ + + + - - - - - - - - - - -"),
    ("", "change_vm", {"vm": "blog00", "memory": "100GiB"}, "+ + - - - - - - + + - - - - -"),
    ("", "change_vm", {"vm": "nope00"}, "- - - - - - - - - - - - - - -"),
    ("full", "change_vm", {**VM, "memory": "2049MiB"}, "- - - - - - - - - - - - - - -"),
    ("full", "change_vm", {**VM, "memory": "1GiB"}, "+ + + + - - - - - - - - - - -"),
    ("full", "change_vm", {"vm": "shop01", "frontend_ipv4": "true"}, "- - - - - - - - - - - - - - -"),
    ("", "remove_component", {"vm": "shop01", "component": "redis"}, "+ + + + - - - - - - - - - - -"),
    ("", "stop_vm", VM, "+ + + + - - - - - - - - - - -"),
    ("", "start_vm", VM, "+ + + + - - - - - - - - - - -"),
    ("", "stop_vm", {"vm": "solo00"}, "+ + - - - - - - - + - - - - -"),
    ("", "retire_vm", VM, "+ + + + - - - - - - - - - - -"),
    ("", "retire_vm", {"vm": "blog00"}, "+ + - - - - - - + + - - - - -"),
    ("consent", "retire_vm", VM, "+ + m m - - - - - - - - - - -"),
    ("consent", "retire_vm", {"vm": "solo00"}, "+ + - - - - - - - m - - - - -"),
    ("", "rotate_secret", {"vm": "shop01", "component": "redis", "object": "x"}, "+ + + + - - - - - - - - - - -"),
    # People.                                                      o o m m w s l s e s n l p g w
    ("", "add_user", NEW, "+ + - - - - - - - - - - - - -"),
    ("", "change_user", {"user": "lou", "email": "l@example.org"}, "+ + - - - - + - - - - - - - -"),
    ("", "change_user", {"user": "nat", "full_name": "Nathan"}, "+ + - - - - - - - - + - - - -"),
    ("", "change_user", {"user": "lock", "full_name": "Nathan"}, "+ + - - - - - - - - - - - - -"),
    (
        "",
        "change_user",
        {"user": "lou", "email_verified_at": "2026-11-24T10:00:00Z"},
        "+ + - - - - - - - - - - - - -",
    ),
    ("", "lock_user", {"user": "lou"}, "+ + - - - - - - - - - - - - -"),
    ("", "lock_user", {"user": "mara"}, "+ + - - - - - - - - - - - - -"),
    ("", "lock_user", {"user": "sol"}, "- - - - - - - - - - - - - - -"),
    ("", "lock_user", {"user": "sol", "even_if_last": "true"}, "+ + - - - - - - - - - - - - -"),
    ("", "lock_user", {"user": "olga"}, "+ + - - - - - - - - - - - - -"),
    ("one", "lock_user", {"user": "olga"}, "- - - - - - - - - - - - - - -"),
    ("nobody", "lock_user", {"user": "lou"}, "- - - - - - - - - - - - - - -"),
    ("", "unlock_user", {"user": "lock"}, "+ + - - - - - - - - - - - - -"),
    ("", "remove_user", {"user": "lou"}, "+ + - - - - - - - - - - - - -"),
    ("", "remove_user", {"user": "sol"}, "- - - - - - - - - - - - - - -"),
    ("one", "remove_user", {"user": "olga"}, "- - - - - - - - - - - - - - -"),
    ("", "add_ssh_key", {"user": "lou", "ssh_key": KEY}, "+ + - - - - + - - - - - - - -"),
    ("", "add_ssh_key", {"user": "mara", "ssh_key": KEY}, "+ + + - - - - - - - - - - - -"),
    ("", "add_ssh_key", {"user": "olga", "ssh_key": KEY}, "+ + - - - - - - - - - - - - -"),
    ("", "add_ssh_key", {"user": "pia", "ssh_key": KEY}, "+ + - - - - - - - - - - - - -"),
    ("", "revoke_key", {"user": "wim", "ssh_key": OTHER}, "+ + - - + - - - - - - - - - -"),
    ("", "revoke_key", {"user": "wim", "ssh_key": fingerprint(FIRST)}, "+ + - - + - - - - - - - - - -"),
    ("", "revoke_key", {"user": "lou", "ssh_key": fingerprint(SECOND)}, "- - - - - - - - - - - - - - -"),
    ("", "revoke_key", {"user": "lou", "ssh_key": SECOND}, "- - - - - - - - - - - - - - -"),
    (
        "",
        "revoke_key",
        {"user": "lou", "ssh_key": SECOND, "even_if_last": "true"},
        "+ + - - - - - - - - - - - - -",
    ),
    # No key of hers: the verb says so. A last way in that is closed already is none.
    ("", "revoke_key", {"user": "lou", "ssh_key": fingerprint(FIRST)}, "+ + - - - - + - - - - - - - -"),
    ("", "revoke_key", {"user": "lock", "ssh_key": town.key("lock")}, "+ + - - - - - - - - - - - - -"),
    # Signing in to web pages.                                      o o m m w s l s e s n l p g w
    ("", "set_web_password", {"user": "lou"}, "+ + - - - - + - - - - - - - -"),
    ("", "clear_web_password", {"user": "lou"}, "+ + - - - - + - - - - - - - -"),
    ("", "add_passkey", passkey_samples.passkey("lou"), "+ + - - - - + - - - - - - - -"),
    ("", "add_passkey", passkey_samples.passkey("olga"), "+ + - - - - - - - - - - - - -"),
    ("", "remove_passkey", {"user": "stan", "passkey": "laptop"}, "+ + - - - - - + - - - - - - -"),
    # The only way in that he has.
    ("", "remove_passkey", {"user": "nat", "passkey": "laptop"}, "- - - - - - - - - - - - - - -"),
    # Invitations: by managers, of what they have; pia was invited by mara.
    ("", "invite_user", {**INVITED, "permissions": "login"}, "+ + + + - - - - - - - - - - -"),
    ("", "invite_user", {**INVITED, "permissions": "login,sudo-srv"}, "+ + + o - - - - - - - - - - -"),
    ("", "invite_user", {**INVITED, "permissions": "wheel"}, "+ + o o - - - - - - - - - - -"),
    ("roots", "invite_user", {**INVITED, "permissions": "wheel"}, "+ + + o - - - - - - - - - - -"),
    ("", "invite_user", {**INVITED, "permissions": "login", "requested_by": "mara"}, "+ + + - - - - - - - - - - - -"),
    ("", "accept_user", {"user": "pia"}, "+ + + - - - - - - - - - - - -"),
    ("", "accept_user", {"user": "lou"}, "+ + - - - - - - - - - - - - -"),
    ("promised", "accept_user", {"user": "pia"}, "+ + o - - - - - - - - - - - -"),
    ("", "decline_user", {"user": "pia"}, "+ + + - - - - - - - - - - - -"),
    ("promised", "decline_user", {"user": "pia"}, "+ + + - - - - - - - - - - - -"),
    ("", "decline_user", {"user": "who"}, "+ + - - - - - - - - - - - - -"),
    # What people may do in the shop.                              o o m m w s l s e s n l p g w
    ("", "set_permissions", gives("nat", "login"), "+ + + + - - - - - - - - - - -"),
    ("", "set_permissions", gives("nat", "login,sudo-srv"), "+ + + o - - - - - - - - - - -"),
    ("", "set_permissions", gives("nat", "manager"), "+ + + + - - - - - - - - - - -"),
    ("", "set_permissions", gives("nat", "stats"), "+ + o o - - - - - - - - - - -"),
    ("", "set_permissions", gives("nat", "wheel"), "+ + o o - - - - - - - - - - -"),
    ("roots", "set_permissions", gives("nat", "wheel"), "+ + + o - - - - - - - - - - -"),
    ("nobody", "set_permissions", gives("nat", "wheel"), "- - - - - - - - - - - - - - -"),
    ("nobody", "set_permissions", gives("nat", "login"), "- - + + - - - - - - - - - - -"),
    ("consent", "set_permissions", gives("nat", "login"), "+ + m m - - - - - - - - - - -"),
    ("consent", "set_permissions", gives("nat", "wheel"), "+ + o o - - - - - - - - - - -"),
    ("consent", "set_permissions", gives("sue", "login"), "+ + m m - + - - - - - - - - -"),
    # To oneself: less at any time, more as for everybody else.
    ("", "set_permissions", gives("mike", "login,manager,sudo-srv"), "+ + + o - - - - - - - - - - -"),
    ("", "set_permissions", gives("mike", "login,manager,wheel"), "+ + o o - - - - - - - - - - -"),
    ("", "set_permissions", gives("mike", "login"), "+ + + + - - - - - - - - - - -"),
    ("", "set_permissions", gives("wim", "none"), "+ + + + + - - - - - - - - - -"),
    ("", "set_permissions", gives("sue", "login"), "+ + + + - + - - - - - - - - -"),
    ("", "set_permissions", gives("lou", "login,manager"), "+ + + + - - - - - - - - - - -"),
    ("", "set_permissions", gives("stan", "none"), "+ + + + - - - + - - - - - - -"),
    ("", "set_permissions", gives("eve", "login", "blog"), "+ + - - - - - - + + - - - - -"),
    ("", "set_permissions", gives("sol", "none", "blog"), "+ + - - - - - - + + - - - - -"),
    # Who lost the account gives nothing and gets nothing.
    ("", "set_permissions", gives("lock", "login"), "+ + + + - - - - - - - - - - -"),
    ("", "set_permissions", gives("lock", "login,manager,sudo-srv"), "+ + - - - - - - - - - - - - -"),
    ("", "set_permissions", gives("gone", "login"), "+ + - - - - - - - - - - - - -"),
    ("", "set_permissions", gives("who", "login"), "+ + - - - - - - - - - - - - -"),
    ("", "set_permissions", gives("pia", "login,manager"), "+ + + + - - - - - - - - - - -"),
    # The last ones.
    ("", "set_permissions", gives("sol", "login", "solo"), "- - - - - - - - - - - - - - -"),
    ("", "set_permissions", gives("sol", "login,manager", "solo"), "- - - - - - - - - - - - - - -"),
    (
        "",
        "set_permissions",
        gives("sol", "none", "solo", even_if_last="true"),
        "+ + - - - - - - - - - - - - -",
    ),
    ("", "set_permissions", gives("eve", "login,manager", "solo"), "+ + - - - - - - - + - - - - -"),
    # The project itself.                                          o o m m w s l s e s n l p g w
    ("", "add_service_user", {**SHOP, "service_user": "s-new"}, "+ + + + - - - - - - - - - - -"),
    ("", "remove_service_user", {**SHOP, "service_user": "s-shop"}, "+ + + + - - - - - - - - - - -"),
    ("", "remove_project", SHOP, "+ + - - - - - - - - - - - - -"),
    ("", "add_project", {"project": "fresh"}, "+ + - - - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "contacts": "a@example.org"}, "+ + + + - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "firewall": "{frontend: closed}"}, "+ + + + - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "quota": "{vms: 5}"}, "+ + o o - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "quota": '{"vms": null}'}, "+ + o o - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "quota": "{vms: 1}"}, "+ + o o - - - - - - - - - - -"),
    ("nobody", "change_project", {**SHOP, "quota": "{vms: 5}"}, "- - - - - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "webhooks": "https://a.example"}, "+ + o o - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "webhooks": "none"}, "+ + + + - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "defaults": "{memory: 3GiB}"}, "+ + + + - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "defaults": "{memory: 6GiB}"}, "- - - - - - - - - - - - - - -"),
    (
        "",
        "change_project",
        {**SHOP, "defaults": "{memory: 6GiB}", "quota": "{memory: 9GiB}"},
        "+ + o o - - - - - - - - - - -",
    ),
    (
        "",
        "change_project",
        {**SHOP, "defaults": "{memory: 6GiB}", "quota": '{"memory": null}'},
        "+ + o o - - - - - - - - - - -",
    ),
    ("", "change_project", {**SHOP, "defaults": "{image: old}"}, "+ + - - - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "defaults": '{"image": null}'}, "+ + - - - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "checks": check(url="https://a.example")}, "+ + + + - - - - - - - - - - -"),
    # A command of a check runs on the VMs, as a service user or as nobody.
    ("", "change_project", {**SHOP, "checks": check(command=COMMAND)}, "+ + + + - - - - - - - - - - -"),
    ("", "change_project", {**SHOP, "checks": check(command=COMMAND, user="s-shop")}, "+ + + o - - - - - - - - - - -"),
    (
        "",
        "change_project",
        {**SHOP, "checks": "[{name: cron, command: [/usr/bin/true], user: s-shop}]"},
        "+ + + + - - - - - - - - - - -",
    ),
    ("", "change_project", {"project": "blog", "checks": check(command=COMMAND)}, "+ + - - - - - - + o - - - - -"),
    ("", "change_project", {"project": "blog", "contacts": "a@example.org"}, "+ + - - - - - - + + - - - - -"),
    # What is done on machines.                                    o o m m w s l s e s n l p g w
    ("", "restart_vm", VM, "+ + + + + + - - - - - - - - -"),
    ("", "restart_vm", {"vm": "blog00"}, "+ + - - - - - - + + - - - - -"),
    ("consent", "restart_vm", VM, "+ + m m m m - - - - - - - - -"),
    ("", "snapshot_vm", VM, "+ + + + + + - - - - - - - - -"),
    ("", "snapshot_vm", {**VM, "folder": "/root"}, "+ + - - - - - - - - - - - - -"),
    ("", "backup_now", VM, "+ + + + + + - - - - - - - - -"),
    ("", "backup_now", {"vm": "hv0"}, "+ + - - - - - - - - - - - - -"),
    ("", "restore_files", {**VM, "path": "/srv"}, "+ + + + + - - - - - - - - - -"),
    ("", "restore_files", {**VM, "path": "/srv", "to": "shop01"}, "+ + + + + - - - - - - - - - -"),
    # Not into VMs of others, whoever sees both.
    ("", "restore_files", {"vm": "solo00", "path": "/srv", "to": "blog00"}, "+ + - - - - - - - - - - - - -"),
    ("", "restore_files", {**VM, "path": "/srv", "project": "blog"}, "+ + - - - - - - - - - - - - -"),
    ("", "restore_files", {"vm": "hv0", "path": "/etc"}, "+ + - - - - - - - - - - - - -"),
    ("", "restore_component", {"vm": "shop01", "component": "redis"}, "+ + + + + - - - - - - - - - -"),
    ("", "restore_vm", VM, "+ + - - - - - - - - - - - - -"),
]
LETTERS = {policy.ALLOW: "+", policy.REFUSE: "-", policy.OPERATOR: "o", policy.MANAGER: "m"}


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Description]:
    """Return the description of each state, made once."""
    known: dict[str, Description] = {}
    roles = component_options.roles_folder()

    def of(state: str) -> Description:
        if state not in known:
            platform, projects = copy.deepcopy(town.PLATFORM), copy.deepcopy(town.PROJECTS)
            STATES[state](platform, projects)
            known[state] = town.read(
                town.write(tmp_path_factory.mktemp("town"), platform, projects, town.PEOPLE), roles
            )
        return known[state]

    return of


def named(row: tuple[str, str, dict[str, Any], str]) -> str:
    state, verb, arguments, _line = row
    # Credentials are made for each run, and names of tests are the same in all processes.
    told = [str(value).split()[0] for key, value in arguments.items() if not key.startswith("passkey_")]
    return " ".join([state, verb, *told]).strip()


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_who_may_do_what(towns, row: tuple[str, str, dict[str, Any], str]) -> None:
    state, verb, arguments, line = row
    wanted = dict(zip(WHO, line.split(), strict=True))
    verdicts = {person: policy.judge(towns(state), person, verb, arguments) for person in WHO}
    found = {
        person: LETTERS[one.consent if one.answer == policy.ASK else one.answer] for person, one in verdicts.items()
    }
    assert found == wanted, {person: verdicts[person].reasons for person in WHO if found[person] != wanted[person]}
    for person, verdict in verdicts.items():
        assert bool(verdict.reasons) == (wanted[person] != "+")
        assert bool(verdict.who) == (wanted[person] in "om")
        assert person not in verdict.who
        if wanted[person] == "o":
            assert set(verdict.who) <= {"olga", "otto"}


def test_the_table_has_every_verb_and_enough_rows() -> None:
    assert {verb for _state, verb, _arguments, _line in ROWS} == set(table.VERBS)
    assert len(ROWS) * len(WHO) >= 300


def test_every_verb_has_a_rule() -> None:
    """Without one it is for operators only, which nobody may notice."""
    assert set(table.VERBS) == set(policy.RULES)


def test_approvals_are_for_what_others_than_operators_do() -> None:
    own = {policy.SELF, policy.INVITER}
    assert set(APPROVABLE) == {verb for verb, rule in policy.RULES.items() if set(rule.may) - own}


def test_a_verb_without_a_rule_is_for_operators(towns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "RULES", {})
    assert policy.judge(towns(""), "olga", "stop_vm", VM)
    assert policy.judge(towns(""), "mara", "stop_vm", VM).reasons == ("stop_vm is for operators only",)


@pytest.mark.parametrize("verb", ["place_vm", "delete_vm", "nonsense"])
def test_steps_of_playbooks_are_nobodys(towns, verb: str) -> None:
    assert policy.judge(towns(""), "olga", verb, VM).answer == policy.REFUSE


REASONS = [
    ("nat", "order_vm", SHOP, "project: the project 'shop' is not known"),
    ("nat", "order_vm", {"project": "none"}, "project: the project 'none' is not known"),
    ("eve", "stop_vm", VM, "vm: the VM 'shop00' is not known"),
    ("eve", "stop_vm", {"vm": "shop77"}, "vm: the VM 'shop77' is not known"),
    ("lou", "stop_vm", VM, "lou has none of these in shop: manager"),
    ("lou", "add_ssh_key", {"user": "sue", "ssh_key": KEY}, "add_ssh_key: everybody does this for oneself"),
    ("lou", "add_ssh_key", {"user": "nobody", "ssh_key": KEY}, "add_ssh_key: everybody does this for oneself"),
    ("mara", "add_project", {"project": "fresh"}, "add_project is for operators only"),
    ("mara", "order_vm", {**SHOP, "hypervisor": "hv0"}, "hypervisor: only an operator says where a VM is placed"),
    ("mara", "order_vm", {**SHOP, "cores": 7}, "quota.cores: shop may have 8 of virtual CPUs and would have 11"),
    ("mara", "order_vm", {**SHOP, "memory": "4GB"}, "memory: '4GB' is not a size with a unit"),
    ("mara", "order_vm", {**SHOP, "ram": "4GiB"}, "the argument 'ram' is not one of order_vm"),
    ("mara", "set_permissions", gives("nat", "wheel"), "permissions: an operator lets people become root"),
    ("mike", "set_permissions", gives("nat", "sudo-srv"), "permissions: mike has no sudo-srv in shop"),
    ("sol", "set_permissions", gives("sol", "none", "solo"), "sol is the last manager of solo"),
    ("lock", "stop_vm", VM, "lock has no account that can be used"),
]


@pytest.mark.parametrize(("person", "verb", "arguments", "reason"), REASONS)
def test_reasons_are_words(towns, person: str, verb: str, arguments: dict[str, Any], reason: str) -> None:
    reasons = policy.judge(towns(""), person, verb, arguments).reasons
    assert any(one.startswith(reason) for one in reasons), reasons


def test_all_reasons_at_once(towns) -> None:
    asked = {**SHOP, "hypervisor": "hv0", "image": "old", "cores": 70, "memory": "70GiB"}
    assert len(policy.judge(towns(""), "mara", "order_vm", asked).reasons) == 4


CONSENTS = [
    # state, who asks, verb, arguments, who consents, answer
    ("", "mara", "set_permissions", gives("nat", "wheel"), "olga", policy.ALLOW),
    ("", "mara", "set_permissions", gives("nat", "wheel"), "otto", policy.ALLOW),
    ("", "mara", "set_permissions", gives("nat", "wheel"), "mara", policy.REFUSE),
    ("", "mara", "set_permissions", gives("nat", "wheel"), "mike", policy.REFUSE),
    ("", "mara", "set_permissions", gives("nat", "wheel"), "lock", policy.REFUSE),
    ("", "mara", "set_permissions", gives("nat", "wheel"), "who", policy.REFUSE),
    ("", "lou", "set_permissions", gives("nat", "wheel"), "olga", policy.REFUSE),
    ("", "mara", "set_permissions", gives("nat", "login"), "", policy.ALLOW),
    ("consent", "mara", "retire_vm", VM, "mike", policy.ALLOW),
    ("consent", "mara", "retire_vm", VM, "olga", policy.ALLOW),
    ("consent", "mara", "retire_vm", VM, "mara", policy.REFUSE),
    ("consent", "mara", "retire_vm", VM, "wim", policy.REFUSE),
    ("consent", "mara", "retire_vm", VM, "eve", policy.REFUSE),
    ("consent", "mara", "retire_vm", VM, "lock", policy.REFUSE),
    ("consent", "sol", "retire_vm", {"vm": "solo00"}, "eve", policy.REFUSE),
    ("consent", "mara", "order_vm", SHOP, "mike", policy.REFUSE),
    ("consent", "mara", "order_vm", {**SHOP, "cores": 70}, "olga", policy.REFUSE),
]


@pytest.mark.parametrize("row", CONSENTS, ids=lambda row: f"{row[0]} {row[1]} {row[2]} by {row[4]}".strip())
def test_whose_consent_counts(towns, row: tuple[str, str, str, dict[str, Any], str, str]) -> None:
    state, person, verb, arguments, approver, answer = row
    assert policy.consent(towns(state), approver, person, verb, arguments).answer == answer


def test_nobody_consents_to_his_own_request(towns) -> None:
    verdict = policy.consent(towns(""), "mara", "mara", "set_permissions", gives("nat", "wheel"))
    assert verdict.reasons == ("mara cannot consent to what mara asks for",)


def test_nothing_is_changed_by_judging(towns) -> None:
    found = towns("")
    before = copy.deepcopy((found.platform, found.users, found.projects))
    for _state, verb, arguments, _line in ROWS:
        policy.judge(found, "mara", verb, arguments)
    assert (found.platform, found.users, found.projects) == before


def test_files_of_the_town_are_sound(towns) -> None:
    """What the table says is about a description that validate.yml takes."""
    assert not towns("").warnings
    assert set(towns("").users) == set(WHO) - {"who"}
