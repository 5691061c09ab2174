# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the mail server. Each returns a status (0 ok, 1 warning, 2 critical, 3 unknown) and a sentence."""

from __future__ import annotations

import grp
import imaplib
import json
import secrets
import smtplib
import socket
import ssl
import subprocess
import time
from pathlib import Path

from ringmaster.core import below, checks, files, smtp, state
from ringmaster.core.checks import CRITICAL, OK, UNKNOWN, WARNING, level
from ringmaster.core.report import Failure, counted
from ringmaster.mailserver import keys, resolve
from ringmaster.mailserver.converge import signature_of
from ringmaster.mailserver.places import SELECTOR, Places

CREDENTIALS = Path("/etc/ringmaster/monitoring/mailserver.env")
RECORDS = Path("/var/lib/ringmaster/mailserver/dns.json")
CERTIFICATE = Path("/etc/ringmaster/certificates/mailserver/fullchain.pem")
CA = Path("/etc/ringmaster/certificates/ca.pem")
QUEUE = Path("/var/spool/postfix")
SCANNER = "/run/clamav/clamd.ctl"
SIGNATURES = Path("/var/lib/clamav")
PATIENCE = 45.0
SMTP, IMAP, SIEVE = (25, 465, 587), 993, 4190


def ports(hostname: str, addresses: list[str]) -> tuple[int, str]:
    """Speak to every port on every address, with TLS and a certificate for the server's name."""
    problems = []
    for address in addresses:
        for port in (*SMTP, IMAP, SIEVE):
            try:
                _speak(hostname, address, port)
            except (OSError, smtplib.SMTPException, EOFError, ValueError) as error:
                problems.append(f"{address} port {port}: {checks.reason(error)}")
    try:
        socket.create_connection(("127.0.0.1", 11332), 3).close()
    except OSError as error:
        problems.append(f"the spam filter: {checks.reason(error)}")
    if problems:
        return CRITICAL, f"Not reachable with TLS: {'; '.join(problems[:5])}."
    return OK, f"All ports answer with TLS on {counted(len(addresses), 'address', 'addresses')}."


def _speak(hostname: str, address: str, port: int) -> None:
    context = _context()
    if port in SMTP:
        smtp.connect(hostname, address, port, context, 5).quit()
        return
    if port == IMAP:
        plain = socket.create_connection((address, port), 5)
        with context.wrap_socket(plain, server_hostname=hostname) as connection:
            connection.recv(512)
        return
    with socket.create_connection((address, port), 5) as plain:
        _until_ok(plain)
        plain.sendall(b"STARTTLS\r\n")
        _until_ok(plain)
        context.wrap_socket(plain, server_hostname=hostname).close()


def _until_ok(connection: socket.socket) -> None:
    """Read an answer of ManageSieve: its last line begins with OK."""
    text = b""
    while not text.endswith(b"\r\n") or not text.splitlines()[-1].startswith(b"OK"):
        part = connection.recv(4096)
        if not part or text.startswith((b"NO", b"BYE")):
            raise ValueError("not an answer of ManageSieve")
        text += part


def round_trip(hostname: str) -> tuple[int, str]:
    """Send a message, find it in the mailbox, and delete it."""
    account = files.read_environment(CREDENTIALS)
    login, password = account["LOGIN"], account["PASSWORD"]
    token = secrets.token_hex(8)
    lines = (
        f"From: {login}",
        f"To: {login}",
        f"Subject: check {token}",
        f"Message-ID: <{token}@{hostname}>",
        "",
        token,
    )
    begun = time.monotonic()
    try:
        # A virus scanner that loads signatures holds mail up.
        with smtp.connect(hostname, "127.0.0.1", 465, _context(), 40) as sender:
            sender.login(login, password)
            sender.sendmail(login, [login], "".join(f"{line}\r\n" for line in lines))
        sent = time.monotonic()
        with _Imap(hostname, "127.0.0.1") as reader:
            reader.login(login, password)
            while time.monotonic() < begun + PATIENCE:
                reader.select()
                _status, found = reader.search(None, "SUBJECT", token)
                if found[0]:
                    # Also what earlier runs left behind.
                    reader.store("1:*", "+FLAGS", "\\Deleted")
                    reader.expunge()
                    total = time.monotonic() - begun
                    return OK, f"A message was sent and read again: {sent - begun:.1f} s to send, {total:.1f} s in all."
                time.sleep(0.5)
    except (OSError, smtplib.SMTPException, imaplib.IMAP4.error) as error:
        return CRITICAL, f"No round trip: {checks.reason(error)}."
    return CRITICAL, f"A message that was sent has not arrived after {PATIENCE:.0f} s."


class _Imap(imaplib.IMAP4_SSL):
    """A connection to an address whose certificate is for a name."""

    def __init__(self, name: str, address: str) -> None:
        self._name = name
        super().__init__(address, ssl_context=_context(), timeout=15)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), timeout)
        return self.ssl_context.wrap_socket(plain, server_hostname=self._name)


def _context() -> ssl.SSLContext:
    """Trust public authorities, the platform's, and our own certificate where it is self-signed."""
    context = ssl.create_default_context()
    for path in (CA, CERTIFICATE):
        if path.exists():
            context.load_verify_locations(path)
    return context


def queue(warning: int, critical: int) -> tuple[int, str]:
    """Messages that wait, and the oldest of them."""
    found = [
        written
        for folder in ("maildrop", "incoming", "active", "deferred")
        for _changed, written, _size in below.find(QUEUE / folder)
    ]
    if not found:
        return OK, "The queue is empty."
    # Deferred files bear the time of their next attempt.
    hours = max(0.0, time.time() - min(found)) / 3600
    sentence = f"{counted(len(found), 'message waits', 'messages wait')} in the queue, the oldest for {hours:.1f} h."
    return level(len(found), warning, critical), sentence


def dns() -> tuple[int, str]:
    """Whether the DNS says what it should."""
    wanted = json.loads(RECORDS.read_text())
    wrong = []
    try:
        for one in wanted:
            found = resolve.ask(one["name"], one["kind"])
            if one["value"] not in found:
                said = " and ".join(found) if found else "nothing"
                wrong.append(f"{one['kind']} of {one['name']} is {said[:80]}")
    except (OSError, resolve.NoAnswer) as error:
        return UNKNOWN, f"The DNS cannot be asked: {checks.reason(error)}."
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        how_many = counted(len(wrong), f"of {len(wanted)} records differs", f"of {len(wanted)} records differ")
        return WARNING, f"{how_many} from {RECORDS.with_suffix('.zone')}: {'; '.join(wrong[:3])}{more}."
    return OK, f"All {len(wanted)} records are in the DNS."


def dkim() -> tuple[int, str]:
    """Whether the filter has a key for each domain, and the DNS the public half of this very key."""
    places = Places()
    objects = places.read_objects()
    domains = [objects["hostname"], *objects["domains"]]
    group = grp.getgrnam("_rspamd").gr_gid
    bad, unpublished = [], []
    for domain in domains:
        key = keys.path(places, domain)
        name = f"{SELECTOR}._domainkey.{domain}"
        try:
            wanted = keys.public_half(key)
            found = resolve.ask(name, "TXT")
        except Failure:
            bad.append(f"{key} is no key, so mail of {domain} is not signed")
            continue
        except (OSError, resolve.NoAnswer) as error:
            return UNKNOWN, f"The DNS cannot be asked: {checks.reason(error)}."
        if key.stat().st_gid != group or not key.stat().st_mode & 0o040:
            bad.append(f"rspamd may not read {key}, so mail of {domain} is not signed")
        elif not found:
            unpublished.append(f"{name} is not in the DNS, so nobody can verify mail of {domain}")
        elif not any(f"p={wanted}" in one.replace(" ", "") for one in found):
            bad.append(f"{name} has another key than {key}: what is signed looks forged")
    if bad or unpublished:
        return CRITICAL if bad else WARNING, f"{'; '.join((bad + unpublished)[:3])}."
    return OK, f"The keys of {counted(len(domains), 'domain')} sign, and the DNS has them."


def quota(warning: int) -> tuple[int, str]:
    """Mailboxes that are nearly full."""
    done = subprocess.run(
        ["doveadm", "-f", "tab", "quota", "get", "-A"], capture_output=True, text=True, check=False, timeout=110
    )
    if done.returncode and not done.stdout:
        return UNKNOWN, f"Dovecot does not tell the quotas: {done.stderr.strip().splitlines()[-1:]}."
    boxes = Places().read_objects()["mailboxes"]
    full = []
    number = 0
    for line in done.stdout.splitlines()[1:]:
        user, _name, kind, _value, _limit, percent = line.split("\t")
        # Aliases are told as well, and are no mailboxes of their own.
        if kind == "STORAGE" and user in boxes:
            number += 1
            if percent.isdigit() and int(percent) >= warning:
                full.append(f"{user} ({percent} %)")
    if full:
        those = counted(len(full), "mailbox is", "mailboxes are")
        return WARNING, f"{those} nearly full: {', '.join(sorted(full)[:5])}."
    return OK, f"No mailbox of {number} is nearly full."


def antivirus(warning_days: float) -> tuple[int, str]:
    """Whether the virus scanner answers, and the age of its signatures."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            # It is silent while it loads signatures.
            connection.settimeout(30)
            connection.connect(SCANNER)
            connection.sendall(b"zPING\0")
            if not connection.recv(64).startswith(b"PONG"):
                raise OSError("it closed the connection")
    except OSError as error:
        return CRITICAL, f"The virus scanner does not answer, and mail is not scanned: {checks.reason(error)}."
    # Where ClamAV's own are there, local ones may be of any age.
    found = [*SIGNATURES.glob("daily.c[lv]d")] or [*SIGNATURES.glob("*.?[a-z][bd]")]
    days = (time.time() - max(path.stat().st_mtime for path in found)) / checks.DAY
    return level(
        days, warning_days, float("inf")
    ), f"The virus scanner answers; its signatures came {days:.1f} days ago."


def inbox() -> tuple[int, str]:
    """Drop-ins in /etc/local/postfix and /etc/local/dovecot that were left out."""
    places = Places()
    known = state.read("mailserver")
    changed = max(folder.stat().st_ctime for folder in (places.postfix_inbox, places.dovecot_inbox))
    is_new = signature_of(places) != known.get("signature")
    if is_new and time.time() - changed > checks.PATIENCE:
        return WARNING, "A change in /etc/local waits for ringmaster-mailserver-inbox.service to look at it."
    refused = known.get("refused", {})
    if refused:
        parts = [f"{name} is left out: {why}" for name, why in sorted(refused.items())]
        return WARNING, f"In /etc/local, {'; '.join(parts)}."
    return OK, checks.in_use(len(known.get("accepted", [])), "/etc/local/postfix and /etc/local/dovecot")
