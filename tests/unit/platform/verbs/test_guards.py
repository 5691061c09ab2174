# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no change takes away unasked, whatever verbs lead there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit

ALICE: dict[str, Any] = {"user": "alice"}
GIVES = ("set_permissions", {"project": "myapp", "user": "bob", "permissions": "login,wheel,manager"})


@pytest.fixture
def allocated(platform):
    platform.allocate()
    return platform


def key_of(platform, name: str) -> str:
    return platform.read().users[name]["ssh_keys"][0]


def changes(platform) -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        "remove": ("remove_user", ALICE),
        "lock": ("lock_user", ALICE),
        "permissions": ("set_permissions", {**ALICE, "project": "myapp", "permissions": "login"}),
        "key": ("revoke_key", {**ALICE, "ssh_key": key_of(platform, "alice")}),
    }


@pytest.mark.parametrize("which", ["remove", "lock", "permissions", "key"])
def test_the_last_one_stays_unless_it_is_meant(allocated, which: str) -> None:
    verb, arguments = changes(allocated)[which]
    before = allocated.snapshot()
    with pytest.raises(DescriptionError) as caught:
        edit.apply(allocated.options, verb, arguments)
    message = str(caught.value)
    if which == "key":
        assert "alice: the last way in would be gone" in message
    else:
        assert "alice: the last manager of the project myapp would be gone" in message
        assert "alice: the last person with root (wheel) of the project myapp would be gone" in message
    assert "see first that there is another one, or say even_if_last=true" in message
    assert allocated.snapshot() == before
    for said in ("", None, "false"):
        with pytest.raises(DescriptionError):
            edit.apply(allocated.options, verb, {**arguments, "even_if_last": said})
    assert edit.apply(allocated.options, verb, {**arguments, "even_if_last": "true"}).files


@pytest.mark.parametrize("which", ["remove", "lock", "permissions"])
@pytest.mark.parametrize("first", [True, False])
def test_whoever_gives_it_to_somebody_else_needs_to_say_nothing(allocated, which: str, first: bool) -> None:
    """Also in the same change, in whichever order."""
    taken = changes(allocated)[which]
    edit.apply_many(allocated.options, [GIVES, taken] if first else [taken, GIVES])
    assert allocated.mistakes() == []


def test_somebody_who_cannot_log_in_is_no_manager(allocated) -> None:
    edit.apply_many(allocated.options, [GIVES, ("lock_user", {"user": "bob"})])
    with pytest.raises(DescriptionError, match="the last manager"):
        edit.apply(allocated.options, "remove_user", ALICE)


def test_who_is_removed_needs_no_key(allocated) -> None:
    edit.apply_many(
        allocated.options,
        [GIVES, ("remove_user", ALICE), ("revoke_key", {**ALICE, "ssh_key": key_of(allocated, "alice")})],
    )


def test_two_who_go_in_one_change(allocated) -> None:
    edit.apply(allocated.options, *GIVES)
    with pytest.raises(DescriptionError, match="alice and bob: the last manager"):
        edit.apply_many(allocated.options, [("remove_user", ALICE), ("remove_user", {"user": "bob"})])


def test_a_mistake_elsewhere_does_not_open_the_guard(allocated) -> None:
    """Taking away works in spite of mistakes in other files, and asks the same."""
    allocated.write("users/mallory.yml", "full_name: [1]\n")
    with pytest.raises(DescriptionError, match="the last manager"):
        edit.apply(allocated.options, "remove_user", ALICE)
    assert edit.apply(allocated.options, "remove_user", {**ALICE, "even_if_last": "yes"}).warnings


def test_unlocking(allocated) -> None:
    edit.apply(allocated.options, "lock_user", {"user": "bob"})
    assert allocated.read().users["bob"]["state"] == "locked"
    edit.apply(allocated.options, "unlock_user", {"user": "bob"})
    assert allocated.read().users["bob"]["state"] == "active"
    assert edit.apply(allocated.options, "unlock_user", {"user": "bob"}).files == []
    allocated.replace("users/bob.yml", "state: active", "state: pending")
    with pytest.raises(DescriptionError, match="was never let in"):
        edit.apply(allocated.options, "unlock_user", {"user": "bob"})


def test_another_address_has_to_be_confirmed_again(allocated) -> None:
    confirmed = {"user": "bob", "email_verified_at": "2026-11-01T10:00:00Z"}
    edit.apply(allocated.options, "change_user", confirmed)
    edit.apply(allocated.options, "change_user", {"user": "bob", "full_name": "Bob B. Example"})
    assert allocated.read().users["bob"]["email_verified_at"]
    edit.apply(allocated.options, "change_user", {"user": "bob", "email": "b@example.org"})
    assert not allocated.read().users["bob"]["email_verified_at"]


def test_stopped_and_started(allocated) -> None:
    edit.apply(allocated.options, "stop_vm", {"vm": "myapp00"})
    assert allocated.read().vms["myapp00"].state == "stopped"
    edit.apply(allocated.options, "start_vm", {"vm": "myapp00"})
    assert allocated.read().vms["myapp00"].state == "running"
    assert edit.apply(allocated.options, "start_vm", {"vm": "myapp00"}).files == []
    edit.apply(allocated.options, "retire_vm", {"vm": "myapp00"})
    with pytest.raises(DescriptionError, match="is stopped for good"):
        edit.apply(allocated.options, "start_vm", {"vm": "myapp00"})
