# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's verbs: what they change, that a second run changes nothing, and what they refuse."""

from __future__ import annotations

import datetime
import difflib
import multiprocessing
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.ssh_keys import fingerprint
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit, vms
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.request import RequestError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.table import CHANGES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PROJECT = "projects/myapp.yml"
ALICES_KEY = yaml.safe_load((Path(__file__).parents[4] / "example/platform/users/alice.yml").read_text())["ssh_keys"][0]
CAROL = {"user": "carol", "full_name": "Carol Example", "email": "carol@example.org"}


def do(platform, verb: str, dry_run: bool = False, **arguments: Any) -> edit.Outcome:
    return edit.apply(platform.options, verb, arguments, dry_run=dry_run)


def load(platform, file: str) -> dict[str, Any]:
    return yaml.safe_load((platform.folder / file).read_text())


def lines_changed(outcome: edit.Outcome, file: str) -> list[str]:
    (found,) = [one for one in outcome.files if one["path"].endswith(file)]
    lines = difflib.unified_diff(found["before"].splitlines(), found["after"].splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.fixture
def allocated(platform):
    platform.allocate()
    return platform


CASES: list[tuple[str, dict[str, Any], str, list[str]]] = [
    (
        "order_vm",
        {"project": "myapp", "vm": "myapp01", "memory": "2048 MiB", "components": "redis", "cores": "2"},
        PROJECT,
        ["+  myapp01:", "+    memory: 2GiB", "+    cores: 2", "+    components:", "+      redis: {}"],
    ),
    (
        "order_vm",
        {"project": "myapp", "vm": "myapp01"},
        PROJECT,
        ["+  myapp01: {}"],
    ),
    (
        "change_vm",
        {"vm": "myapp00", "memory": "2GiB", "cores": 2, "protected": "true"},
        PROJECT,
        ["-    memory: 1GiB", "+    memory: 2GiB", "+    protected: true"],
    ),
    (
        "change_vm",
        {"vm": "myapp00", "components": '{"redis": {"persistence": "rdb"}}'},
        PROJECT,
        ["-      redis: {}", "+      redis:", "+        persistence: rdb"],
    ),
    (
        "change_vm",
        {"vm": "myapp00", "remove_components": "redis", "memory": ""},
        PROJECT,
        ["-      redis: {}", "+      redis:", "+        state: absent"],
    ),
    (
        "remove_component",
        {"vm": "myapp00", "component": "redis"},
        PROJECT,
        ["-      redis: {}", "+      redis:", "+        state: absent"],
    ),
    (
        "revoke_key",
        {"user": "alice", "ssh_key": ALICES_KEY, "even_if_last": "true"},
        "users/alice.yml",
        ["-ssh_keys:", f"-  - {ALICES_KEY}", "+ssh_keys: []"],
    ),
    (
        "change_user",
        {"user": "bob", "email": "b@example.org"},
        "users/bob.yml",
        ["-email: bob@ringmaster.example", "+email: b@example.org"],
    ),
    ("lock_user", {"user": "bob"}, "users/bob.yml", ["+state: locked"]),
    ("stop_vm", {"vm": "myapp00"}, PROJECT, ["+    state: stopped"]),
    (
        "change_project",
        {"project": "myapp", "maintenance": "{hours: 2}", "contacts": "bob@example.org, alice@example.org"},
        PROJECT,
        [
            '-maintenance: {days: [sat, sun], start: "02:00", hours: 4}',
            "-contacts: [alice@ringmaster.example]",
            '+maintenance: {days: [sat, sun], start: "02:00", hours: 2}',
            "+contacts: [bob@example.org, alice@example.org]",
        ],
    ),
    ("remove_user", {"user": "alice", "even_if_last": True}, "users/alice.yml", ["-state: active", "+state: removed"]),
    ("remove_user", {"user": "bob"}, "users/bob.yml", ["+state: removed"]),
    (
        "set_permissions",
        {"project": "myapp", "user": "bob", "permissions": "stats, login"},
        PROJECT,
        ["-  bob: [login, sudo-srv]", "+  bob: [login, stats]"],
    ),
    (
        "set_permissions",
        {"project": "myapp", "user": "bob", "permissions": "none"},
        PROJECT,
        ["-  bob: [login, sudo-srv]"],
    ),
    (
        "set_permissions",
        {"project": "myapp", "user": "bob", "permissions": []},
        PROJECT,
        ["-  bob: [login, sudo-srv]"],
    ),
    (
        "add_service_user",
        {"project": "myapp", "service_user": "s-worker"},
        PROJECT,
        ["-service_users: [s-myapp]", "+service_users: [s-myapp, s-worker]"],
    ),
    (
        "add_user",
        {**CAROL, "state": "pending", "requested_by": "alice"},
        "users/carol.yml",
        [
            "+---",
            "+# yaml-language-server: $schema=../../../docs/reference/schema/user.json",
            "+full_name: Carol Example",
            "+email: carol@example.org",
            "+state: pending",
            "+requested_by: alice",
        ],
    ),
    (
        "add_project",
        {"project": "shop", "description": "The shop", "permissions": {"bob": ["login"]}, "production": "no"},
        "projects/shop.yml",
        [
            "+---",
            "+# yaml-language-server: $schema=../../../docs/reference/schema/project.json",
            "+description: The shop",
            "+permissions:",
            "+  bob: [login]",
            "+production: false",
        ],
    ),
    (
        "add_project",
        {"project": "shop"},
        "projects/shop.yml",
        ["+---", "+# yaml-language-server: $schema=../../../docs/reference/schema/project.json", "+vms: {}"],
    ),
]


@pytest.mark.parametrize(("verb", "arguments", "file", "expected"), CASES)
def test_a_verb_changes_its_lines_only_and_once(
    allocated, verb: str, arguments: dict[str, Any], file: str, expected: list[str]
) -> None:
    before = allocated.snapshot()
    dry = do(allocated, verb, dry_run=True, **arguments)
    assert allocated.snapshot() == before
    outcome = do(allocated, verb, **arguments)
    assert outcome == dry
    assert lines_changed(outcome, file) == expected
    assert {str(path) for path in (allocated.folder / name for name in (file, "allocations.yml"))} >= {
        found["path"] for found in outcome.files
    } - {str(allocated.folder / "known_hosts")}
    assert allocated.mistakes() == []
    after = allocated.snapshot()
    assert do(allocated, verb, **arguments).files == []
    assert allocated.snapshot() == after
    # What the description asks for has been allocated in the same step.
    assert allocated.allocate().files == []


def test_an_ssh_key_is_added_once(allocated, make_key) -> None:
    key = make_key()
    outcome = do(allocated, "add_ssh_key", user="bob", ssh_key=key)
    assert lines_changed(outcome, "users/bob.yml") == [f"+  - {key}"]
    # The comment of a key is no part of it.
    assert do(allocated, "add_ssh_key", user="bob", ssh_key=key.replace("test", "other")).files == []


def test_a_person_comes_with_keys_one_a_line(allocated, make_key) -> None:
    keys = [make_key(), make_key() + ", with comma"]
    do(allocated, "add_user", **CAROL, ssh_keys="\n".join(keys) + "\n")
    assert load(allocated, "users/carol.yml")["ssh_keys"] == keys
    assert allocated.ledger()["uids"]["carol"] == 20103


def test_each_order_gets_the_next_number_and_none_comes_back(allocated) -> None:
    assert do(allocated, "order_vm", project="myapp").subject == "myapp01"
    assert do(allocated, "order_vm", project="myapp").subject == "myapp02"
    # Deleted, with a tombstone in the ledger.
    allocated.edit(PROJECT, lambda data: data["vms"].pop("myapp02") and None)
    allocated.replace("allocations.yml", "retired: {}", 'retired:\n  myapp02: "2026-11-24"')
    assert do(allocated, "order_vm", project="myapp").subject == "myapp03"
    # Lost from the description, without a tombstone: still used.
    allocated.edit(PROJECT, lambda data: data["vms"].pop("myapp03") and None)
    assert do(allocated, "order_vm", project="myapp").subject == "myapp04"
    # Described, but not yet in the ledger.
    allocated.edit(PROJECT, lambda data: data["vms"].update(myapp07={}))
    assert do(allocated, "order_vm", project="myapp").subject == "myapp08"
    ids = allocated.ledger()["vm_ids"]
    assert ids["myapp08"] == max(ids.values())


def test_a_tombstone_without_any_other_entry_counts(platform) -> None:
    platform.allocate()
    platform.replace("allocations.yml", "retired: {}", 'retired:\n  myapp41: "2026-11-24"')
    assert do(platform, "order_vm", project="myapp").subject == "myapp42"


REFUSED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("order_vm", {}, ["project is missing"]),
    ("order_vm", {"project": " "}, ["project is missing"]),
    ("order_vm", {"project": "myap"}, ["the project 'myap' is not known", "did you mean 'myapp'?"]),
    (
        "order_vm",
        {"project": "nope", "memory": "-1GiB", "cores": "0", "components": "radis", "requested_by": "bobb"},
        [
            "5 mistakes",
            "memory: '-1GiB' is not a size with a unit",
            "cores: 0 is out of range",
            "the component 'radis' is not known",
            "did you mean 'redis'?",
            "requested_by: the person 'bobb' is not known",
            "the project 'nope' is not known",
        ],
    ),
    ("order_vm", {"project": "myapp", "vm": "myapp07"}, ["not the next VM", "myapp01, or no name"]),
    ("order_vm", {"project": "myapp", "vm": "Shop_1"}, ["no name for a VM"]),
    ("order_vm", {"project": "myapp", "vm": "myapp00", "memory": "3GiB"}, ["memory: the VM myapp00 exists already"]),
    ("order_vm", {"project": "myapp", "mem": "3GiB"}, ["'mem' is not one of order_vm", "did you mean 'memory'?"]),
    ("order_vm", {"project": "myapp", "hypervisor": "hv9"}, ["hypervisor 'hv9' is not known"]),
    ("order_vm", {"project": "myapp", "components": "{redis: "}, ["components: is not a map"]),
    ("change_vm", {"vm": "myapp09"}, ["the VM 'myapp09' is not known", "did you mean 'myapp00'?"]),
    ("change_vm", {"vm": "myapp00", "disk": "5GiB"}, ["disks never shrink", "10GiB or more"]),
    ("change_vm", {"vm": "myapp00", "protected": "perhaps"}, ["neither true nor false"]),
    ("add_user", {"user": "Carol"}, ["no name for a person", "did you mean 'carol'?", "full_name is missing"]),
    ("add_user", {**CAROL, "email": "carol"}, ["is not a mail address"]),
    ("add_user", {**CAROL, "state": "locked"}, ["not one of the allowed words"]),
    ("add_user", {**CAROL, "ssh_keys": "ssh-dss AAAA"}, ["is a DSA key, which is weak"]),
    ("add_user", {**CAROL, "user": "bob"}, ["full_name: the user bob exists already", "email: the user bob exists"]),
    ("add_ssh_key", {"user": "bob"}, ["ssh_key is missing"]),
    (
        "revoke_key",
        {"user": "alice", "ssh_key": f"SHA256:{'A' * 43}"},
        ["alice has no such key", fingerprint(ALICES_KEY)],
    ),
    (
        "revoke_key",
        {"user": "bob", "ssh_key": ALICES_KEY},
        ["bob has no such key, but alice has it", "bob@ringmaster.example"],
    ),
    ("revoke_key", {"user": "alice", "ssh_key": "SHA256:short"}, ["known key type"]),
    ("add_ssh_key", {"user": "bob", "ssh_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, ["is a private or PEM key"]),
    ("add_ssh_key", {"user": "rob", "ssh_key": "junk"}, ["the person 'rob' is not known", "known key type"]),
    ("remove_user", {"user": "bobby"}, ["the person 'bobby' is not known", "did you mean 'bob'?"]),
    ("set_permissions", {"project": "myapp", "user": "bob"}, ["permissions is missing"]),
    ("set_permissions", {"project": "myapp", "user": "bob", "permissions": ""}, ["permissions is missing"]),
    ("set_permissions", {"project": "myapp", "user": "bob", "permissions": "root"}, ["not one of the allowed words"]),
    ("set_permissions", {"project": "x", "user": "y", "permissions": "login"}, ["project 'x'", "person 'y'"]),
    ("add_service_user", {"project": "myapp", "service_user": "worker"}, ["did you mean 's-worker'?"]),
    ("add_project", {"project": "my-app2"}, ["no name for a project", "did you mean 'myapp'?"]),
    ("add_project", {"project": "myapp", "description": "Another"}, ["description: the project myapp exists already"]),
]


@pytest.mark.parametrize(("verb", "arguments", "sentences"), REFUSED)
def test_a_faulty_request_is_refused_and_changes_nothing(
    allocated, verb: str, arguments: dict[str, Any], sentences: list[str]
) -> None:
    before = allocated.snapshot()
    with pytest.raises(RequestError) as caught:
        do(allocated, verb, **arguments)
    for sentence in [*sentences, "nothing was changed"]:
        assert sentence in str(caught.value)
    assert allocated.snapshot() == before


def refused(platform, verb: str, **arguments: Any) -> str:
    before = platform.snapshot()
    with pytest.raises(DescriptionError) as caught:
        do(platform, verb, **arguments)
    assert platform.snapshot() == before
    return str(caught.value)


def test_a_weak_key_is_refused(allocated, make_key) -> None:
    message = refused(allocated, "add_ssh_key", user="bob", ssh_key=make_key("rsa", 2048))
    assert "is a weak RSA key of 2048 bits; at least 3072 are needed" in message


def test_the_resulting_description_is_checked_as_a_whole(allocated, make_key) -> None:
    key = load(allocated, "users/alice.yml")["ssh_keys"][0]
    message = refused(allocated, "add_ssh_key", user="bob", ssh_key=key)
    assert "users/bob.yml:7:5: ssh_keys: the same key stands at alice and bob" in message
    message = refused(allocated, "order_vm", project="myapp", memory="64GiB")
    assert re.search(r"projects/myapp.yml:\d+:3: myapp01 fits on no hypervisor", message)
    message = refused(allocated, "change_vm", vm="myapp00", components={"redis": {"prot": 1}})
    assert re.search(r"projects/myapp.yml:\d+:9", message)
    assert "did you mean 'port'?" in message
    assert "the name 'bob' is given twice" in refused(allocated, "add_project", project="bob")
    assert "Debian or a component has an account" in refused(allocated, "add_user", **{**CAROL, "user": "redis"})


def test_a_mistake_that_was_there_before_is_told_and_nothing_is_changed(allocated) -> None:
    allocated.replace("users/bob.yml", "full_name", "ful_name")
    assert "users/bob.yml:3:1" in refused(allocated, "order_vm", project="myapp")


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("add_user", CAROL),
        ("add_service_user", {"project": "myapp", "service_user": "s-old"}),
        ("add_project", {"project": "shop", "service_users": "s-old"}),
    ],
)
def test_the_name_of_an_account_is_never_given_again(allocated, verb: str, arguments: dict[str, Any]) -> None:
    allocated.replace("allocations.yml", "  bob: 20101\n", "  bob: 20101\n  carol: 20110\n  s-old: 20111\n")
    assert "was used before" in refused(allocated, verb, **arguments)


def test_a_key_is_revoked_by_its_fingerprint(allocated, make_key) -> None:
    second = make_key()
    do(allocated, "add_ssh_key", user="alice", ssh_key=second)
    do(allocated, "revoke_key", user="alice", ssh_key=fingerprint(ALICES_KEY))
    assert load(allocated, "users/alice.yml")["ssh_keys"] == [second]
    assert "alice has no such key" in refused(allocated, "revoke_key", user="alice", ssh_key=fingerprint(ALICES_KEY))


def test_a_key_of_the_key_folder_is_not_said_to_be_revoked(allocated, make_key) -> None:
    key = make_key()
    allocated.write("platform.ringmaster.yml", "plugin: ringmaster.hosting.platform\nkey_directory: keys\n")
    allocated.write("keys/alice.pub", f"{ALICES_KEY}\n")
    do(allocated, "add_ssh_key", user="alice", ssh_key=key)
    for wanted in (ALICES_KEY, fingerprint(ALICES_KEY)):
        assert "keys/alice.pub" in refused(allocated, "revoke_key", user="alice", ssh_key=wanted)
    do(allocated, "revoke_key", user="alice", ssh_key=key)
    assert load(allocated, "users/alice.yml")["ssh_keys"] == [ALICES_KEY]


def test_somebody_who_was_removed_does_not_come_back_by_accident(allocated, make_key) -> None:
    do(allocated, "add_user", **CAROL)
    do(allocated, "remove_user", user="carol")
    assert "carol was removed" in refused(allocated, "add_user", **CAROL)
    assert "carol was removed" in refused(allocated, "add_ssh_key", user="carol", ssh_key=make_key())
    gone = {"project": "myapp", "user": "carol"}
    assert "carol was removed" in refused(allocated, "set_permissions", **gone, permissions="login")
    assert do(allocated, "set_permissions", **gone, permissions="none").files == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_to(day: str) -> None:
        monkeypatch.setattr(vms, "today", lambda: datetime.date.fromisoformat(day))

    set_to("2026-11-24")
    return set_to


def test_a_vm_is_retired_and_brought_back(allocated, clock) -> None:
    before = (allocated.folder / PROJECT).read_bytes()
    outcome = do(allocated, "retire_vm", vm="myapp00")
    assert lines_changed(outcome, PROJECT) == ["+    state: retiring", "+    delete_after: '2026-12-01'"]
    assert allocated.mistakes() == []
    clock("2026-11-26")
    assert do(allocated, "retire_vm", vm="myapp00").files == []
    assert "+    delete_after: '2026-11-27'" in lines_changed(do(allocated, "retire_vm", vm="myapp00", days=1), PROJECT)
    assert "not both" in refused(allocated, "retire_vm", vm="myapp00", days=1, undo=True)
    do(allocated, "retire_vm", vm="myapp00", undo="true")
    assert (allocated.folder / PROJECT).read_bytes() == before
    assert do(allocated, "retire_vm", vm="myapp00", undo=True).files == []


def test_a_protected_vm_is_not_retired(allocated) -> None:
    do(allocated, "change_vm", vm="myapp00", protected=True)
    assert "protected=false" in refused(allocated, "retire_vm", vm="myapp00")


def test_a_deleted_vm_leaves_a_tombstone_and_no_more(allocated, clock) -> None:
    do(allocated, "order_vm", project="myapp", vm="myapp01")
    before = allocated.ledger()
    assert "not to be deleted yet" in refused(allocated, "delete_vm", vm="myapp01")
    do(allocated, "retire_vm", vm="myapp01", days=0)
    assert "before 2026-11-24" in refused(allocated, "delete_vm", vm="myapp01")
    clock("2026-11-25")
    dry = do(allocated, "delete_vm", dry_run=True, vm="myapp01")
    outcome = do(allocated, "delete_vm", vm="myapp01")
    assert outcome == dry
    assert outcome.allocated[0] == "retired myapp01: 2026-11-25"
    assert "myapp01" not in load(allocated, PROJECT)["vms"]
    assert allocated.mistakes() == []
    after = allocated.ledger()
    assert after["retired"] == {"myapp01": "2026-11-25"}
    # What it had stays taken.
    for section in ("vm_ids", "ipv4_srv", "placements"):
        assert after[section] == before[section]
    assert do(allocated, "delete_vm", vm="myapp01").files == []
    assert "was retired on" in refused(allocated, "retire_vm", vm="myapp01", undo=True)
    assert do(allocated, "order_vm", project="myapp").subject == "myapp02"


def test_a_vm_that_a_rule_names_is_not_forgotten(allocated, clock) -> None:
    do(allocated, "order_vm", project="myapp", vm="myapp01")
    allocated.edit(PROJECT, lambda data: data["firewall"]["allow"].append({"from": "myapp01", "to": 80}))
    do(allocated, "retire_vm", vm="myapp01", days=0)
    clock("2026-11-25")
    with pytest.raises(DescriptionError, match="myapp01"):
        do(allocated, "delete_vm", vm="myapp01")
    assert "myapp01" in load(allocated, PROJECT)["vms"]


def test_a_retired_vm_is_not_changed(allocated) -> None:
    allocated.replace("allocations.yml", "retired: {}", 'retired:\n  myapp05: "2026-11-24"')
    assert "myapp05 was retired on 2026-11-24" in refused(allocated, "change_vm", vm="myapp05", cores=2)


def test_a_file_with_anchors_is_refused(allocated) -> None:
    text = "vms:\n  myapp00: &size {memory: 1GiB}\n  myapp01: *size\n"
    allocated.write(PROJECT, text)
    assert "cannot be changed in place" in refused(allocated, "change_vm", vm="myapp01", memory="2GiB")


def test_a_file_that_was_saved_meanwhile_is_not_overwritten(allocated, monkeypatch: pytest.MonkeyPatch) -> None:
    path = allocated.folder / PROJECT
    plan = edit.allocation.plan

    def save_meanwhile(found: Any) -> Any:
        path.write_text(path.read_text() + "# saved in an editor\n")
        return plan(found)

    monkeypatch.setattr(edit.allocation, "plan", save_meanwhile)
    with pytest.raises(DescriptionError, match="was changed by somebody else meanwhile"):
        do(allocated, "order_vm", project="myapp")
    assert path.read_text().endswith("# saved in an editor\n")
    assert "myapp01" not in path.read_text()


def test_mode_and_links_stay(allocated, tmp_path: Path) -> None:
    path = allocated.folder / "users/bob.yml"
    elsewhere = tmp_path / "bob.yml"
    path.rename(elsewhere)
    elsewhere.chmod(0o640)
    path.symlink_to(elsewhere)
    do(allocated, "remove_user", user="bob")
    assert path.is_symlink()
    assert elsewhere.read_text().endswith("state: removed\n")
    assert elsewhere.stat().st_mode & 0o777 == 0o640


def test_the_first_person_and_project_of_an_empty_platform(platform) -> None:
    for folder in ("users", "projects"):
        subprocess.run(["rm", "-r", str(platform.folder / folder)], check=True)
    do(platform, "add_user", **CAROL)
    do(platform, "add_project", project="shop", permissions="carol: [login, wheel]", service_users="s-shop,s-cron")
    do(platform, "order_vm", project="shop", comment="The first")
    assert (platform.folder / "projects/shop.yml").read_text() == (
        "---\npermissions:\n  carol: [login, wheel]\nservice_users: [s-shop, s-cron]\n"
        "vms:\n  shop00:\n    comment: The first\n"
    )
    assert platform.mistakes() == []


def _order_some(platform) -> list[str]:
    try:
        return _order_four(platform)
    except DescriptionError as error:
        return [str(error)]


def _order_four(platform) -> list[str]:
    return [do(platform, "order_vm", project="myapp", memory="256MiB", disk="4GiB").subject for _number in range(4)]


def test_orders_at_the_same_time_get_names_of_their_own(allocated) -> None:
    # What goes to another process must not be of a class in conftest: several modules have that name.
    somebody = SimpleNamespace(options=allocated.options)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        ordered = [name for names in pool.map(_order_some, [somebody] * 4) for name in names]
    assert sorted(ordered) == [f"myapp{number:02d}" for number in range(1, 17)]
    assert set(load(allocated, PROJECT)["vms"]) == {"myapp00", *ordered}
    assert allocated.mistakes() == []


GOOD = [
    "myapp",
    "myapp00",
    "myapp01",
    "bob",
    "carol",
    "s-myapp",
    "shop",
    "redis",
    "login,stats",
    "2GiB",
    "none",
    "a@b.org",
]
ODD = [
    "",
    " ",
    "{{ 1/0 }}",
    "[",
    "{",
    "a: [",
    "- x",
    "&a *a",
    "\x00",
    "\ud7ff",
    "é",
    "'",
    "null",
    "~",
    "!!python/x y",
    "\t",
    "#",
]
TEXTS = st.one_of(st.sampled_from(GOOD), st.sampled_from(ODD), st.text(max_size=8))
VALUES = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_request_leads_to_a_traceback_and_none_leaves_a_faulty_description(platform, data: st.DataObject) -> None:
    if not (platform.folder / "allocations.yml").exists():
        platform.allocate()
    before = platform.snapshot()
    verb = data.draw(st.sampled_from(sorted(CHANGES)))
    arguments = {name: data.draw(TEXTS) for name in CHANGES[verb].required}
    others = st.sampled_from([*CHANGES[verb].types, "unknown"])
    arguments |= data.draw(st.dictionaries(others, VALUES, max_size=4))
    try:
        outcome = do(platform, verb, **arguments)
    except DescriptionError as error:
        assert error.mistakes
        assert platform.snapshot() == before
        return
    assert platform.mistakes() == []
    for file in outcome.files:
        if file["before"]:
            Path(file["path"]).write_text(file["before"])
        else:
            Path(file["path"]).unlink()
    assert platform.snapshot() == before


def test_rotate_secret_counts_up_once_for_each_run_or_up_to_a_number(allocated) -> None:
    secret: dict[str, Any] = {"vm": "myapp00", "component": "redis", "object": "app"}
    assert do(allocated, "rotate_secret", **secret).subject == "myapp00/redis/app"
    assert allocated.read().ledger.secret_generations("myapp") == {"myapp00/redis/app": 2}
    assert do(allocated, "rotate_secret", **secret, generation=2).files == []
    do(allocated, "rotate_secret", **secret, generation="3")
    do(allocated, "rotate_secret", **secret | {"object": "monitor"})
    assert allocated.read().ledger.secret_generations("myapp") == {"myapp00/redis/app": 3, "myapp00/redis/monitor": 2}
    assert "is in generation 3" in refused(allocated, "rotate_secret", **secret, generation=7)
    assert "the Redis user 'apd' is not known" in refused(allocated, "rotate_secret", **secret | {"object": "apd"})
    assert "postgresql" in refused(allocated, "rotate_secret", **secret | {"component": "postgresql"})


def test_rotate_secret_knows_the_passwords_of_backups(allocated) -> None:
    secret: dict[str, Any] = {"vm": "myapp00", "component": "backup"}
    do(allocated, "rotate_secret", **secret, object="repository")
    assert allocated.read().ledger.secret_generations("myapp") == {"myapp00/backup/repository": 2}
    assert "allowed: access or repository" in refused(allocated, "rotate_secret", **secret, object="root")
