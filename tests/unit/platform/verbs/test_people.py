# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verbs about who is not let in yet, passkeys, web passwords, and what goes: service users and projects."""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import inventory
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.passkeys import MOST
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import accounts, credentials, edit, vms
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import passwords
from passkey_samples import passkey

PROJECT, BOB, DORA = "projects/myapp.yml", "users/bob.yml", "users/dora.yml"
INVITED: dict[str, Any] = {
    "user": "dora",
    "project": "myapp",
    "permissions": "login,stats",
    "full_name": "Dora Example",
    "email": "dora@example.org",
}


@pytest.fixture
def allocated(platform):
    platform.allocate()
    return platform


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a dry run and what follows it be of the same second."""
    moment = credentials.now()
    monkeypatch.setattr(credentials, "now", lambda: moment)


def do(platform, verb: str, **arguments: Any) -> edit.Outcome:
    """Do it as a dry run, for real, and once more: the first changes nothing, nor does the last."""
    before = platform.snapshot()
    dry = edit.apply(platform.options, verb, arguments, dry_run=True)
    assert platform.snapshot() == before
    assert dry.shown == {}
    outcome = edit.apply(platform.options, verb, arguments)
    if verb != "set_web_password":
        assert outcome == dry
    assert platform.mistakes() == []
    after = platform.snapshot()
    again = edit.apply(platform.options, verb, arguments)
    assert (again.files, again.objects, again.shown) == ([], [], {})
    assert again.follows == outcome.follows
    assert platform.snapshot() == after
    return outcome


def refused(platform, verb: str, **arguments: Any) -> str:
    before = platform.snapshot()
    with pytest.raises(DescriptionError) as caught:
        edit.apply(platform.options, verb, arguments)
    assert platform.snapshot() == before
    assert "nothing was changed" in str(caught.value)
    return str(caught.value)


def load(platform, name: str) -> dict[str, Any]:
    return yaml.safe_load((platform.folder / name).read_text())


def roster(platform) -> dict[str, dict[str, Any]]:
    people = inventory.build(platform.read()).groups["project_myapp"]["vars"]["ringmaster_roster"]["people"]
    return {one["name"]: one for one in people}


# Invitations


def test_who_is_invited_has_nothing_before_being_accepted(allocated, make_key) -> None:
    before = allocated.ledger()
    outcome = do(allocated, "invite_user", **INVITED, requested_by="alice")
    assert outcome.objects == ["person dora", "project myapp"]
    assert load(allocated, DORA)["state"] == "pending"
    assert load(allocated, DORA)["requested_by"] == "alice"
    assert load(allocated, PROJECT)["permissions"]["dora"] == ["login", "stats"]
    assert allocated.ledger() == before
    assert "dora" not in roster(allocated)
    key = make_key()
    outcome = do(allocated, "accept_user", user="dora", ssh_keys=key, email_verified_at="2026-11-29T10:00:00Z")
    assert [run.as_dict()["variables"] for run in outcome.follows] == [{"accounts_hosts": ["project_myapp"]}]
    assert allocated.ledger()["uids"]["dora"] == 20103
    assert roster(allocated)["dora"]["permissions"] == ["login", "stats"]
    assert roster(allocated)["dora"]["ssh_keys"] == [key]
    assert load(allocated, DORA)["email_verified_at"]
    assert "was accepted already, with other keys" in refused(
        allocated, "accept_user", user="dora", ssh_keys=make_key()
    )


def test_who_is_declined_leaves_nothing(allocated) -> None:
    before = allocated.snapshot()
    do(allocated, "invite_user", **INVITED)
    outcome = do(allocated, "decline_user", user="dora")
    assert outcome.objects == ["person dora", "project myapp"]
    assert not (allocated.folder / DORA).exists()
    assert allocated.snapshot() == before
    # The name is free.
    do(allocated, "invite_user", **INVITED)


def test_two_projects_invite_one_person(allocated) -> None:
    edit.apply(allocated.options, "add_project", {"project": "shop"})
    do(allocated, "invite_user", **INVITED)
    do(allocated, "invite_user", **{**INVITED, "project": "shop", "permissions": ["login"]})
    assert load(allocated, "projects/shop.yml")["permissions"] == {"dora": ["login"]}
    assert "email: the user dora exists already" in refused(
        allocated, "invite_user", **{**INVITED, "email": "d@example.org"}
    )
    do(allocated, "decline_user", user="dora")
    assert "dora" not in load(allocated, PROJECT)["permissions"]
    assert not load(allocated, "projects/shop.yml").get("permissions")


def test_who_is_not_there_is_declined_and_that_is_said(allocated) -> None:
    do(allocated, "invite_user", **INVITED)
    outcome = do(allocated, "decline_user", user="dara")
    assert outcome.files == []
    assert outcome.warnings == ["dara is not in the description, so there is nothing to decline; did you mean 'dora'?"]


@pytest.mark.parametrize(
    ("verb", "arguments", "words"),
    [
        ("invite_user", {**INVITED, "user": "bob"}, "bob needs no invitation"),
        ("invite_user", {**INVITED, "project": "shop"}, "the project 'shop' is not known"),
        ("invite_user", {**INVITED, "permissions": "none"}, "nobody is invited to nothing"),
        ("invite_user", {**INVITED, "permissions": "root"}, "not one of the allowed words"),
        ("invite_user", {**INVITED, "email": "bob@ringmaster.example"}, "bob has this address, too"),
        ("invite_user", {**INVITED, "email": "-oQ@example.org"}, "email: '-oQ@example.org'"),
        ("invite_user", {**INVITED, "user": "a1ice"}, "looks like alice"),
        ("accept_user", {"user": "dora"}, "the person 'dora' is not known"),
        ("decline_user", {"user": "bob"}, "bob was let in before"),
    ],
)
def test_what_is_no_invitation(allocated, verb: str, arguments: dict[str, Any], words: str) -> None:
    assert words in str(_refusal(allocated, verb, arguments))


def _refusal(platform, verb: str, arguments: dict[str, Any]) -> str:
    before = platform.snapshot()
    with pytest.raises(DescriptionError) as caught:
        edit.apply(platform.options, verb, arguments)
    assert platform.snapshot() == before
    return str(caught.value)


def test_who_was_let_in_or_out_is_not_accepted(allocated) -> None:
    edit.apply(allocated.options, "lock_user", {"user": "bob"})
    assert "unlock_user lets in who was locked" in refused(allocated, "accept_user", user="bob")
    edit.apply(allocated.options, "remove_user", {"user": "bob"})
    assert "bob waits for nothing" in refused(allocated, "accept_user", user="bob")
    # Somebody with an account whose state was set back by hand keeps the uid, and the file.
    allocated.replace(BOB, "state: removed", "state: pending")
    assert "uid 20101" in refused(allocated, "decline_user", user="bob")
    edit.apply_many(
        allocated.options,
        [("set_permissions", {"project": "myapp", "user": "bob", "permissions": "none"})],
    )
    (allocated.folder / BOB).unlink()
    assert "bob had an account" in refused(allocated, "decline_user", user="bob")


# Web passwords


def test_a_password_is_shown_once_and_its_hash_is_kept(allocated) -> None:
    outcome = do(allocated, "set_web_password", user="bob")
    password = outcome.shown[0]["password"]
    kept = load(allocated, BOB)["web_password_hash"]
    assert passwords.sha512_crypt(password.encode(), kept.split("$")[2]) == kept
    assert password not in "".join(file["after"] for file in outcome.files)
    assert password not in repr(outcome)
    again = edit.apply(allocated.options, "set_web_password", {"user": "bob"})
    assert again.warnings == ["bob has a web password already, which is kept; replace=true makes another one"]
    replaced = edit.apply(allocated.options, "set_web_password", {"user": "bob", "replace": "true"})
    assert replaced.shown[0]["password"] != password
    assert load(allocated, BOB)["web_password_hash"] != kept
    do(allocated, "clear_web_password", user="bob")
    assert "web_password_hash" not in load(allocated, BOB)


def test_several_passwords_in_one_change(allocated) -> None:
    changes = [("set_web_password", {"user": name}) for name in ("alice", "bob")]
    outcome = edit.apply_many(allocated.options, [("stop_vm", {"vm": "myapp00"}), *changes])
    assert outcome.shown.keys() == {1, 2}
    assert outcome.shown[1] != outcome.shown[2]
    assert not edit.apply_many(allocated.options, changes, dry_run=True).shown


def test_who_was_removed_gets_no_password(allocated) -> None:
    edit.apply(allocated.options, "remove_user", {"user": "bob"})
    assert "bob was removed" in refused(allocated, "set_web_password", user="bob")
    do(allocated, "clear_web_password", user="bob")
    assert "the person 'rob' is not known" in refused(allocated, "clear_web_password", user="rob")


# Passkeys


def test_a_passkey_comes_and_goes(allocated) -> None:
    new = passkey("bob")
    outcome = do(allocated, "add_passkey", **new)
    (written,) = load(allocated, BOB)["passkeys"]
    assert (written["name"], written["id"], written["key"]) == ("laptop", new["passkey_id"], new["passkey_key"])
    assert datetime.datetime.fromisoformat(written["added"])
    assert outcome.follows == []
    assert "laptop" in refused(allocated, "add_passkey", **{**new, "passkey": "phone"})
    assert "has another passkey called laptop" in refused(allocated, "add_passkey", **passkey("bob"))
    second = passkey("bob", "phone")
    do(allocated, "add_passkey", **second, added="2026-11-29T10:00:00Z")
    do(allocated, "remove_passkey", user="bob", passkey=second["passkey_id"])
    assert load(allocated, BOB)["passkeys"] == [written]
    before = allocated.snapshot()
    edit.apply(allocated.options, "remove_passkey", {"user": "bob", "passkey": "laptop"})
    assert "passkeys" not in load(allocated, BOB) or load(allocated, BOB)["passkeys"] == []
    assert allocated.snapshot() != before
    # By its name it is unknown then, as a mistyped one is.
    assert "nothing: bob has no passkey" in refused(allocated, "remove_passkey", user="bob", passkey="laptop")


def test_an_id_is_one_persons_on_the_whole_platform(allocated) -> None:
    new = passkey("bob")
    do(allocated, "add_passkey", **new)
    assert "bob has a passkey with this id, called laptop" in refused(
        allocated, "add_passkey", **{**new, "user": "alice"}
    )
    assert "alice has no such passkey, but bob has it" in refused(
        allocated, "remove_passkey", user="alice", passkey=new["passkey_id"]
    )
    # The key of another one, under another id, is found where the whole is judged.
    other = {**passkey("alice"), "passkey_key": new["passkey_key"]}
    assert "the same key stands at alice and bob" in _refusal(allocated, "add_passkey", other)
    # By hand as well.
    allocated.edit("users/alice.yml", lambda data: data.update(passkeys=load(allocated, BOB)["passkeys"]))
    assert [re.sub(r".*: ", "", one.message) for one in allocated.mistakes()] == [
        "the same id stands at alice and bob",
        "the same key stands at alice and bob",
    ]


def test_nobody_has_more_than_enough(allocated) -> None:
    for number in range(MOST):
        edit.apply(allocated.options, "add_passkey", passkey("bob", f"key {number}"))
    said = refused(allocated, "add_passkey", **passkey("bob", "one more"))
    assert f"bob has {MOST} passkeys, and nobody has more" in said
    allocated.edit(BOB, lambda data: data["passkeys"].append({**data["passkeys"][0]}))
    assert any(f"has more than {MOST} entries" in one.message for one in allocated.mistakes())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"passkey_key": "AAAA"}, "is no key of COSE"),
        ({"passkey_id": "AAAA"}, "ids of passkeys have 16 to 1023"),
        ({"passkey": "a: b"}, "is not allowed here"),
        ({"added": "yesterday"}, "is not allowed here"),
        ({"user": "rob"}, "the person 'rob' is not known"),
        ({"passkey_key": ""}, "passkey_key is missing"),
    ],
)
def test_what_is_no_passkey(allocated, change: dict[str, str], words: str) -> None:
    assert words in refused(allocated, "add_passkey", **{**passkey("bob"), **change})


def test_the_last_way_in_is_a_key_or_a_passkey(allocated) -> None:
    key = {"user": "bob", "ssh_key": allocated.read().users["bob"]["ssh_keys"][0]}
    edit.apply(allocated.options, "add_passkey", passkey("bob"))
    outcome = edit.apply(allocated.options, "revoke_key", key)
    assert outcome.warnings == [
        "bob has no SSH key any more, and can log in to no machine; the passkey signs in to web pages only"
    ]
    last = {"user": "bob", "passkey": "laptop"}
    assert "bob: the last way in would be gone" in refused(allocated, "remove_passkey", **last)
    assert edit.apply(allocated.options, "remove_passkey", {**last, "even_if_last": "true"}).files


def test_a_passkey_and_a_password_are_taken_away_in_spite_of_mistakes_elsewhere(allocated) -> None:
    edit.apply_many(allocated.options, [("add_passkey", passkey("bob")), ("set_web_password", {"user": "bob"})])
    allocated.write("users/mallory.yml", "full_name: [1]\n")
    for verb, arguments in (("remove_passkey", {"passkey": "laptop"}), ("clear_web_password", {})):
        assert edit.apply(allocated.options, verb, {"user": "bob", **arguments}).files
    assert "passkeys" not in load(allocated, BOB) or not load(allocated, BOB)["passkeys"]


# Service users


SERVICE_USER: dict[str, Any] = {"project": "myapp", "service_user": "s-myapp"}


def test_a_service_user_goes_when_it_is_meant(allocated) -> None:
    uid = allocated.ledger()["uids"]["s-myapp"]
    said = refused(allocated, "remove_service_user", **SERVICE_USER)
    assert "s-myapp may own data: it has an account, and its home, on myapp00" in said
    assert "even_if_used=true" in said
    assert "even_if_used" in refused(allocated, "remove_service_user", **SERVICE_USER, even_if_used="no")
    outcome = do(allocated, "remove_service_user", **SERVICE_USER, even_if_used="yes")
    assert [run.as_dict()["variables"] for run in outcome.follows] == [{"accounts_hosts": ["project_myapp"]}]
    assert not load(allocated, PROJECT).get("service_users")
    # Its limits go with it, and its uid to nobody.
    assert "service_user_limits" not in load(allocated, PROJECT) or not load(allocated, PROJECT)["service_user_limits"]
    assert allocated.ledger()["uids"]["s-myapp"] == uid
    assert "was used before" in refused(allocated, "add_service_user", **SERVICE_USER)


def test_what_names_a_service_user_is_said(allocated) -> None:
    allocated.edit(PROJECT, lambda data: data["checks"][0].update(user="s-myapp"))
    allocated.edit(PROJECT, lambda data: data["service_users"].append("s-other"))
    users = {"users": [{"name": "s-myapp"}]}
    allocated.edit(PROJECT, lambda data: data["vms"]["myapp00"]["components"].update(redis=users))
    allocated.allocate()
    said = refused(allocated, "remove_service_user", **SERVICE_USER)
    assert "the check cron runs as s-myapp" in said
    assert "redis on myapp00 names it in its options" in said
    # A check's user has to be there, whatever is meant.
    assert "the check cron runs" in refused(allocated, "remove_service_user", **SERVICE_USER, even_if_used=True)
    said = refused(allocated, "remove_service_user", **{**SERVICE_USER, "service_user": "s-other"})
    assert "names it" not in said
    assert "runs as" not in said


@pytest.mark.parametrize(
    ("options", "is_named"),
    [
        ({"root": "/srv/s-myapp/htdocs"}, True),
        ([{"a": ["s-myapp"]}], True),
        ({"s-myapp": 1}, True),
        ({"root": "/srv/s-myapp2", "x": "s-myapp.example.org", "y": None}, False),
    ],
)
def test_where_a_name_stands(options: Any, is_named: bool) -> None:
    assert accounts._names(options, "s-myapp") is is_named


def test_a_service_user_that_owns_nothing_goes_at_once(allocated) -> None:
    edit.apply(allocated.options, "add_project", {"project": "shop", "service_users": ["s-shop"]})
    outcome = do(allocated, "remove_service_user", project="shop", service_user="s-shop")
    assert outcome.follows == []


def test_a_service_user_of_another_project_or_of_none(allocated) -> None:
    edit.apply(allocated.options, "add_project", {"project": "shop", "service_users": ["s-shop"]})
    said = refused(allocated, "remove_service_user", project="myapp", service_user="s-shop")
    assert "myapp has no s-shop; it belongs to project shop" in said
    assert "myapp has no s-mypp" in refused(allocated, "remove_service_user", project="myapp", service_user="s-mypp")


# Projects


def test_an_empty_project_goes_and_its_names_stay(allocated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vms, "today", lambda: datetime.date(2026, 11, 24))
    edit.apply(allocated.options, "add_project", {"project": "shop", "service_users": ["s-shop"]})
    edit.apply(allocated.options, "order_vm", {"project": "shop"})
    assert "shop00 (running)" in refused(allocated, "remove_project", project="shop")
    edit.apply(allocated.options, "retire_vm", {"vm": "shop00", "days": 0})
    assert "shop00 (retiring)" in refused(allocated, "remove_project", project="shop")
    monkeypatch.setattr(vms, "today", lambda: datetime.date(2026, 11, 25))
    edit.apply(allocated.options, "delete_vm", {"vm": "shop00"})
    before = allocated.ledger()
    outcome = do(allocated, "remove_project", project="shop")
    assert outcome.objects == ["project shop"]
    assert [run.playbook for run in outcome.follows] == ["dns", "monitoring"]
    assert not (allocated.folder / "projects/shop.yml").exists()
    assert allocated.ledger() == before
    # Another project of this name goes on with the numbers, and gets another name for its service user.
    edit.apply(allocated.options, "add_project", {"project": "shop"})
    assert edit.apply(allocated.options, "order_vm", {"project": "shop"}).subject == "shop01"
    assert "was used before" in refused(allocated, "add_service_user", project="shop", service_user="s-shop")


def test_a_project_that_something_names_or_that_may_have_vms_stays(allocated) -> None:
    edit.apply(allocated.options, "add_project", {"project": "shop"})
    edit.apply(allocated.options, "order_vm", {"project": "shop"})
    allocated.edit("projects/shop.yml", lambda data: data.pop("vms") and None)
    allocated.write("projects/shop.yml", "description: The shop\n")
    assert "VMs of shop were allocated and may exist" in refused(allocated, "remove_project", project="shop")
    edit.apply(allocated.options, "add_project", {"project": "other"})
    allocated.edit(PROJECT, lambda data: data["firewall"]["allow"].append({"from": "other", "to": 80}))
    assert "neither an address nor a known name" in _refusal(allocated, "remove_project", {"project": "other"})
    assert "did you mean 'myapp'?" in refused(allocated, "remove_project", project="myap")


@pytest.mark.parametrize("is_checkout", [True, False])
def test_files_that_go_in_a_repository(platform, tmp_path, is_checkout: bool) -> None:
    """The commit takes them out, and what is at hand follows: a checkout, or a folder that is none."""
    platform.allocate()
    edit.apply(platform.options, "add_project", {"project": "shop"})
    bare = tmp_path / "bare.git"

    def git(*arguments: str) -> str:
        words = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
        return subprocess.run(words, cwd=platform.folder, check=True, capture_output=True, text=True).stdout

    git("init", "-q", "-b", "main")
    platform.source.write_text(f"plugin: ringmaster.hosting.platform\ndescription_repo: {bare}\n")
    git("add", "-A")
    git("commit", "-qm", "Begin")
    git("clone", "-q", "--bare", str(platform.folder), str(bare))
    if not is_checkout:
        shutil.rmtree(platform.folder / ".git")
    edit.apply(platform.options, "invite_user", INVITED)
    outcome = edit.apply_many(
        platform.options, [("decline_user", {"user": "dora"}), ("remove_project", {"project": "shop"})]
    )
    names = subprocess.check_output(
        ["git", "-C", str(bare), "show", "--name-status", "--format=%s", outcome.commit], text=True
    )
    assert "D\tprojects/shop.yml" in names
    assert "D\tusers/dora.yml" in names
    assert not (platform.folder / "projects/shop.yml").exists()
    assert not (platform.folder / DORA).exists()
    assert not is_checkout or git("status", "--porcelain", "--untracked-files=no") == ""


def test_who_is_added_and_declined_in_one_change_leaves_nothing(allocated) -> None:
    outcome = edit.apply_many(allocated.options, [("invite_user", INVITED), ("decline_user", {"user": "dora"})])
    assert outcome.files == []
    assert not (allocated.folder / DORA).exists()
