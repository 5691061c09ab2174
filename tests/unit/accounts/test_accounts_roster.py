# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from accounts_samples import ALICE, BOB, key, person, raw, roster
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts import policy
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts import roster as rosters
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.model import UID_FIRST, AccountsError


def test_debian_gives_no_uid_that_a_roster_could_give():
    assert UID_FIRST > policy.LOCAL_ID_MAX
    assert str(policy.LOCAL_ID_MAX) in policy.edits()[policy.LOGIN_DEFS_PATH].values()


def test_people_and_service_users_are_read():
    found = roster(ALICE, person("eve", 20105, "login", state="locked"))
    assert list(found.accounts) == ["alice", "eve", "s-myapp"]
    alice, eve, service = found.accounts.values()
    assert (alice.home, alice.gid, alice.permissions) == (
        "/home/alice",
        100,
        ("login", "sudo-srv", "wheel", "manager"),
    )
    assert alice.may_log_in and not eve.may_log_in and not service.may_log_in
    assert (service.home, service.gid) == ("/srv/s-myapp", 20000)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Bob"}, "is not a name for a person"),
        ({"name": "s-bob"}, "are for service users"),
        ({"name": "bob/../root"}, "is not a name for a person"),
        ({"name": "bob\n"}, "is not a name for a person"),
        ({"uid": 1000}, "uid must be a number from 20100 to 59999, found 1000"),
        ({"uid": "20101"}, "uid must be a number"),
        ({"uid": True}, "uid must be a number"),
        ({"uid": 20100}, "also the one of alice"),
        ({"name": "alice"}, "alice: named twice"),
        ({"state": "gone"}, "state 'gone' is not one of active, locked, removed"),
        ({"permissions": ["root"]}, "permission 'root' is not one of"),
        ({"permissions": "login"}, "permissions must be a list"),
        ({"full_name": "B:0:0"}, "must not contain a colon"),
        ({"full_name": "B\nroot2:x:0"}, "must not contain a colon"),
        ({"ssh_keys": ['command="sh" ' + key("bob")]}, "an SSH key must begin with"),
        ({"ssh_keys": [key("bob") + "\n" + key("eve")]}, "one line"),
        ({"ssh_keys": ["ssh-ed25519 AAAA!"]}, "is not base64"),
        ({"ssh_keys": ["ssh-rsa " + key("bob").split()[1]]}, "does not hold a key of type ssh-rsa"),
        ({"ssh_keys": ["ssh-dss AAAA"]}, "an SSH key must begin with"),
        ({"ssh_keys": [None]}, "one line"),
    ],
)
def test_a_mistake_is_named(change, words):
    with pytest.raises(AccountsError, match="nothing was changed") as caught:
        roster(ALICE, BOB | change)
    assert words in str(caught.value)


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(AccountsError) as caught:
        roster(BOB | {"uid": 1}, ALICE | {"state": "x"}, generation=-1)
    assert str(caught.value).count("\n- ") == 3


@pytest.mark.parametrize("value", [None, [], "x", {"format": 2}, {}])
def test_other_things_than_a_roster_are_refused(value):
    with pytest.raises(AccountsError):
        rosters.parse(value)


def test_a_comma_in_a_name_does_not_split_the_gecos_field():
    assert roster(BOB | {"full_name": "Doe, Bob"}).accounts["bob"].full_name == "Doe Bob"


def test_the_same_key_twice_is_one_key():
    assert roster(BOB | {"ssh_keys": [key("b"), key("b")]}).accounts["bob"].keys == (key("b"),)


def test_raw_is_kept_for_the_next_run():
    assert roster(BOB).raw == raw(BOB)
