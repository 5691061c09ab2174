# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mail server declares, and the maps and DNS records made of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mailserver

ROOT = Path(__file__).parents[3]
for role in ("mailserver", "monitoring_agent"):
    sys.path.insert(0, str(ROOT / f"roles/{role}/files/rootfs/usr/lib/ringmaster/python"))

from ringmaster_components.inbox import Refused  # noqa: E402
from ringmaster_mailserver import directives, dns, maps  # noqa: E402

SECRET = "a-secret-of-tests-only"
HASH = "$6$saltsalt$" + "x" * 86
VM = {
    "inventory_hostname": "post00",
    "ringmaster_project": "post",
    "ringmaster_fqdn": "post00.example.net",
    "ringmaster_project_members": [{"fqdn": "post00.example.net"}, {"fqdn": "post01.example.net"}],
    "ringmaster_fe_ipv4": "198.51.100.3",
    "ringmaster_fe_ipv6": "2001:db8:2::3",
}


def declared(**changes: Any) -> dict[str, Any]:
    return {
        "hostname": "mail.example.net",
        "domains": [{"name": "a.example"}, {"name": "b.example", "catch_all": ["ben@b.example"]}],
        "mailboxes": [
            {"address": "anna@a.example", "password_hash": HASH, "aliases": ["info@a.example"]},
            {"address": "ben@b.example", "password_hash": HASH, "quota": "0", "send_as": ["info@a.example"]},
        ],
        "forwards": [{"address": "team@a.example", "to": ["anna@a.example", "x@elsewhere.example"]}],
        "users": [{"name": "app"}],
        "postmaster": "",
        "quota": "1GiB",
        "tls_policies": {},
        "is_publicly_trusted": False,
        **changes,
    }


def objects(**changes: Any) -> dict[str, Any]:
    return mailserver.objects(declared(**changes), SECRET, VM)


def box(address: str = "new@a.example", **changes: Any) -> list[dict[str, Any]]:
    return [*declared()["mailboxes"], {"address": address, "password_hash": HASH, **changes}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"domains": [{"name": "A.example"}]}, "must be a full domain name in lower-case"),
        ({"domains": [{"name": "a.example"}] * 2}, "a.example is declared twice"),
        ({"mailboxes": box("new@c.example")}, "new@c.example is in a domain that is not declared; declared: a.example"),
        ({"mailboxes": box("info@a.example")}, "declared twice: as an alias of anna@a.example and as a mailbox"),
        ({"mailboxes": box("Anna@a.example")}, "'Anna@a.example' is no address"),
        ({"mailboxes": box("anna+x@a.example")}, "is no address"),
        ({"mailboxes": box("a b@a.example")}, "is no address"),
        ({"mailboxes": box(password_hash="secret")}, "password_hash of new@a.example is not a hash"),
        ({"mailboxes": box(password_hash=f"{HASH}:0:0")}, "is not a hash"),
        ({"mailboxes": box(quota="2GB")}, "quota of new@a.example is '2GB', which is not a size with a unit"),
        ({"mailboxes": box(send_as=["@b"])}, "must be a full domain name"),
        ({"forwards": [{"address": "team@a.example", "to": []}]}, "team@a.example goes nowhere"),
        ({"forwards": [{"address": "t@a.example", "to": ["no@a.example"]}]}, "there is no mailbox, alias or"),
        ({"domains": [{"name": "a.example"}, {"name": "b.example", "catch_all": ["no@b.example"]}]}, "catch_all of"),
        ({"users": [{"name": "monitor"}]}, "is the platform's own"),
        ({"postmaster": "no@a.example"}, "mailserver_postmaster: there is no mailbox"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(mailserver.UserError) as error:
        objects(**changes)
    assert said in str(error.value)
    assert HASH not in str(error.value)


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


def test_dns_says_where_to_send_and_who_may() -> None:
    found = objects()
    records = {(one.name, one.kind): one.value for one in dns.records(found, {"a.example": "A" * 300})}
    assert records[("a.example", "MX")] == "10 mail.example.net."
    assert records[("mail.example.net", "AAAA")] == "2001:db8:2::3"
    assert records[("_dmarc.b.example", "TXT")].startswith("v=DMARC1; p=quarantine;")
    assert ("_mta-sts.a.example", "TXT") not in records
    trusted = {one.name for one in dns.records(objects(is_publicly_trusted=True), {})}
    assert "_mta-sts.a.example" in trusted
    zone = dns.zone(dns.records(found, {"a.example": "A" * 300}), found)
    line = next(line for line in zone.splitlines() if "DKIM1" in line)
    assert max(len(part) for part in line.split('"')) == 255


@pytest.mark.parametrize(
    "text",
    [
        "relayhost = evil.example",
        "message_size_limit = $(id)",
        "message_size_limit = 1\n  smtpd_milters =",
        "message_size_limit=1\\",
        "smtpd_timeout = 5s # x\n}",
        "!include /etc/shadow",
        "message_size_limit",
    ],
)
def test_drop_ins_that_are_refused(text: str) -> None:
    with pytest.raises(Refused, match="line "):
        directives.only_allowed(text, directives.POSTFIX)


def test_drop_in_that_is_accepted() -> None:
    directives.only_allowed("# limits\n\nmessage_size_limit = 10\nsmtpd_timeout = 5m\n", directives.POSTFIX)
