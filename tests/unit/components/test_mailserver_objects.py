# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mail server declares, and the maps and DNS records made of it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mailserver
from ringmaster.core.inbox import Refused
from ringmaster.mailserver import directives, dns, keys, maps, metrics
from ringmaster.mailserver.places import Places

ROOT = Path(__file__).parents[3]

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
        ({"relays": [{"host": "r.example", "port": 25}]}, "the relay r.example has the port 25; allowed: 465"),
        ({"relays": [{"host": "r.example", "domains": ["c.example"]}]}, "is for c.example, which is not declared"),
        ({"relays": [{"host": "r.example"}, {"host": "s.example"}]}, "all other mail has two relays: r.example and"),
        ({"relays": [{"host": "r.example", "username": "me"}]}, "mailserver_relay_passwords has no password for it"),
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


def test_an_application_knows_its_account() -> None:
    login, _, password = mailserver.account("app", SECRET, VM).partition(":")
    assert login == "app@post00.example.net"
    assert len(password) > 20
    with pytest.raises(ValueError, match="post00 has no account 'shop' for sending; declared: app"):
        mailserver.account("shop", SECRET, VM)


LOG = """\
4d: to=<anna@a.example>, relay=post00[private/dovecot-lmtp], delay=0.1, dsn=2.0.0, status=sent (250 2.0.0 saved)
4e: to=<x@elsewhere.example>, relay=mx.elsewhere.example[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 ok)
4f: to=<x@elsewhere.example>, relay=127.0.0.1[127.0.0.1]:10027, delay=1, dsn=2.0.0, status=sent (250 ok)
4g: to=<x@gone.example>, relay=none, delay=9, dsn=4.4.1, status=deferred (connect to gone.example: timed out)
NOQUEUE: reject: RCPT from unknown[192.0.2.9]: 554 5.7.1 <x@y.example>: Relay access denied; from=<a@b.example>
4i: milter-reject: END-OF-MESSAGE from unknown[192.0.2.9]: 5.7.1 Gtube pattern; from=<a@b.example>
4j: removed
"""


def test_the_log_is_counted() -> None:
    once = metrics.counted(LOG.splitlines(), {})
    assert once == {
        "deliveries mailbox sent": 1,
        "deliveries mailbox deferred": 0,
        "deliveries mailbox bounced": 0,
        "deliveries outside sent": 1,
        "deliveries outside deferred": 1,
        "deliveries outside bounced": 0,
        "refused filter": 1,
        "refused policy": 1,
    }
    assert metrics.counted(LOG.splitlines(), once)["deliveries mailbox sent"] == 2
    told = "# TYPE rspamd_spam_total counter\nrspamd_spam_total 6\n# TYPE process_x gauge\nprocess_x 1\n# EOF\n"
    text = metrics.text(once, {"active": 2}, 7.4, told).splitlines()
    assert 'ringmaster_mail_deliveries_total{to="outside",status="deferred"} 1' in text
    assert "ringmaster_mail_queue_oldest_seconds 7" in text
    assert text[-1] == "rspamd_spam_total 6"
    assert not [line for line in text if "process_x" in line]


def test_records_go_into_our_own_zones_and_what_people_declared_wins() -> None:
    found = [
        {"name": "a.example", "kind": "MX", "value": "10 mail.example.net."},
        {"name": "a.example", "kind": "TXT", "value": "v=spf1 mx -all"},
        {"name": "k._domainkey.a.example", "kind": "TXT", "value": "v=DKIM1; k=rsa; p=x"},
        {"name": "autoconfig.a.example", "kind": "CNAME", "value": "mail.example.net."},
        {"name": "b.example", "kind": "MX", "value": "10 mail.example.net."},
        {"name": "mail.example.net", "kind": "A", "value": "198.51.100.3"},
    ]
    declared = [
        {"zone": "a.example", "name": "@", "type": "TXT", "values": ["ownership=1", "v=spf1 include:x.example -all"]},
        {"zone": "a.example", "name": "autoconfig", "type": "A", "values": ["192.0.2.1"]},
    ]
    records = mailserver.zone_records(found, ["example.net", "a.example"], declared)
    assert records == [
        {"zone": "a.example", "name": "@", "type": "MX", "values": ["10 mail.example.net."]},
        {"zone": "a.example", "name": "k._domainkey", "type": "TXT", "values": ["v=DKIM1; k=rsa; p=x"]},
        {"zone": "example.net", "name": "mail", "type": "A", "values": ["198.51.100.3"]},
    ]
    only_ownership = [{**declared[0], "values": ["ownership=1"]}]
    assert {"a.example"} == {one["zone"] for one in mailserver.zone_records(found[1:2], ["a.example"], only_ownership)}


def test_tlsa_record_where_the_zone_is_signed() -> None:
    found = dns.records(objects(has_tlsa=True), {}, "ab" * 32)
    assert dns.Record("_25._tcp.mail.example.net", "TLSA", f"3 1 1 {'ab' * 32}") in found
    assert not [one for one in dns.records(objects(), {}, "ab" * 32) if one.kind == "TLSA"]


def test_tlsa_digest_is_of_the_public_key(tmp_path: Path) -> None:
    key = tmp_path / "privkey.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)], check=True)
    whole = ["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "DER"]
    wanted = hashlib.sha256(subprocess.run(whole, check=True, capture_output=True).stdout).hexdigest()
    assert keys.tls_digest(Places(tls_key=key)) == wanted
    assert keys.tls_digest(Places(tls_key=tmp_path / "none")) == ""


def test_what_was_read_just_now_is_text_by_server() -> None:
    hosts = {
        "post00": {"__mail_records": {"content": "eyJhIjogIsOkIn0K"}},
        "post01": {"__mail_records": {"skipped": True}},
        "post02": {},
    }
    assert mailserver.said(hosts, hosts) == {"post00": '{"a": "ä"}\n'}
