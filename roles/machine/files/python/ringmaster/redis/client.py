# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the Redis protocol (RESP2) that we need. No password goes through a command line."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any

from ringmaster.core.files import read_environment

PORT = 6379
TLS_PORT = 6380
CA = "/etc/ringmaster/certificates/ca.pem"


class RedisError(Exception):
    """The server answered with an error."""


class Client:
    """A connection, over a Unix socket, or TCP, with TLS if there is a file with a CA.

    ``timeout`` is seconds for each answer.
    """

    def __init__(self, address: str | tuple[str, int], timeout: float = 5.0, ca: str | None = None) -> None:
        """Connect; raises OSError."""
        if isinstance(address, str):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(timeout)
            try:
                self._socket.connect(address)
            except OSError:
                self._socket.close()
                raise
        else:
            self._socket = socket.create_connection(address, timeout)
            if ca:
                context = ssl.create_default_context(cafile=ca)
                try:
                    self._socket = context.wrap_socket(self._socket, server_hostname=address[0])
                except OSError:
                    self._socket.close()
                    raise
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> Client:
        """Return the connection, which is closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._stream.close()
        self._socket.close()

    def command(self, *words: str) -> Any:
        """Send a command; return text, a number, None, or a list of such. Raises RedisError, OSError."""
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            raw = word.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(raw), raw))
        self._socket.sendall(b"".join(parts))
        return self._answer()

    def _answer(self) -> Any:
        line = self._stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2].decode(errors="replace")
        if kind == b"+":
            return rest
        if kind == b"-":
            raise RedisError(rest)
        if kind == b":":
            return int(rest)
        size = int(rest)
        if size < 0:
            return None
        if kind == b"$":
            return self._stream.read(size + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return [self._answer() for _element in range(size)]
        raise ConnectionError(f"not an answer of Redis: {line!r}")

    def config(self) -> dict[str, str]:
        """Return all settings."""
        answer = self.command("CONFIG", "GET", "*")
        return dict(zip(answer[::2], answer[1::2], strict=True))

    def info(self) -> dict[str, str]:
        """Return all figures of INFO."""
        lines = str(self.command("INFO")).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def login(address: str | tuple[str, int], credentials: Path, timeout: float = 5.0, ca: str | None = None) -> Client:
    """Connect and log in with the name and password in a credentials file. Raises RedisError, OSError."""
    values = read_environment(credentials)
    client = Client(address, timeout, ca)
    try:
        client.command("AUTH", values["REDIS_USERNAME"], values["REDIS_PASSWORD"])
    except BaseException:
        client.__exit__(None, None, None)
        raise
    return client
