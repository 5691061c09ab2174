# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service listens to: machines over TLS with their passwords, and root of its own machine by a socket."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any

from ringmaster.maintenance_server.answers import Refused
from ringmaster.maintenance_server.ledger import LedgerError
from ringmaster.maintenance_server.service import Service

LARGEST = 64 * 1024
SECONDS = 10
AT_ONCE = 64
LOCAL = "root"
"""Who asks by the socket that only root may open; no machine is called so, since it is reserved."""


class _Server(ThreadingMixIn, HTTPServer):
    """Answers so many at once; who comes then is hung up on, and asks again."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: Any, handler: type[_Handler], family: int, context: ssl.SSLContext | None) -> None:
        self.address_family = family
        self._context = context
        self._free = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_UNIX:
            path = Path(str(self.server_address))
            path.unlink(missing_ok=True)
            self.socket.bind(str(path))
            path.chmod(0o600)
            self.server_name, self.server_port = "local", 0
            return
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address[:2])
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            request.settimeout(SECONDS)
            if self._context:  # here, so that whoever dawdles over it keeps nobody else waiting
                request = self._context.wrap_socket(request, server_side=True)
            super().process_request_thread(request, client_address)
        except OSError:
            self.shutdown_request(request)
        finally:
            self._free.release()

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        error = sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1]
        if not isinstance(error, OSError):  # those that hang up are no matter of ours
            print(f"<3>{type(error).__name__}: {error}", file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    """One connection, one question."""

    protocol_version = "HTTP/1.0"
    server_version, sys_version = "ringmaster", ""
    timeout = SECONDS
    service: Service
    passwords: Mapping[str, str]
    is_local = False

    def do_POST(self) -> None:
        """Answer a question, or say why not."""
        name = LOCAL if self.is_local else self._name()
        if not name:
            self._answer(401, {"error": "who are you?"})
            return
        try:
            body = self._body()
            self._answer(200, (self._local(body) if self.is_local else self._machine(name, body)))
        except Refused as error:
            self._answer(400, {"error": str(error)})
        except (LedgerError, OSError) as error:
            # What is not on the disk has not happened: nobody gets a turn by it.
            print(f"<2>the events cannot be written: {error}", file=sys.stderr)
            self._answer(503, {"error": "the service cannot write"})

    def _machine(self, name: str, body: Any) -> dict[str, Any]:
        now = time.time()
        if self.path == "/v1/turn":
            return self.service.report(name, body, now)
        if self.path == "/v1/now":
            return self.service.now(name, body, now)
        if self.path == "/v1/postpone":
            return self.service.postpone(name, body, now)
        word, _slash, number = self.path.removeprefix("/v1/").partition("/")
        if word == "turn" and number.isascii() and number.isdigit() and len(number) < 10:
            return self.service.result(name, int(number), body, now)
        raise Refused("there is no such question")

    def _local(self, body: Any) -> dict[str, Any]:
        now = time.time()
        name = str(body.get("machine") or "") if isinstance(body, dict) else ""
        if self.path == "/v1/resume":
            return self.service.resume(name, LOCAL, now)
        if self.path in ("/v1/now", "/v1/postpone"):
            act = self.service.now if self.path == "/v1/now" else self.service.postpone
            return act(name, {"by": LOCAL}, now)
        raise Refused("there is no such question")

    def _name(self) -> str:
        """Return which machine asks, if it says its password."""
        kind, _blank, said = self.headers.get("Authorization", "").partition(" ")
        try:
            name, _colon, password = base64.b64decode(said, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return ""
        known = self.passwords.get(name, "")
        digest = hashlib.sha256(password.encode()).hexdigest()
        return name if kind == "Basic" and known and hmac.compare_digest(digest, known) else ""

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > LARGEST:
            raise Refused(f"a question has at most {LARGEST} bytes")
        try:
            return json.loads(self.rfile.read(int(length)) or b"{}")
        except (ValueError, RecursionError) as error:
            raise Refused("it is no JSON") from error

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_words: Any) -> None:
        """Stay quiet: what counts is among the events."""


def listen(
    service: Service,
    passwords: Mapping[str, str],
    addresses: list[tuple[str, int]],
    context: ssl.SSLContext,
    control: Path,
) -> list[Callable[[], None]]:
    """Begin to answer, and return what ends it."""
    handler = type("Machines", (_Handler,), {"service": service, "passwords": passwords})
    local = type("Local", (_Handler,), {"service": service, "passwords": {}, "is_local": True})
    servers = [
        _Server((host, port), handler, socket.AF_INET6 if ":" in host else socket.AF_INET, context)
        for host, port in addresses
    ]
    servers.append(_Server(str(control), local, socket.AF_UNIX, None))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return [server.shutdown for server in servers]
