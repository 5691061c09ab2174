# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both sides of the queue's server behind sockets: people's in plain, the steward's by TLS with certificates.

The part of nginx, which asks for a certificate and hands on the name in it, is played here.
"""

from __future__ import annotations

import io
import socketserver
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ansible_collections.ringmaster.hosting.plugins.module_utils.certificates.authority import Authority
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connection


def certificate(authority: Authority, folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate for a name; return it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    signed = authority.sign(request.public_bytes(serialization.Encoding.PEM).decode(), [name, "127.0.0.1"], 30)
    places = folder / f"{name}.pem", folder / f"{name}.key"
    places[0].write_text(signed)
    plain = serialization.NoEncryption()
    places[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return places


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    context: ssl.SSLContext | None = None

    def finish_request(self, request: Any, address: Any) -> None:
        """Shake hands in the thread of the connection, so that nobody waits for who says nothing."""
        if self.context:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, address)

    def handle_error(self, *_arguments: Any) -> None:
        """Say nothing of connections that broke."""


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"

    def get_environ(self) -> dict[str, Any]:
        """Hand on the name of the certificate, whatever the client says it is."""
        environ = super().get_environ()
        environ.pop("HTTP_X_CLIENT_NAME", None)
        if isinstance(self.connection, ssl.SSLSocket):
            subject = dict(pair for part in self.connection.getpeercert()["subject"] for pair in part)  # type: ignore[index]
            environ["HTTP_X_CLIENT_NAME"] = subject["commonName"]
        return environ

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


class Listener:
    """A socket with an application behind it, which can be closed and opened again at the same place."""

    def __init__(self, application: Callable[..., Any], context: ssl.SSLContext | None = None) -> None:
        self.application, self.context, self.port = application, context, 0
        self.open()

    def open(self) -> None:
        _Server.allow_reuse_address = True
        self.server = _Server(("127.0.0.1", self.port), _Handler)
        self.server.context = self.context
        self.server.set_app(self.application)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Asked(WSGIRequest):
    """A request on the steward's listener; settings are one for all in a process."""

    urlconf = "portal.steward_urls"


class _Handling(WSGIHandler):
    request_class = _Asked


def steward_side() -> Callable[..., Any]:
    """Return the application of the steward's listener."""
    return closing(_Handling())


def closing(inner: Callable[..., Any]) -> Callable[..., Any]:
    """Return an application that reads all that was sent, and leaves no connection to the database to its thread."""

    def application(environ: Any, start: Any) -> Any:
        # As nginx does, the whole of it is read before anything is answered.
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        try:
            return list(inner(environ, start))
        finally:
            connection.close()

    return application


def context_of(authority: Path, own: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(*own)
    return context
