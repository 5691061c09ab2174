# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of mail servers in our zones: what the description gives, and what root of a mail server can make of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mail_records, mail_zones
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import zones
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import answers
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

DOMAIN = "example.net"
HOSTS = {"post00": ["198.51.100.3"], "post00.fe": ["198.51.100.3"], "shop00": ["172.20.1.9"], "svc0": ["172.20.0.20"]}
DIGEST = "ab" * 32


def der(key: Any) -> str:
    raw = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(raw).decode()


def rsa_key(bits: int) -> str:
    return der(rsa.generate_private_key(65537, bits))


KEY, OTHER = rsa_key(2048), rsa_key(2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
RAW = base64.b64encode(ED25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def vm(**changes: Any) -> dict[str, Any]:
    return {
        "ringmaster_fe_fqdn": "post00.fe.example.net",
        "ringmaster_fe_ipv4": "198.51.100.3",
        "ringmaster_fe_ipv6": "2001:db8:2::3",
        "mailserver_hostname": "mail.example.net",
        "mailserver_domains": [{"name": "a.example", "dmarc": "reject"}, {"name": "b.example"}],
        **changes,
    }


def record(name: str, kind: str, value: str) -> dict[str, str]:
    return {"name": name, "kind": kind, "value": value}


def dkim(key: str = KEY, domain: str = "a.example", kind: str = "rsa") -> dict[str, str]:
    return record(f"ringmaster._domainkey.{domain}", "TXT", f"v=DKIM1; k={kind}; p={key}")


def said(*found: Any) -> dict[str, str]:
    return {"content": base64.b64encode(json.dumps(found).encode()).decode()}


def publish(answer: Any = None, kept: Any = None, more: Mapping[str, Any] | None = None, **changes: Any) -> Any:
    hostvars: dict[str, Any] = {"post00": {**vm(**changes), **({"__mail_records": answer} if answer else {})}}
    hostvars.update(more or {})
    return mail_zones.published(
        hostvars,
        list(hostvars),
        [{"item": "post00", **kept}] if kept else [],
        domain=DOMAIN,
        dns_zones=["a.example", "b.example"],
        dns_records=changes.pop("declared", []),
        dns_hosts=HOSTS,
        is_signed=True,
    )


def names(found: Any) -> dict[tuple[str, str, str], list[str]]:
    return {(one["zone"], one["name"], one["type"]): one["values"] for one in found.records}


def build(found: Any, declared: list[dict[str, Any]] | None = None) -> dict[str, str]:
    built = zones.build(
        zones.Settings(
            DOMAIN,
            HOSTS,
            [],
            ["svc0.example.net"],
            "hostmaster@example.net",
            ["a.example", "b.example"],
            [*(declared or []), *found.records],
        )
    )
    return {zone.name: zone.text for zone in built}


def test_all_but_the_keys_follows_from_the_description() -> None:
    silent = publish()
    assert silent.unanswered == ["post00"] and not silent.left_out and not silent.kept
    found = names(silent)
    assert found[("a.example", "@", "MX")] == ["10 mail.example.net."]
    assert found[("a.example", "_dmarc", "TXT")] == ["v=DMARC1; p=reject; rua=mailto:postmaster@a.example"]
    assert found[(DOMAIN, "mail", "AAAA")] == ["2001:db8:2::3"]
    assert not [name for name in found if "_domainkey" in name[1] or name[2] == "TLSA"]
    build(silent)


def test_the_keys_come_from_the_server_and_are_kept_for_when_it_does_not_answer() -> None:
    answer = said(
        dkim(), dkim(OTHER, "mail.example.net"), record("_25._tcp.mail.example.net", "TLSA", f"3 1 1 {DIGEST}")
    )
    found = publish(answer)
    assert names(found)[("a.example", "ringmaster._domainkey", "TXT")] == [f"v=DKIM1; k=rsa; p={KEY}"]
    assert names(found)[(DOMAIN, "_25._tcp.mail", "TLSA")] == [f"3 1 1 {DIGEST}"]
    kept = {"content": base64.b64encode(found.kept["post00"].encode()).decode()}
    # In the form that is kept now, and in the one of earlier platforms, which was the answer itself.
    for form in (kept, answer):
        later = publish(kept=form)
        assert later.records == found.records
        assert later.kept == found.kept
    build(found)


HOSTILE = [
    record("shop00.example.net", "A", "192.0.2.66"),
    record("status.example.net", "A", "192.0.2.66"),
    record("example.net", "NS", "ns.evil.example."),
    record("shop00.example.net", "CNAME", "evil.example."),
    record("x.example.net", "TXT", "a\n$INCLUDE /etc/bind/rndc.key"),
    record("x.example.net", "A", "192.0.2.1\nstatus.example.net. IN A 192.0.2.66"),
    record("a.example\n$INCLUDE", "MX", "10 evil.example."),
    record("a.example", "MX", "0 evil.example."),
    record("a.example", "TXT", "v=spf1 +all"),
    record("ringmaster._domainkey.example.net", "TXT", f"v=DKIM1; k=rsa; p={KEY}"),
    record("_25._tcp.shop00.example.net", "TLSA", f"3 1 1 {DIGEST}"),
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda one: f"{one['kind']} {one['name'][:20]}")
def test_root_of_a_mail_server_writes_no_record_but_its_keys(hostile: dict[str, str]) -> None:
    good, bad = publish(said(dkim())), publish(said(hostile, dkim()))
    assert bad.records == good.records
    assert build(bad) == build(good)


WRONG = [
    "not a list",
    dkim("AAAA"),
    dkim(rsa_key(1024)),
    dkim(der(ec.generate_private_key(ec.SECP256R1()))),
    dkim(der(dsa.generate_private_key(2048))),
    dkim(KEY + "="),
    dkim(KEY[:-4]),
    dkim(KEY[:100] + " " + KEY[100:]),
    dkim(KEY + "\n$INCLUDE /etc/shadow"),
    dkim(KEY + '"'),
    dkim(KEY + "; n=x"),
    dkim(base64.b64encode(base64.b64decode(KEY) + b"more").decode()),
    dkim(base64.b64encode(b"x" * 31).decode()),
    dkim(""),
    record("ringmaster._domainkey.a.example", "TXT", "v=spf1 +all"),
    record("_25._tcp.mail.example.net", "TLSA", f"3 1 1 {DIGEST}00"),
    record("_25._tcp.mail.example.net", "TLSA", f"2 0 1 {DIGEST}"),
    record("_25._tcp.mail.example.net", "TLSA", f"3 1 1 {DIGEST.upper()}"),
    record("_25._tcp.mail.example.net", "TLSA", f"3 1 1 {DIGEST[:-1]}\n"),
    {**dkim(), "add_host": {"host_name": "hv0"}},
    {"name": "a.example", "kind": "TXT"},
    {"name": ["a"], "kind": "TXT", "value": "x"},
]


# By their numbers: keys differ in each process, and pytest-xdist compares names.
@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_a_bad_answer_is_named_and_costs_that_servers_keys_only(wrong: Any) -> None:
    good = said(dkim(OTHER, "c.example"))
    other = {
        "post01": {
            **vm(mailserver_hostname="mx.example.net", mailserver_domains=[{"name": "c.example"}]),
            "__mail_records": good,
        }
    }
    found = publish(said(wrong), more=other)
    assert list(found.left_out) == ["post00"]
    assert found.left_out["post00"].isprintable() and len(found.left_out["post00"]) < 600
    assert names(found)[("a.example", "@", "MX")] == ["10 mail.example.net."]
    assert not [one for one in names(found) if "_domainkey" in one[1] or one[2] == "TLSA"]
    assert "post01" in found.kept and "post00" not in found.kept
    build(found)
    # What was kept of a better day still counts, and the bad answer is still named.
    later = publish(said(wrong), kept=said(dkim()))
    assert names(later)[("a.example", "ringmaster._domainkey", "TXT")] == [f"v=DKIM1; k=rsa; p={KEY}"]
    assert list(later.left_out) == ["post00"]


@pytest.mark.parametrize(
    "content",
    [
        base64.b64encode(text).decode()
        for text in (
            b"",
            b"[" * 200_000,
            b"\xff\xfe",
            b'{"dkim": 1}',
            b'{"dkim": {"a.example": "x"}, "tlsa": ""}',
            b"1e999",
        )
    ]
    + ["***", "\u202e", 5, None, ["x"]],
    ids=lambda one: repr(one)[:20],
)
def test_what_is_no_answer_at_all_is_named_whoever_says_it(content: Any) -> None:
    for found in (publish({"content": content}), publish(kept={"content": content})):
        assert list(found.left_out) == ["post00"]
        assert found.unanswered == ["post00"]
        build(found)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.one_of(
                    st.text(), st.sampled_from(["ringmaster._domainkey.a.example", "_25._tcp.mail.example.net"])
                ),
                "kind": st.sampled_from(["TXT", "TLSA", "A", "CNAME", "NS", "$INCLUDE"]),
                "value": st.one_of(st.text(), st.text().map(lambda text: f"v=DKIM1; k=rsa; p={text}")),
            }
        ),
        max_size=4,
    )
)
def test_whatever_it_says_the_zones_are_those_of_the_description(found: list[dict[str, str]]) -> None:
    assert build(publish(said(*found))) == build(publish())


def test_an_ed25519_key_stands_there_by_its_32_bytes() -> None:
    for text in (RAW, der(ED25519)):
        found = names(publish(said(dkim(text, kind="ed25519"))))
        assert found[("a.example", "ringmaster._domainkey", "TXT")] == [f"v=DKIM1; k=ed25519; p={RAW}"]


def test_what_people_declared_wins() -> None:
    declared = [
        {"zone": "a.example", "name": "@", "type": "TXT", "values": ["ownership=1", "v=spf1 include:x.example -all"]},
        {"zone": "a.example", "name": "autoconfig", "type": "A", "values": ["192.0.2.1"]},
        {"zone": "b.example", "name": "@", "type": "TXT", "values": ["ownership=1"]},
    ]
    found = mail_zones.published(
        {"post00": vm()},
        ["post00"],
        domain=DOMAIN,
        dns_zones=["a.example", "b.example"],
        dns_records=declared,
        dns_hosts=HOSTS,
    )
    assert ("a.example", "@", "TXT") not in names(found)
    assert ("a.example", "autoconfig", "CNAME") not in names(found)
    assert names(found)[("b.example", "@", "TXT")] == ["v=spf1 mx -all"]
    assert not found.left_out
    build(found, declared)


def test_a_mail_server_gets_no_name_of_a_machine_or_of_another_mail_server() -> None:
    found = publish(mailserver_hostname="shop00.example.net")
    assert "shop00.example.net belongs to shop00" in found.left_out["post00"]
    assert (DOMAIN, "shop00", "A") not in names(found)
    second = {"post01": vm(mailserver_hostname="mx.example.net", ringmaster_fe_ipv4="198.51.100.4")}
    found = publish(more=second)
    assert "a.example belongs to post00" in found.left_out["post01"]
    assert names(found)[("a.example", "@", "MX")] == ["10 mail.example.net."]
    assert names(found)[(DOMAIN, "mx", "A")] == ["198.51.100.4"]
    build(found)
    own = publish(mailserver_hostname="post00.fe.example.net")
    assert names(own)[(DOMAIN, "post00.fe", "A")] == ["198.51.100.3"]
    assert not own.left_out


def test_a_mail_server_whose_name_is_an_alias_stops_nobody_else() -> None:
    declared = [{"zone": DOMAIN, "name": "mail", "type": "CNAME", "values": ["post00.fe.example.net"]}]
    found = mail_zones.published(
        {"post00": vm(mailserver_domains=[{"name": "m.example.net"}])},
        ["post00"],
        domain=DOMAIN,
        dns_zones=[],
        dns_records=declared,
        dns_hosts=HOSTS,
    )
    assert "is an alias (CNAME)" in found.left_out["post00"]
    assert (DOMAIN, "m", "MX") not in names(found)
    assert (DOMAIN, "_dmarc.m", "TXT") in names(found)
    build(found, declared)


@pytest.mark.parametrize(
    "changes",
    [
        {"mailserver_hostname": "a b"},
        {"mailserver_domains": [{"name": "a.example\nx"}]},
        {"mailserver_domains": [{"name": "a.example", "dmarc": "none; x"}]},
        {"mailserver_domains": ["a.example"]},
        {"mailserver_domains": [{}]},
    ],
)
def test_a_wrong_declaration_costs_that_servers_records_only(changes: dict[str, Any]) -> None:
    other = {"post01": vm(mailserver_hostname="mx.example.net", mailserver_domains=[{"name": "b.example"}])}
    found = publish(more=other, **changes)
    assert list(found.left_out) == ["post00"]
    assert names(found)[("b.example", "@", "MX")] == ["10 mx.example.net."]
    build(found)


def test_names_that_are_too_long_are_left_out() -> None:
    long = f"{'.'.join(['a' * 60] * 3)}.{'b' * 55}.a.example"
    found = publish(mailserver_domains=[{"name": long}, {"name": "a.example"}])
    assert "is longer than 253 characters" in found.left_out["post00"]
    assert names(found)[("a.example", "@", "MX")] == ["10 mail.example.net."]
    build(found)


def test_a_tlsa_record_needs_a_signed_zone_unless_somebody_wants_it() -> None:
    answer = said(record("_25._tcp.mail.example.net", "TLSA", f"3 1 1 {DIGEST}"))
    arguments: dict[str, Any] = {"domain": DOMAIN, "dns_zones": [], "dns_records": [], "dns_hosts": HOSTS}
    for changes, is_signed, is_there in (
        ({}, True, True),
        ({}, False, False),
        ({"mailserver_tlsa": True}, False, True),
    ):
        host = {**vm(**changes), "__mail_records": answer}
        found = mail_zones.published({"post00": host}, ["post00"], is_signed=is_signed, **arguments)
        assert ((DOMAIN, "_25._tcp.mail", "TLSA") in names(found)) is is_there


def test_an_answer_has_a_size() -> None:
    server = mail_records.Server("mail.example.net", {}, {})
    with pytest.raises(answers.AnswerError, match="at most"):
        mail_records.keys_of(b" " * (mail_records.LARGEST_ANSWER + 1), server, "post00")
