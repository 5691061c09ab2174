# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail server as people, applications, other servers and spammers see it: on post00; post01 sends through it."""

from __future__ import annotations

import base64
import email.message
import email.policy
import functools
import http.client
import http.cookiejar
import imaplib
import json
import re
import secrets
import shlex
import smtplib
import socket
import ssl
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dkim
import pytest
from outside import (
    ADDRESSES,
    NAME,
    PUBLISH,
    Person,
    Received,
    Relay,
    compose,
    deliver,
    mail_server,
    publish,
    running,
    trust,
)
from steps import check_of, checks_of, sandboxed
from testinfra.host import Host

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
# In two parts, so that this file is not taken for it.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
RECORDS = "/var/lib/ringmaster/mailserver/dns.json"
PROGRAM = "/usr/bin/ringmaster mailserver"
Eventually = Callable[..., None]
Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def host(machine: Callable[[str], Host]) -> Host:
    """Return the machine with the mail server, whose records are in the DNS."""
    found = machine("post00")
    publish(found)
    return found


@pytest.fixture(scope="module")
def neighbour(machine: Callable[[str], Host]) -> Host:
    """Return another machine of the project."""
    return machine("post01")


@pytest.fixture(scope="module")
def variables(hostvars: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return hostvars["post00"]


@pytest.fixture(scope="module")
def address(variables: dict[str, Any]) -> str:
    return variables["ringmaster_fe_ipv4"]


@pytest.fixture(scope="module")
def anna(host: Host, variables: dict[str, Any], address: str) -> Person:
    return Person(address, variables["ringmaster_fe_fqdn"], "anna@post.example", "anna-secret-1")


@pytest.fixture(scope="module")
def ben(anna: Person) -> Person:
    return Person(anna.host, anna.server, "ben@post.example", "ben-secret-22")


@pytest.fixture(scope="module")
def otto(anna: Person) -> Person:
    return Person(anna.host, anna.server, "otto@second.example", "otto-secret-3")


@pytest.fixture(scope="module")
def elsewhere(host: Host) -> Iterator[list[Received]]:
    """Return what the mail server of outside.example gets."""
    with mail_server() as received:
        yield received


def wait_for(received: list[Received], recipient: str, text: str, seconds: float = 30) -> Received:
    end = time.monotonic() + seconds
    while True:
        for one in list(received):
            if recipient in one.recipients and text.encode() in one.content:
                return one
        assert time.monotonic() < end, f"nothing with {text!r} for {recipient} within {seconds} s"
        time.sleep(0.2)


def logs_in(person: Person) -> bool:
    try:
        with person.imap():
            return True
    except (imaplib.IMAP4.error, OSError):
        return False


def empty(person: Person) -> None:
    with person.imap() as client:
        if client.select()[1] != [b"0"]:
            client.store("1:*", "+FLAGS", "\\Deleted")
            client.expunge()


# Receiving


@pytest.mark.contract("data go there and back over IPv4 and IPv6")
@pytest.mark.parametrize("family", [4, 6])
def test_mail_from_outside_arrives(variables: dict[str, Any], anna: Person, family: int) -> None:
    host = variables[f"ringmaster_fe_ipv{family}"]
    subject = f"from outside by IPv{family}"
    deliver(host, "bob@outside.example", anna.address, compose("bob@outside.example", anna.address, subject))
    message = anna.wait_for(subject)
    assert message["Return-Path"] == "<bob@outside.example>"
    results = message["Authentication-Results"]
    assert "spf=pass" in results
    assert "dmarc=pass" in results
    assert anna.server in results


def test_aliases_plus_addressing_and_catch_all(address: str, anna: Person, otto: Person) -> None:
    for to, reader in (
        ("info@post.example", anna),
        ("anna+shop@post.example", anna),
        ("ANNA@Post.Example", anna),
        ("postmaster@second.example", anna),
        ("whoever@second.example", otto),
        ("otto+list@second.example", otto),
    ):
        deliver(address, "bob@outside.example", to, compose("bob@outside.example", to, f"to {to}"))
        reader.wait_for(f"to {to}")


@pytest.mark.contract("refused to strangers")
def test_nobody_relays_and_unknown_people_are_refused(address: str) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="Relay access denied"):
        deliver(address, "bob@outside.example", "victim@strict.example", compose("bob@outside.example", "x", "relay"))
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="Relay access denied"):
        deliver(address, "anna@post.example", "victim@strict.example", compose("anna@post.example", "x", "relay"))
    for strange in ("victim%strict.example@post.example", "nobody@post.example", "monitor@post.example"):
        with pytest.raises(smtplib.SMTPRecipientsRefused, match=r"5\.1\.1|5\.7\.1"):
            deliver(address, "bob@outside.example", strange, compose("bob@outside.example", "x", "unknown"))


def test_spam_and_forged_mail_are_refused(address: str, anna: Person) -> None:
    with pytest.raises(smtplib.SMTPDataError, match="Gtube"):
        deliver(address, "bob@outside.example", anna.address, compose("bob@outside.example", "x", "spam", GTUBE))
    # DMARC: p=reject of a domain that may not send from here, and our own.
    for forged in ("boss@strict.example", "ben@post.example"):
        with pytest.raises(smtplib.SMTPDataError, match="554"):
            deliver(address, forged, anna.address, compose(forged, anna.address, "forged"))
    assert not anna.find("forged")


def with_virus(sender: str, recipient: str, subject: str) -> bytes:
    """Return a message with the EICAR test file attached."""
    text = compose(sender, recipient, subject)
    message = email.message_from_bytes(text, email.message.EmailMessage, policy=email.policy.default)
    message.add_attachment(EICAR, maintype="application", subtype="octet-stream", filename="invoice.bin")
    return message.as_bytes(policy=email.policy.SMTP)


def test_virus_is_refused(address: str, anna: Person) -> None:
    """As an attachment; in what people send themselves, too."""
    for give, sender in (
        (functools.partial(deliver, address), "bob@outside.example"),
        (anna.hand_in, anna.address),
    ):
        with pytest.raises(smtplib.SMTPDataError, match="A virus was found: EICAR"):
            give(sender, anna.address, with_virus(sender, anna.address, "an invoice"))


def test_no_password_without_tls_and_none_on_port_25(address: str) -> None:
    with smtplib.SMTP(address, 587, timeout=10) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("MAIL FROM:<anna@post.example>")[0] == 530
    with smtplib.SMTP(address, 25, timeout=10) as client:
        client.starttls(context=ssl._create_unverified_context())
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("VRFY anna@post.example")[0] == 502
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((address, 143), timeout=3)


@pytest.mark.parametrize("port", [465, 993])
def test_old_tls_is_refused(address: str, anna: Person, port: int) -> None:
    context = trust()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection((address, port), 10) as plain,
        pytest.raises(OSError, match=r"(?i)alert|version|eof|reset"),
    ):
        context.wrap_socket(plain, server_hostname=anna.server)


@pytest.mark.parametrize(("port", "more"), [(25, ["--starttls", "smtp"]), (465, []), (993, [])])
def test_testssl_finds_nothing_bad(
    address: str, anna: Person, tls_findings: Callable[..., dict[str, dict[str, str]]], port: int, more: list[str]
) -> None:
    found = tls_findings(anna.server, address, port, *more)
    offered = {name: found[name]["finding"] for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3")}
    assert {name for name, said in offered.items() if said.startswith("offered")} == {"TLS1_2", "TLS1_3"}, offered
    bad = {name: one["finding"] for name, one in found.items() if one["severity"] in ("MEDIUM", "HIGH", "CRITICAL")}
    assert bad == {}


def test_port_25_offers_nothing_that_is_refused_behind_it(address: str, anna: Person) -> None:
    with smtplib.SMTP(address, 25, local_hostname=NAME, timeout=30, source_address=(ADDRESSES[0], 0)) as client:
        client.ehlo()
        assert set(client.esmtp_features) == {
            *("pipelining", "size", "starttls", "enhancedstatuscodes", "8bitmime", "dsn", "chunking"),
        }
        assert client.docmd("MAIL FROM:<bob@outside.example> SMTPUTF8")[0] == 555
        assert client.docmd("MAIL FROM:<bob@outside.example> SIZE=99999999")[0] == 552
        for sender, to in (
            ("bäcker@outside.example", anna.address),
            ("bob@outside.example", "bäcker@second.example"),
        ):
            # Which makes smtplib speak ASCII again.
            client.rset()
            client.command_encoding = "utf-8"
            client.docmd(f"MAIL FROM:<{sender}>")
            assert client.docmd(f"RCPT TO:<{to}>")[0] == 553
        client.rset()
        # Text of any kind needs no such address.
        # It says what it is written in: text that does not is sorted out as spam.
        kind = {"MIME-Version": "1.0", "Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "8bit"}
        text = compose("bob@outside.example", anna.address, "in pieces", "Grüße aus der Ferne", kind)
        for line in ("MAIL FROM:<bob@outside.example> BODY=8BITMIME", f"RCPT TO:<{anna.address}>"):
            assert client.docmd(line)[0] == 250
        for number, part in enumerate((text[:50], text[50:])):
            client.send(f"BDAT {len(part)}{' LAST' if number else ''}\r\n".encode() + part)
            assert client.getreply()[0] == 250
    assert "Grüße".encode() in anna.find_raw(anna.wait_for("in pieces")["Subject"])[0]


def test_no_message_is_smuggled_into_another(address: str, anna: Person) -> None:
    """By lines that end with LF only, which another server may read in another way."""
    smuggled = compose("ben@post.example", anna.address, "smuggled").replace(b"\r\n", b"\n")
    inner = b"\n.\nMAIL FROM:<ben@post.example>\nRCPT TO:<anna@post.example>\nDATA\n" + smuggled
    with smtplib.SMTP(address, 25, local_hostname=NAME, timeout=30, source_address=(ADDRESSES[0], 0)) as client:
        client.ehlo()
        for line in ("MAIL FROM:<bob@outside.example>", f"RCPT TO:<{anna.address}>"):
            assert client.docmd(line)[0] == 250
        assert client.docmd("DATA")[0] == 354
        client.send(compose("bob@outside.example", anna.address, "honest") + inner + b"\r\n.\r\n")
        assert client.getreply()[0] == 250
    assert anna.wait_for("honest")["Return-Path"] == "<bob@outside.example>"
    assert not anna.find("smuggled")


def test_the_largest_message_that_is_taken_arrives(address: str, anna: Person) -> None:
    """Postfix counts without the headers that are added later; whatever it takes, the others take."""
    with smtplib.SMTP(address, 25, timeout=30) as client:
        client.ehlo()
        limit = int(client.esmtp_features["size"])
    head = compose("bob@outside.example", anna.address, "the largest", "")
    for spare in range(0, 8000, 250):
        lines, rest = divmod(limit - len(head) - spare, 78)
        message = head + (b"x" * 76 + b"\r\n") * lines + b"y" * rest
        try:
            deliver(address, "bob@outside.example", anna.address, message)
            break
        except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as refused:
            assert refused.smtp_code == 552, refused
    else:
        raise AssertionError("none was taken")
    anna.wait_for("the largest", seconds=60)


def test_postmaster_needs_no_domain(address: str, anna: Person) -> None:
    deliver(address, "bob@outside.example", "postmaster", compose("bob@outside.example", "postmaster", "to nobody's"))
    anna.wait_for("to nobody's")


def test_full_mailbox_is_told_at_smtp(address: str, anna: Person, ben: Person) -> None:
    empty(ben)
    big = "\r\n".join(["x" * 70] * 12500)
    deliver(address, "bob@outside.example", ben.address, compose("bob@outside.example", ben.address, "first big", big))
    ben.wait_for("first big")
    ben.wait_for("Your mailbox is 80 % full")
    for to in (ben.address, "full@post.example", "only-ben@post.example", "Ben+x@post.example"):
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="552"):
            deliver(address, "bob@outside.example", to, compose("bob@outside.example", to, "second big", big))
    with smtplib.SMTP(address, 25, local_hostname=NAME, timeout=60, source_address=(ADDRESSES[0], 0)) as client:
        client.ehlo()
        client.mail("bob@outside.example")
        client.rcpt(ben.address)
        # Who does not say the size hears it at the end.
        assert client.data(compose("bob@outside.example", ben.address, "third big", big))[0] == 552
    empty(ben)
    deliver(address, "bob@outside.example", ben.address, compose("bob@outside.example", ben.address, "again"))
    ben.wait_for("again")


# Folders, filters


def test_folders_know_what_they_are_for(anna: Person) -> None:
    with anna.imap() as client:
        listed = b"\n".join(client.list()[1]).decode()
    for name in ("Drafts", "Sent", "Junk", "Trash", "Archive"):
        assert any(f"\\{name})" in line and line.endswith(name) for line in listed.splitlines()), listed


def test_declared_sieve_script_sorts(address: str, ben: Person) -> None:
    deliver(address, "bob@outside.example", ben.address, compose("bob@outside.example", ben.address, "invoice 7"))
    ben.wait_for("invoice 7", "Invoices")


def test_own_sieve_script_over_managesieve(address: str, anna: Person, elsewhere: list[Received]) -> None:
    """Also a vacation answer, which leaves with DKIM."""
    put_script(anna, VACATION)
    deliver(address, "bob@outside.example", anna.address, compose("bob@outside.example", anna.address, "are you there"))
    answer = wait_for(elsewhere, "bob@outside.example", "I am away.")
    assert b"DKIM-Signature" in answer.content


# The same person is answered once a day, but in each run of these tests.
VACATION = (
    'require ["vacation"]; if header :contains "Subject" "are you there"'
    f' {{ vacation :days 1 :handle "{time.time():.0f}" "I am away."; }}'
)


def put_script(person: Person, script: str) -> None:
    with socket.create_connection((person.host, 4190), 10) as plain:
        sieve_until_ok(plain)
        plain.sendall(b"STARTTLS\r\n")
        sieve_until_ok(plain)
        with trust().wrap_socket(plain, server_hostname=person.server) as secure:
            sieve_until_ok(secure)
            token = base64.b64encode(f"\0{person.address}\0{person.password}".encode()).decode()
            secure.sendall(f'AUTHENTICATE "PLAIN" "{token}"\r\n'.encode())
            sieve_until_ok(secure)
            secure.sendall(f'PUTSCRIPT "mine" {{{len(script)}+}}\r\n{script}\r\nSETACTIVE "mine"\r\n'.encode())
            sieve_until_ok(secure)


def test_vacation_answers_for_every_address_of_a_mailbox(
    address: str, anna: Person, otto: Person, elsewhere: list[Received]
) -> None:
    """Under the name that was written to; and for nothing else (RFC 3834, RFC 5230)."""
    for person in (anna, otto):
        put_script(person, VACATION)

    def ask(number: int, to: str, shown: str = "", **headers: str) -> str:
        writer = f"asks-{number}@outside.example"
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        message = compose(writer, shown or to, f"are you there {number}", headers=more)
        deliver(address, writer, to, message)
        return writer

    silent = [
        # A group of people, a copy that is not shown, lists, programs.
        ask(0, "team@post.example"),
        ask(1, "info@post.example", shown="bob@outside.example"),
        ask(2, "info@post.example", List_Id="<list.outside.example>"),
        ask(3, "info@post.example", Precedence="bulk"),
        ask(4, "info@post.example", Auto_Submitted="auto-replied"),
    ]
    for number in range(len(silent)):
        anna.wait_for(f"are you there {number}")
    own = ("info@post.example", "Anna.Meier@Post.example", "info+shop@post.example", "abuse@post.example")
    for number, to in enumerate((*own, "whoever@second.example", "otto+list@second.example"), start=len(silent)):
        writer = ask(number, to)
        answer = wait_for(elsewhere, writer, "I am away.")
        assert answer.sender.lower() == to.lower()
        assert b"DKIM-Signature" in answer.content
    assert not [one for one in elsewhere if {*one.recipients} & {*silent}]


def sieve_until_ok(connection: socket.socket) -> None:
    text = b""
    while not text.endswith(b"\r\n") or not text.splitlines()[-1].startswith(b"OK"):
        text += connection.recv(4096) or b"NO\r\n"
        assert not text.splitlines()[-1].startswith(b"NO"), text


def test_moving_to_junk_and_back_teaches_the_filter(
    host: Host, address: str, anna: Person, eventually: Eventually
) -> None:
    body = "\r\n".join(f"cheap offer {secrets.token_hex(4)} for very best watches and pills" for _line in range(40))
    deliver(address, "bob@outside.example", anna.address, compose("bob@outside.example", anna.address, "watches", body))
    anna.wait_for("watches")

    def learned() -> int:
        # Not from 'rspamc stat', whose numbers are up to 30 s old.
        count = host.check_output("redis-cli -s /run/ringmaster-mail-redis/redis.sock hget RS learns_spam")
        return int(count or 0)

    before = learned()
    with anna.imap() as client:
        client.select()
        number = client.search(None, "SUBJECT", "watches")[1][0].split()[0]
        client.copy(number, "Junk")
        client.store(number, "+FLAGS", "\\Deleted")
        client.expunge()
    eventually(lambda: learned() > before)


# Sending


def test_sent_mail_is_signed_and_hides_where_it_was_written(
    host: Host, anna: Person, elsewhere: list[Received]
) -> None:
    anna.send("friend@outside.example", "signed", "a letter", port=587)
    got = wait_for(elsewhere, "friend@outside.example", "Subject: signed")
    assert got.sender == "anna@post.example"
    records = json.loads(host.check_output(f"cat {RECORDS}"))
    keys = {f"{one['name']}.".encode(): one["value"].encode() for one in records if one["kind"] == "TXT"}
    assert dkim.verify(got.content, dnsfunc=lambda name, timeout=5: keys.get(name))
    assert not dkim.verify(
        got.content.replace(b"a letter", b"a ladder"), dnsfunc=lambda name, timeout=5: keys.get(name)
    )
    for secret in (b"User-Agent", b"X-Mailer", b"198.51.100.1", b"Authenticated sender"):
        assert secret not in got.content


def test_delivery_is_told_to_who_asks(anna: Person, ben: Person) -> None:
    with smtplib.SMTP_SSL(timeout=30, context=trust()) as client:
        client._host = anna.server
        client.connect(anna.host, 465)
        client.login(anna.address, anna.password)
        message = compose(anna.address, ben.address, "told")
        client.sendmail(anna.address, [ben.address], message, rcpt_options=["NOTIFY=SUCCESS"])
    anna.wait_for("Successful Mail Delivery Report")


def test_the_sender_must_be_ones_own(anna: Person, ben: Person) -> None:
    anna.send(ben.address, "as an alias", sender="info@post.example")
    ben.wait_for("as an alias")
    anna.send(ben.address, "with a tag", sender="anna+shop@post.example")
    ben.wait_for("with a tag")
    for port in (465, 587):
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="not owned by user"):
            anna.send(ben.address, "forged sender", sender="ben@post.example", port=port)
        with pytest.raises(smtplib.SMTPDataError, match="may not write as"):
            anna.send(ben.address, "forged header", header="ben@post.example", port=port)
    with pytest.raises(smtplib.SMTPDataError, match="may not write as"):
        anna.send(ben.address, "forged header", header='"anna@post.example" <boss@outside.example>')


def test_catch_all_may_answer_as_whom_it_was_asked(anna: Person, otto: Person) -> None:
    otto.send(anna.address, "as anybody", sender="sales@second.example")
    anna.wait_for("as anybody")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="not owned by user"):
        otto.send(anna.address, "as somebody", sender="info@post.example")


def test_forward_leaves_with_a_sender_of_ours_and_bounces_come_back(
    address: str, anna: Person, elsewhere: list[Received]
) -> None:
    message = compose("bob@outside.example", "team@post.example", "for the team")
    deliver(address, "bob@outside.example", "team@post.example", message)
    assert anna.wait_for("for the team")["Return-Path"] == "<bob@outside.example>"
    forwarded = wait_for(elsewhere, "friend@outside.example", "for the team")
    assert forwarded.sender.startswith("SRS0=")
    assert forwarded.sender.endswith(f"=outside.example=bob@{anna.server}")
    deliver(
        address,
        "",
        forwarded.sender,
        compose("mailer-daemon@mx.outside.example", forwarded.sender, "could not be delivered"),
    )
    wait_for(elsewhere, "bob@outside.example", "could not be delivered")
    faked = forwarded.sender.replace("SRS0=", "SRS0=x")
    with pytest.raises(smtplib.SMTPException):
        deliver(address, "", faked, compose("mailer-daemon@mx.outside.example", faked, "faked"))


def test_forwards_go_to_just_the_addresses_that_are_declared(address: str, elsewhere: list[Received]) -> None:
    """What follows a '+' is ours; the names of others are theirs: capitals, a tag, an apostrophe."""
    for to in ("away@post.example", "away+x@post.example"):
        deliver(address, "bob@outside.example", to, compose("bob@outside.example", to, f"via {to}"))
        for recipient in ("Ops+tag@outside.example", "o'hara@outside.example"):
            wait_for(elsewhere, recipient, f"via {to}")


def test_a_mailbox_keeps_a_copy_of_what_it_forwards(address: str, anna: Person, elsewhere: list[Received]) -> None:
    clara = Person(anna.host, anna.server, "clara@post.example", anna.password)
    for to in (clara.address, "c@post.example"):
        deliver(address, "bob@outside.example", to, compose("bob@outside.example", to, f"copied {to}"))
        assert clara.wait_for(f"copied {to}")["Delivered-To"] == to
        wait_for(elsewhere, "copy@outside.example", f"copied {to}")


def test_mail_of_a_domain_leaves_through_its_relay(
    anna: Person, elsewhere: list[Received], tmp_path: Path, host: Host
) -> None:
    through: list[Received] = []
    with running(Relay(tmp_path, through)):
        anna.send("friend@outside.example", "by the relay", sender="anna@relayed.example")
        got = wait_for(through, "friend@outside.example", "Subject: by the relay")
    assert (got.sender, got.login) == ("anna@relayed.example", "\0post\0relay-secret-1")
    assert b"d=relayed.example" in got.content
    assert not [one for one in elsewhere if b"by the relay" in one.content]
    assert host.run("sudo -u nobody postmap -q @relayed.example lmdb:/etc/ringmaster/mailserver/maps/relay_accounts").rc


def test_vm_with_a_mailstub_needs_no_password(
    neighbour: Host, ben: Person, anna: Person, eventually: Eventually
) -> None:
    """Any program of the VM sends by sendmail; what cron jobs print goes to the postmaster."""
    listening = neighbour.check_output("ss -Hltn sport = :25").split()
    assert {one for one in listening if one.endswith(":25")} == {"127.0.0.1:25", "[::1]:25"}
    text = "printf 'Subject: from the stub\\n\\nx\\n' | sendmail -f shop@post.example ben@post.example"
    neighbour.check_output(f"sudo -u s-post sh -c {shlex.quote(text)}")
    ben.wait_for("from the stub")
    neighbour.check_output("printf 'Subject: of cron\\n\\nx\\n' | sendmail root")
    assert anna.wait_for("of cron")["Return-Path"] == "<root@post01.molecule.example>"
    # As nobody whom the account may not be.
    neighbour.check_output("printf 'Subject: forged\\n\\nx\\n' | sendmail -f boss@outside.example ben@post.example")
    eventually(lambda: "not owned by user" in neighbour.check_output("journalctl -u postfix -n 50 --no-pager"))
    assert not ben.find("forged")
    assert neighbour.run("sudo -u s-post cat /etc/ringmaster/mailstub/account").rc != 0
    for check in ("queue", "server"):
        assert check_of(neighbour, f"mailstub/{check}")["state"] == "ok"


def test_mailstub_keeps_mail_while_the_server_is_away(
    host: Host, neighbour: Host, ben: Person, eventually: Eventually
) -> None:
    host.check_output("systemctl stop postfix")
    try:
        neighbour.check_output(
            "printf 'Subject: kept for later\\n\\nx\\n' | sendmail -f shop@post.example ben@post.example"
        )
        assert check_of(neighbour, "mailstub/server")["state"] == "critical"
        eventually(lambda: "for the mail server" in check_of(neighbour, "mailstub/queue")["output"])
    finally:
        host.check_output("systemctl start postfix")
    neighbour.check_output("postqueue -f")
    ben.wait_for("kept for later")


def test_figures_for_monitoring(host: Host, variables: dict[str, Any], eventually: Eventually) -> None:
    assert host.check_output("systemctl is-active ringmaster-mail-metrics.timer") == "active"
    host.check_output("systemctl start ringmaster-mail-metrics.service")
    text = host.check_output("cat /run/ringmaster/textfile/mailserver.prom")
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(figures['ringmaster_mail_deliveries_total{to="mailbox",status="sent"}']) > 5
    assert int(figures['ringmaster_mail_refused_total{by="filter"}']) > 0
    assert float(figures["rspamd_scanned_total"]) > 5
    srv = variables["ringmaster_srv_ipv4"]
    with urllib.request.urlopen(f"http://{srv}:9100/metrics", timeout=20) as answer:
        told = answer.read().decode()
    assert "rspamd_spam_total" in told
    assert "node_textfile_scrape_error 0" in told
    with urllib.request.urlopen(f"http://{srv}:9166/metrics", timeout=20) as answer:
        assert "dovecot_logins_total" in answer.read().decode()


def test_application_of_another_vm_sends_with_nothing_but_its_credentials(
    neighbour: Host, variables: dict[str, Any], ben: Person
) -> None:
    program = """
import os, smtplib, ssl
e = os.environ
client = smtplib.SMTP_SSL(context=ssl.create_default_context(cafile=e["SMTP_CA_FILE"]), timeout=20)
client._host = e["SMTP_HOST"]
client.connect(e["ADDRESS"], int(e["SMTP_PORT"]))
client.login(e["SMTP_USERNAME"], e["SMTP_PASSWORD"])
client.sendmail("shop@post.example", ["ben@post.example"], "From: shop@post.example\\nSubject: order 5\\n\\nx\\n")
try:
    client.sendmail("boss@outside.example", ["ben@post.example"], "From: boss@outside.example\\r\\n\\r\\nx\\r\\n")
except smtplib.SMTPRecipientsRefused:
    print("refused")
"""
    file = "/etc/ringmaster/credentials/mailserver/app.env"
    shell = f"set -a; . {file}; ADDRESS={variables['ringmaster_srv_ipv4']} python3 -c {shlex.quote(program)}"
    assert neighbour.check_output(f"sudo -u s-post sh -c {shlex.quote(shell)}") == "refused"
    ben.wait_for("order 5")
    assert neighbour.run(f"sudo -u nobody cat {file}").rc != 0


def test_locked_mailbox_and_application_cannot_read_mail(host: Host, anna: Person) -> None:
    application = host.check_output("cat /etc/ringmaster/credentials/mailserver/app.env")
    account = dict(line.split("=", 1) for line in application.splitlines())
    for login, password in (
        ("gone@post.example", "otto-secret-3"),
        (account["SMTP_USERNAME"], account["SMTP_PASSWORD"]),
    ):
        assert not logs_in(Person(anna.host, anna.server, login, password))


# The component


def test_declared_addresses_only(host: Host) -> None:
    listening = {line.split()[3] for line in host.check_output("ss -Hltn").splitlines()}
    everywhere = {one.rsplit(":", 1)[1] for one in listening if one.startswith(("0.0.0.0:", "[::]:", "*:"))}
    assert everywhere == {"22", "25", "465", "587", "993", "4190"}, listening


def test_checks_are_green(host: Host, eventually: Eventually) -> None:
    host.check_output("postsuper -d ALL deferred")
    checks = checks_of(host)
    ours = {one["check"]: (one["state"], one["output"]) for one in checks if one["component"] == "mailserver"}
    assert {name: state for name, (state, _output) in ours.items()} == dict.fromkeys(
        ("antivirus", "dkim", "dns", "drop-ins", "ports", "queue", "quota", "round-trip"), "ok"
    ), ours


UNITS = ("postfix", "dovecot", "rspamd", "postsrsd", "unbound", "ringmaster-mail-redis", "clamav-daemon")


@pytest.mark.contract("kill -9 is survived")
def test_comes_back_after_a_kill(host: Host, address: str, anna: Person, eventually: Eventually) -> None:
    before = {}
    for unit in UNITS:
        before[unit] = host.check_output(f"systemctl show -P MainPID {unit}")
        host.check_output(f"kill -9 {before[unit]}")
    for unit in UNITS:
        eventually(
            lambda unit=unit: host.check_output(f"systemctl show -P MainPID {unit}") not in ("0", before[unit]), 60
        )
    eventually(lambda: host.run("ss -Hltn | grep -q 127.0.0.1:11332").rc == 0, 60)
    deliver(
        address, "bob@outside.example", anna.address, compose("bob@outside.example", anna.address, "after the kill")
    )
    anna.wait_for("after the kill")


@pytest.mark.parametrize(
    ("unit", "check"),
    [
        ("postfix", "ports"),
        ("dovecot", "round-trip"),
        ("rspamd", "ports"),
        ("ringmaster-mail-antivirus.path clamav-daemon.socket", "antivirus"),
    ],
)
def test_stop_turns_a_check_red(host: Host, unit: str, check: str, eventually: Eventually) -> None:
    host.check_output(f"systemctl stop {unit}")
    try:
        assert check_of(host, f"mailserver/{check}")["state"] == "critical"
    finally:
        host.check_output(f"systemctl start {unit}")
    eventually(lambda: host.run("ss -Hltn | grep -q 127.0.0.1:11332").rc == 0, 60)


def test_keys_of_dkim_that_do_not_fit_are_told(host: Host) -> None:
    key = "/var/lib/ringmaster/mailserver/dkim/second.example.ringmaster.key"
    host.check_output(f"cp -a {key} /root/kept && chmod o= {key}")
    try:
        for break_it, state, sentence in (
            ("unbound-control local_data_remove ringmaster._domainkey.second.example", "warning", "is not in the DNS"),
            (f"{PUBLISH}; openssl genrsa 2048 2>/dev/null > {key}", "critical", "another key"),
            (f"chmod g= {key}; cat /root/kept > {key}", "critical", "may not read"),
            (f"rm {key}", "critical", "is no key"),
        ):
            host.check_output(break_it)
            check = check_of(host, "mailserver/dkim")
            assert check["state"] == state, check
            assert sentence in check["output"]
            assert "second.example" in check["output"]
    finally:
        host.check_output(f"mv /root/kept {key}; {PUBLISH}")
    assert check_of(host, "mailserver/dkim")["state"] == "ok"


def test_old_signatures_are_told(host: Host) -> None:
    host.check_output("touch -d '4 days ago' /var/lib/clamav/molecule.hdb")
    try:
        check = check_of(host, "mailserver/antivirus")
        assert (check["state"], check["output"][-13:]) == ("warning", "4.0 days ago.")
    finally:
        host.check_output("touch /var/lib/clamav/molecule.hdb")


def test_missing_dns_record_is_told(host: Host) -> None:
    host.check_output("unbound-control local_data_remove _dmarc.post.example")
    try:
        check = check_of(host, "mailserver/dns")
        assert check["state"] == "warning"
        assert "TXT of _dmarc.post.example is nothing" in check["output"]
    finally:
        publish(host)


@pytest.mark.contract("a trial start before anything is used")
@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.parametrize(
    ("daemon", "good", "bad", "reason"),
    [
        ("postfix", "message_size_limit = 12345678\n", "relayhost = evil.example\n", "'relayhost' is not allowed here"),
        ("postfix", "smtpd_timeout = 77s\n", "message_size_limit = much\n", "must look like"),
        ("dovecot", "mail_max_userip_connections = 77\n", "mail_uid = root\n", "'mail_uid' is not allowed here"),
        ("dovecot", "sieve_max_redirects = 7\n", "mail_prefetch_count = 7\n}\n", "it is not 'name = value'"),
    ],
)
def test_drop_ins(  # noqa: PLR0917
    host: Host, eventually: Eventually, daemon: str, good: str, bad: str, reason: str
) -> None:
    folder = f"/etc/local/{daemon}"
    show = {"postfix": "postconf -n", "dovecot": "doveconf -n"}[daemon]
    process = host.check_output(f"systemctl show -P MainPID {daemon}")
    for name, text in (("good", good), ("bad", bad)):
        write = shlex.quote(f"printf %s {shlex.quote(text)} > {folder}/{name}.conf")
        host.check_output(f"sudo -u s-post sh -c {write}")
    try:
        eventually(lambda: good.strip() in host.check_output(show))
        eventually(lambda: reason in check_of(host, "mailserver/drop-ins")["output"])
        assert host.check_output(f"ls /etc/ringmaster/mailserver/accepted/{daemon}") == "good.conf"
        assert host.check_output(f"systemctl show -P MainPID {daemon}") == process
    finally:
        host.check_output(f"rm -f {folder}/*.conf")
    eventually(lambda: good.strip() not in host.check_output(show))


@pytest.mark.contract("a dump is proven and restored")
def test_dump_proves_itself_and_brings_mail_back(host: Host, anna: Person) -> None:
    anna.send(anna.address, "to be kept")
    anna.wait_for("to be kept")
    folder = "/var/backups/ringmaster/mailserver"
    dump = sandboxed(host, "backup/ringmaster-backup", f"{PROGRAM} dump {folder}")
    assert json.loads(dump)["objects"] >= 3
    proof = sandboxed(host, "backup/ringmaster-backup-proof", f"{PROGRAM} prove {folder}")
    assert "Dovecot read" in json.loads(proof)["sentence"]
    refused = host.run(f"{PROGRAM} restore {folder} --object {anna.address}")
    assert refused.rc == 1
    assert "--replace" in refused.stderr
    empty(anna)
    host.check_output(f"{PROGRAM} restore {folder} --object {anna.address} --replace")
    assert anna.find("to be kept")
    host.check_output(f"rm $(ls -d {folder}/mail/post.example/anna/Maildir/[cn]??/* | head -1)")
    assert host.run(f"{PROGRAM} prove {folder}").rc == 1


CHANGE = (
    "curl -s --data-urlencode user={user} --data-urlencode old={old} --data-urlencode new={new} http://127.0.0.1:8465/"
)


def test_password_is_changed_with_the_old_one_only_and_reset(host: Host, otto: Person, play: Play) -> None:
    def change(old: str, new: str) -> str:
        return host.check_output(CHANGE.format(user=otto.address, old=old, new=new))

    chosen = Person(otto.host, otto.server, otto.address, "chosen-by-otto-1")
    assert change("wrong", chosen.password) == "the current password is wrong"
    assert "at least 10" in change(otto.password, "short")
    assert change(otto.password, chosen.password) == "ok"
    assert logs_in(chosen)
    # A converge keeps it, the verb forgets it.
    assert json.loads(host.check_output(f"{PROGRAM} converge"))["changed"] is False
    assert not logs_in(otto)
    for changed in (1, 0):
        done = play("reset_mail_password", vm="post00", mailbox=otto.address)
        assert f"changed={changed} " in done.stdout, done.stdout + done.stderr
        assert logs_in(otto)
        assert not logs_in(chosen)
    done = play("reset_mail_password", vm="post00", mailbox="nobody@second.example")
    assert done.returncode
    assert "there is no mailbox nobody@second.example here" in done.stdout


def test_webmail_logs_in(anna: Person) -> None:
    """By its pages; drill webmail uses a real browser."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(HttpsTo(anna.host, context=trust()), urllib.request.HTTPCookieProcessor(jar))
    site = f"https://{anna.server}/"
    page = opener.open(site, timeout=30).read().decode()
    token = re.search(r'name="_token" value="([^"]+)"', page)
    assert token
    form = {"_token": token[1], "_task": "login", "_action": "login", "_user": anna.address, "_pass": anna.password}
    answer = opener.open(f"{site}?_task=login", urllib.parse.urlencode(form).encode(), timeout=30).read().decode()
    assert "Webmail :: Inbox" in answer


class HttpsTo(urllib.request.HTTPSHandler):
    """Reach a site at an address, whatever the DNS says."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._address = address

    def https_open(self, request: urllib.request.Request) -> Any:
        address = self._address

        class Connection(http.client.HTTPSConnection):
            def connect(self) -> None:
                plain = socket.create_connection((address, self.port), self.timeout)
                self.sock = self._context.wrap_socket(plain, server_hostname=self.host)

        return self.do_open(Connection, request, context=self._context)


@pytest.mark.parametrize("name", ["autoconfig", "autodiscover"])
def test_mail_programs_find_their_settings(anna: Person, name: str) -> None:
    path = {"autoconfig": "mail/config-v1.1.xml", "autodiscover": "autodiscover/autodiscover.xml"}[name]
    opener = urllib.request.build_opener(HttpsTo(anna.host, context=trust()))
    posted = b"<Request/>" if name == "autodiscover" else None
    text = opener.open(f"https://{name}.second.example/{path}", posted, timeout=30).read().decode()
    assert anna.server in text
    assert "993" in text


def test_self_test_names_what_is_missing(host: Host, address: str) -> None:
    done = host.run("/usr/bin/ringmaster mailserver selftest")
    assert done.rc == 1
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if not line.startswith(("ok ", "unknown "))]
    assert [line for line in wrong if f"reverse name of {address}: It is missing" in line]
    assert all("reverse name" in line or " to fix." in line for line in wrong), wrong


def as_declared(variables: dict[str, Any]) -> dict[str, Any]:
    """Return the variables with which playbook components.yml changes nothing."""
    return {
        "components_hosts": "post00",
        "mailserver_relay_passwords": {"relay.outside.example": "relay-secret-1"},
        "mailserver_mailboxes": variables["mailserver_mailboxes"],
    }


def test_two_thousand_mailboxes_are_one_call(
    play: Play, variables: dict[str, Any], address: str, anna: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run takes as many steps as with a few mailboxes."""
    declared = variables["mailserver_mailboxes"]
    few = as_declared(variables)
    more = [{**declared[0], "address": f"m{number}@post.example", "aliases": []} for number in range(2000)]
    many = {**few, "mailserver_mailboxes": declared + more}
    steps = {}
    try:
        for what, wanted, is_changed in (("first", many, True), ("again", many, False)):
            begun = time.monotonic()
            done = play("components", **wanted)
            with capsys.disabled():
                print(f" {len(more)} mailboxes more, {what} run: {time.monotonic() - begun:.0f} s", end="", flush=True)
            steps[what], changed = recap(done)
            assert bool(changed) is is_changed
        last = Person(anna.host, anna.server, "m1999@post.example", anna.password)
        deliver(address, "bob@outside.example", last.address, compose("bob@outside.example", last.address, "of many"))
        last.wait_for("of many")
    finally:
        steps["few"], _changed = recap(play("components", **few))
    assert len(set(steps.values())) == 1, steps
    assert steps["few"] > 20
    assert not logs_in(last)


def test_without_antivirus(
    host: Host, play: Play, variables: dict[str, Any], anna: Person, *, address: str, eventually: Eventually
) -> None:
    """Switched off, nothing scans and nothing checks, and mail goes on; switched on again, all is back."""
    units = ("clamav-daemon.service", "clamav-daemon.socket", "clamav-freshclam.service")
    declared = as_declared(variables)
    without = {**declared, "mailserver_antivirus": False}
    try:
        assert recap(play("components", **without))[1] > 0
        assert recap(play("components", **without))[1] == 0
        assert not any(host.service(unit).is_running or host.service(unit).is_enabled for unit in units)
        ours = {one["check"]: one["state"] for one in checks_of(host) if one["component"] == "mailserver"}
        assert "antivirus" not in ours
        assert set(ours.values()) == {"ok"}, ours
        sender = "bob@outside.example"
        deliver(address, sender, anna.address, with_virus(sender, anna.address, "not scanned"))
        anna.wait_for("not scanned")
    finally:
        assert recap(play("components", **declared))[1] > 0
    eventually(lambda: check_of(host, "mailserver/antivirus")["state"] == "ok", 60)
    test_virus_is_refused(address, anna)


def recap(done: subprocess.CompletedProcess[str]) -> tuple[int, int]:
    """Return how many steps were taken, each turn of a loop being one, and how many tasks changed something."""
    found = re.search(r"post00 +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0", done.stdout)
    assert found, done.stdout[-3000:] + done.stderr
    return len(re.findall(r"^(?:ok|changed): \[post00\]", done.stdout, re.MULTILINE)), int(found[1])


def test_second_converge_changes_nothing(host: Host) -> None:
    assert json.loads(host.check_output(f"{PROGRAM} converge"))["changed"] is False


def test_no_secret_in_sight(host: Host) -> None:
    account = host.check_output("cat /etc/ringmaster/credentials/mailserver/app.env")
    password = dict(line.split("=", 1) for line in account.splitlines())["SMTP_PASSWORD"]
    for source in ("journalctl --no-pager", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"):
        text = host.run(source).stdout
        assert password not in text
        assert "anna-secret-1" not in text
    for path in ("maps/passwords", "objects.json"):
        assert host.run(f"sudo -u nobody cat /etc/ringmaster/mailserver/{path}").rc != 0
    assert host.run("sudo -u s-post ls /var/vmail").rc != 0
