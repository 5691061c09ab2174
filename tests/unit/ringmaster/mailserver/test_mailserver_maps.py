# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maps of a mail server: aliases, senders, passwords, relays."""

from __future__ import annotations

from mailserver_samples import HASH, box, objects
from ringmaster.mailserver import maps


def test_maps_of_a_small_server() -> None:
    texts = maps.compiled(objects(), {})
    aliases = dict(line.split(" ", 1) for line in texts["aliases"].splitlines())
    assert aliases == {
        "info@a.example": "anna@a.example",
        # A mailbox beside a catch-all keeps its mail.
        "ben@b.example": "ben@b.example",
        "@b.example": "ben@b.example",
        "team@a.example": "anna@a.example, x@elsewhere.example",
        **{f"{role}@{name}": "anna@a.example" for role in maps.ROLES for name in ("a.example", "b.example")},
    }
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
