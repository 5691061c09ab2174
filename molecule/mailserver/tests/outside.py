# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Internet around the mail server under test: people who send and read, and a mail server of another domain."""

from __future__ import annotations

import base64
import contextlib
import email
import email.message
import imaplib
import shlex
import smtplib
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from testinfra.host import Host

ROOT = Path(__file__).parents[3]
CA = ROOT / ".lab/keys/ca.pem"
NAME = "mx.outside.example"
ADDRESSES = ("198.51.100.1", "2001:db8:2::1")

# Puts the server's own records into the DNS of the test, as an operator does with the zone file. In a file, since the
# Internet does not forget them either when the server's resolver starts again.
_PROGRAM = """
import json, subprocess
lines = ["server:"]
for one in json.load(open("/var/lib/ringmaster/mailserver/dns.json")):
    value = one["value"]
    if one["kind"] == "TXT":
        value = " ".join(f'"{value[start:start + 255]}"' for start in range(0, len(value), 255))
    lines.append(f"  local-data: '{one['name']}. 3600 IN {one['kind']} {value}'")
with open("/etc/unbound/unbound.conf.d/molecule-records.conf", "w") as file:
    file.write("\\n".join(lines) + "\\n")
subprocess.run(["unbound-control", "reload"], check=True, stdout=subprocess.DEVNULL)
"""
PUBLISH = f"python3 -c {shlex.quote(_PROGRAM)}"


def publish(host: Host) -> None:
    """Put the records that the mail server asks for into the DNS."""
    host.check_output(PUBLISH)


def trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CA))


@dataclass
class Person:
    """Somebody with a mailbox on the server under test, who knows it by name and reaches it by address."""

    host: str
    server: str
    address: str
    password: str

    def send(
        self, to: str, subject: str, body: str = "text", *, sender: str = "", header: str = "", port: int = 465
    ) -> None:
        """Hand in a message; raises smtplib.SMTPException."""
        sender = sender or self.address
        message = compose(header or sender, to, subject, body, {"User-Agent": "Secret/1", "X-Mailer": "Secret"})
        self.hand_in(sender, to, message, port)

    def hand_in(self, sender: str, to: str, message: bytes, port: int = 465) -> None:
        """Hand in a message as it is; raises smtplib.SMTPException."""
        client = smtplib.SMTP_SSL(timeout=30, context=trust()) if port == 465 else smtplib.SMTP(timeout=30)
        with client:
            client._host = self.server
            client.connect(self.host, port)
            if port == 587:
                client.starttls(context=trust())
            client.login(self.address, self.password)
            client.sendmail(sender, [to], message)

    @contextlib.contextmanager
    def imap(self) -> Iterator[imaplib.IMAP4]:
        """Log in; raises imaplib.IMAP4.error."""
        name = self.server

        class Client(imaplib.IMAP4_SSL):
            def _create_socket(self, timeout: float | None) -> socket.socket:
                plain = socket.create_connection((self.host, self.port), timeout)
                return self.ssl_context.wrap_socket(plain, server_hostname=name)

        client = Client(self.host, ssl_context=trust(), timeout=30)
        try:
            client.login(self.address, self.password)
            yield client
        finally:
            client.shutdown()

    def find(self, subject: str, folder: str = "INBOX") -> list[email.message.Message]:
        """Return the messages with this subject in a folder."""
        return [email.message_from_bytes(raw) for raw in self.find_raw(subject, folder)]

    def find_raw(self, subject: str, folder: str = "INBOX") -> list[bytes]:
        with self.imap() as client:
            if client.select(folder, readonly=True)[0] != "OK":
                return []
            numbers = client.search(None, "HEADER", "SUBJECT", f'"{subject}"')[1][0].split()
            return [client.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers]

    def wait_for(self, subject: str, folder: str = "INBOX", seconds: float = 20) -> email.message.Message:
        """Return the message as soon as it is there."""
        end = time.monotonic() + seconds
        while not (found := self.find(subject, folder)):
            assert time.monotonic() < end, f"{subject!r} is not in {folder} of {self.address} within {seconds} s"
            time.sleep(0.3)
        return found[0]


def compose(sender: str, to: str, subject: str, body: str = "text", headers: dict[str, str] | None = None) -> bytes:
    lines = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "Date": email.utils.formatdate(),
        "Message-ID": email.utils.make_msgid(domain="outside.example"),
        **(headers or {}),
    }
    return ("".join(f"{name}: {value}\r\n" for name, value in lines.items()) + f"\r\n{body}\r\n").encode()


def deliver(host: str, sender: str, to: str, message: bytes, *, tls: bool = True) -> None:
    """Bring a message as a mail server outside does; raises smtplib.SMTPException."""
    source = ADDRESSES[1] if ":" in host else ADDRESSES[0]
    with smtplib.SMTP(host, 25, local_hostname=NAME, timeout=60, source_address=(source, 0)) as client:
        if tls:
            client.starttls(context=ssl._create_unverified_context())
        client.sendmail(sender, [to], message)


@dataclass
class Received:
    sender: str
    recipients: list[str] = field(default_factory=list)
    content: bytes = b""
    peer: str = ""
    login: str = ""


class _Session(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        """Speak just enough SMTP."""
        now, login = Received(""), ""
        self._say(f"220 {NAME} ESMTP")
        while line := self.rfile.readline():
            text = line.decode().strip()
            verb = text[:4].upper()
            if verb in ("EHLO", "HELO"):
                self._say(f"250-{NAME}\r\n250 AUTH PLAIN" if isinstance(self.request, ssl.SSLSocket) else f"250 {NAME}")
            elif verb == "AUTH":
                login = base64.b64decode(text.split()[2]).decode()
                self._say("235 ok")
            elif verb == "MAIL":
                now = Received(text.partition("<")[2].partition(">")[0], peer=self.client_address[0], login=login)
                self._say("250 ok")
            elif verb == "RCPT":
                now.recipients.append(text.partition("<")[2].partition(">")[0])
                self._say("250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                lines = []
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(part.removeprefix(b"."))
                now.content = b"".join(lines)
                self.server.received.append(now)
                self._say("250 ok")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class Server(socketserver.ThreadingTCPServer):
    """The mail server of outside.example: keeps what it gets."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, family: socket.AddressFamily, address: str, received: list[Received]) -> None:
        self.address_family = family
        self.received = received
        super().__init__((address, 25), _Session)


class Relay(Server):
    """A provider's server with TLS on port 465, whose certificate is for ``relay.outside.example``."""

    def __init__(self, folder: Path, received: list[Received]) -> None:
        (folder / "extensions").write_text("subjectAltName=DNS:relay.outside.example\n")
        keys = CA.parent
        for words in (
            ["req", "-new", "-newkey", "rsa:2048", "-noenc", "-subj", "/", "-keyout", "relay.key", "-out", "relay.csr"],
            [
                *("x509", "-req", "-in", "relay.csr", "-out", "relay.pem", "-extfile", "extensions"),
                *("-CA", str(CA), "-CAkey", str(keys / "ca.key"), "-set_serial", str(time.time_ns())),
            ],
        ):
            subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(folder / "relay.pem", folder / "relay.key")
        self.received = received
        socketserver.ThreadingTCPServer.__init__(self, (ADDRESSES[0], 465), _Session)

    def get_request(self) -> tuple[socket.socket, str]:
        plain, address = super().get_request()
        return self.context.wrap_socket(plain, server_side=True), address


@contextlib.contextmanager
def running(*servers: Server) -> Iterator[None]:
    """Run servers in the background."""
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@contextlib.contextmanager
def mail_server() -> Iterator[list[Received]]:
    """Run it on both of its addresses; yields what it gets."""
    received: list[Received] = []
    servers = [
        Server(socket.AF_INET, ADDRESSES[0], received),
        Server(socket.AF_INET6, ADDRESSES[1], received),
    ]
    with running(*servers):
        yield received
