# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maps of a mail server: aliases, senders, passwords, relays."""

from __future__ import annotations

from typing import Any

from mailserver_samples import HASH, box, objects
from ringmaster.mailserver import maps


def test_maps_of_a_small_server() -> None:
    texts = maps.compiled(objects(), {})
    aliases = dict(line.split(" ", 1) for line in texts["aliases"].splitlines())
    # All others are one mailbox's.
    assert aliases == {"team@a.example": "anna@a.example, x@elsewhere.example"}
    roles = {f"{role}@{name}" for role in maps.ROLES for name in ("a.example", "b.example")}
    assert {line.split(" ")[0] for line in texts["mailboxes"].splitlines()} == {
        *("anna@a.example", "info@a.example", "ben@b.example", "@b.example", "monitor@check.mail.example.net"),
        *roles,
    }
    assert texts["catch_alls"] == "b.example:::::::userdb_user=ben@b.example userdb_quota_storage_size=unlimited\n"
    assert f"info@a.example:::::::userdb_user=anna@a.example userdb_quota_storage_size={1024**3}B\n" in texts["users"]
    app = "app@post00.example.net"
    assert dict(line.split(" ", 1) for line in texts["senders"].splitlines()) == {
        "anna@a.example": f"anna@a.example {app}",
        "info@a.example": f"anna@a.example ben@b.example {app}",
        "ben@b.example": f"ben@b.example {app}",
        "@a.example": app,
        "@b.example": f"ben@b.example {app}",
        "@post00.example.net": app,
        "@post01.example.net": app,
        "monitor@check.mail.example.net": "monitor@check.mail.example.net",
    }
    assert f"anna@a.example:::::::userdb_quota_storage_size={1024**3}B\n" in texts["users"]
    assert "ben@b.example:::::::userdb_quota_storage_size=unlimited\n" in texts["users"]


def addresses(**changes: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return whose addresses are, without mailboxes' own and roles, and where mail to the others goes."""
    found = objects(**changes)
    roles = {f"{role}@{name}" for role in maps.ROLES for name in found["domains"]}
    owned = {one: box for one, box in maps.owners(found).items() if one != box and one not in roles}
    return owned, {one: to for one, to in maps.aliases(found).items() if one not in roles}


def test_who_forwards_to_one_mailbox_is_that_mailbox() -> None:
    """From forward to forward, and whatever their order; not a group, nor what leaves."""
    ways = {"lead": ["chef"], "chef": ["info"], "all": ["anna", "chef"], "out": ["all"], "away": ["x@e.example"]}
    forwards = [
        {"address": f"{name}@a.example", "to": [to if "@" in to else f"{to}@a.example" for to in targets]}
        for name, targets in ways.items()
    ]
    owned, leads = addresses(forwards=forwards)
    assert owned == {
        **dict.fromkeys(("info@a.example", "lead@a.example", "chef@a.example"), "anna@a.example"),
        "@b.example": "ben@b.example",
    }
    # Once for anna, who is all of them.
    assert leads == {
        "all@a.example": "anna@a.example",
        "out@a.example": "all@a.example",
        "away@a.example": "x@e.example",
    }


def test_a_mailbox_that_keeps_a_copy_forwards() -> None:
    forwards = [
        {"address": "anna@a.example", "to": ["anna@a.example", "x@elsewhere.example"]},
        {"address": "chef@a.example", "to": ["info@a.example"]},
    ]
    domains = [{"name": "a.example"}, {"name": "b.example", "catch_all": ["anna@a.example"]}]
    owned, leads = addresses(forwards=forwards, domains=domains)
    assert owned == dict.fromkeys(("info@a.example", "chef@a.example"), "anna@a.example")
    # The copy comes under the name that was written to.
    names = ("anna@a.example", "info@a.example", "chef@a.example")
    assert leads == {
        **{name: f"{name}, x@elsewhere.example" for name in names},
        "@b.example": "anna@a.example",
        "ben@b.example": "ben@b.example",
    }


def test_a_catch_all_of_several_leaves_other_addresses_their_mail() -> None:
    domains = [{"name": "a.example"}, {"name": "b.example", "catch_all": ["ben@b.example", "x@elsewhere.example"]}]
    owned, leads = addresses(domains=domains, forwards=[{"address": "b@b.example", "to": ["anna@a.example"]}])
    assert "@b.example" not in owned
    # The catch-all is asked for before the mailboxes.
    assert leads == {
        "@b.example": "ben@b.example, x@elsewhere.example",
        "ben@b.example": "ben@b.example",
        "b@b.example": "b@b.example",
    }


def test_forwards_go_to_any_address_elsewhere() -> None:
    away = ["Ops+tag@Elsewhere.example", "o'hara@elsewhere.example", "a=b&c@elsewhere.example"]
    _owned, leads = addresses(forwards=[{"address": "out@a.example", "to": away}])
    assert leads["out@a.example"] == ", ".join(["Ops+tag@elsewhere.example", *away[1:]])


def test_changed_password_wins_and_locked_mailbox_has_none() -> None:
    found = objects(mailboxes=box(state="locked"))
    text = maps.passwords(found, {"anna@a.example": {"password_hash": "{ARGON2ID}$argon2id$new"}})
    assert "anna@a.example:{ARGON2ID}$argon2id$new\n" in text
    assert f"ben@b.example:{{CRYPT}}{HASH}\n" in text
    assert "new@a.example" not in text
    assert "new@a.example" in maps.users(found)


def test_mail_leaves_through_the_relay_of_its_senders_domain() -> None:
    relays = [
        {"host": "r.example", "domains": ["a.example"], "username": "me", "port": 465},
        {"host": "s.example", "username": "us"},
    ]
    found = objects(relays=relays, relay_passwords={"r.example": "secret 1", "s.example": "secret 2"})
    assert maps.own_senders(found) == {
        "<>": "smtp:[s.example]:587",
        "@mail.example.net": "smtp:[s.example]:587",
        "@a.example": "relay-tls:[r.example]:465",
        "@b.example": "smtp:[s.example]:587",
    }
    assert maps.relay_accounts(found) == {"@a.example": "me:secret 1", "[s.example]:587": "us:secret 2"}
    assert maps.tls_policies(found) == {"[r.example]:465": "secure", "[s.example]:587": "secure"}
    assert set(maps.own_senders(objects()).values()) == {"smtp:"}
