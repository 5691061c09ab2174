# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy on loopback, for the blackbox exporter and Alertmanager: each connection is judged, and so each redirect.

The project is the user name of the proxy. The name is resolved here, every address is judged, and the connection goes
to an address that was judged.
"""

from __future__ import annotations

import base64
import re
import select
import socket
import socketserver
import sys
import threading
import time
import urllib.parse
from collections import Counter
from dataclasses import dataclass

from ringmaster.core.report import printable
from ringmaster.fetch.rules import Rules

HEAD_LIMIT = 32 * 1024
BYTES_LIMIT = 32 * 1024 * 1024
SECONDS = 30.0
CONNECT_SECONDS = 10.0
AT_ONCE = 128
OF_ONE_PROJECT = 16
REQUEST = re.compile(r"([A-Z]{3,10}) (\S{1,8000}) HTTP/1\.[01]")
DROPPED = ("proxy-authorization", "proxy-connection", "connection", "keep-alive", "upgrade", "te")


class Refused(Exception):
    """What is not done; ``code`` is the status that the asking program gets."""

    def __init__(self, code: int, reason: str) -> None:
        """Keep both."""
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Question:
    """What is asked for, and what is sent there before all that follows."""

    project: str
    host: str
    port: int
    head: bytes
    is_tunnel: bool


class Proxy(socketserver.ThreadingTCPServer):
    """The proxy. A project has a share of what is done at once, so that none keeps others from being fetched."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], rules: Rules) -> None:
        """Listen on an address."""
        self.rules = rules
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        super().__init__(address, Handler)

    def enter(self, project: str) -> None:
        """Count a connection of a project, or refuse it."""
        with self._lock:
            if self._busy[project] >= OF_ONE_PROJECT or self._busy.total() >= AT_ONCE:
                raise Refused(503, "too much is fetched at once")
            self._busy[project] += 1

    def leave(self, project: str) -> None:
        """Forget a connection of a project."""
        with self._lock:
            self._busy[project] -= 1


class Handler(socketserver.BaseRequestHandler):
    """One connection."""

    server: Proxy

    def handle(self) -> None:
        """Read the question, judge it, and be the way to the answer until the time is up."""
        deadline = time.monotonic() + SECONDS
        try:
            question, rest = _question(self.request, deadline)
            if question.project not in self.server.rules.projects:
                raise Refused(407, "there is no such project")
            self.server.enter(question.project)
            try:
                with _connect(self.server.rules, question) as there:
                    there.sendall(question.head + rest)
                    if question.is_tunnel:
                        self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    _relay(self.request, there, deadline)
            finally:
                self.server.leave(question.project)
        except Refused as refused:
            _refuse(self.request, refused)
        except (OSError, ValueError) as error:
            _refuse(self.request, Refused(502, type(error).__name__))


def _question(client: socket.socket, deadline: float) -> tuple[Question, bytes]:
    received = bytearray()
    while (end := received.find(b"\r\n\r\n")) < 0:
        if len(received) > HEAD_LIMIT:
            raise Refused(431, "the headers are too long")
        client.settimeout(max(0.01, deadline - time.monotonic()))
        piece = client.recv(8192)
        if not piece:
            raise Refused(400, "the question has no end")
        received += piece
    line, *headers = received[:end].decode("latin-1").split("\r\n")
    words = REQUEST.fullmatch(line)
    if words is None:
        raise Refused(400, "the question is no HTTP")
    kept = [header for header in headers if header.partition(":")[0].strip().lower() not in DROPPED]
    project = _project(headers)
    method, target = words[1], words[2]
    if method == "CONNECT":
        parsed = urllib.parse.urlsplit(f"//{target}")
        host, port, head = parsed.hostname, parsed.port, b""
    else:
        parsed = urllib.parse.urlsplit(target)
        if parsed.scheme.lower() != "http":
            raise Refused(400, "only http is forwarded, https is tunnelled")
        host, port = parsed.hostname, 80 if parsed.port is None else parsed.port
        path = urllib.parse.urlunsplit(("", "", parsed.path or "/", parsed.query, ""))
        lines = [f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]
        head = "\r\n".join(lines).encode("latin-1")
    if not host or port is None:
        raise Refused(400, "the address has no host or no port")
    return Question(project, host, port, head, method == "CONNECT"), bytes(received[end + 4 :])


def _project(headers: list[str]) -> str:
    for header in headers:
        name, _colon, value = header.partition(":")
        kind, _space, secret = value.strip().partition(" ")
        if name.strip().lower() == "proxy-authorization" and kind.lower() == "basic":
            try:
                return base64.b64decode(secret, validate=True).decode().partition(":")[0]
            except ValueError as error:
                raise Refused(407, "the project cannot be read") from error
    raise Refused(407, "no project is named")


def _connect(rules: Rules, question: Question) -> socket.socket:
    try:
        found = socket.getaddrinfo(question.host, question.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Refused(502, "the name cannot be resolved") from error
    refusals = {}
    failure = "there is no address"
    for _family, _type, _protocol, _name, address in found:
        reason = rules.refusal(question.project, str(address[0]), question.port)
        if reason:
            refusals[str(address[0])] = reason
            continue
        try:
            return socket.create_connection((str(address[0]), question.port), CONNECT_SECONDS)
        except OSError as error:
            failure = error.strerror or "timed out"
    if refusals:
        told = "; ".join(f"{address}: {reason}" for address, reason in sorted(refusals.items())[:3])
        host = printable(question.host[:100])
        print(f"<5>{question.project}: {host} is not fetched: {told}", file=sys.stderr)
        raise Refused(403, f"it is not fetched: {told}")
    raise Refused(502, failure)


def _relay(client: socket.socket, there: socket.socket, deadline: float) -> None:
    others = {client: there, there: client}
    passed = 0
    for end in others:
        end.settimeout(5)
    while (left := deadline - time.monotonic()) > 0 and passed < BYTES_LIMIT:
        ready, _writable, _odd = select.select(list(others), [], [], left)
        for end in ready:
            piece = end.recv(65536)
            if not piece:
                return
            others[end].sendall(piece)
            passed += len(piece)


def _refuse(client: socket.socket, refused: Refused) -> None:
    text = f"ringmaster: {refused}\n".encode(errors="replace")
    head = f"HTTP/1.1 {refused.code} Refused\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    try:
        client.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
    except OSError:
        return
