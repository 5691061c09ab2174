# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One question by HTTP to a machine that may be hostile: one connection, one deadline, so many bytes, nothing followed.

Python's own clients follow redirects, obey proxies of the environment, and count their time limit again for each piece.
Here an answer is what comes over one connection to the address that was asked, until a moment that was fixed before.
"""

from __future__ import annotations

import re
import socket
import time

HEAD_LIMIT = 16 * 1024
PIECE = 64 * 1024
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: .*)?")
LENGTH = re.compile(rb"[0-9]{1,12}")


class NotAgreed(Exception):
    """What came is not what such an answer is; the text says what, without showing what came."""


def fetch(endpoint: str, path: str, *, seconds: float, limit: int, form: bytes | None = None) -> bytes:
    """Return the body of the answer. Raises OSError, or NotAgreed for anything but a plain answer 200.

    :param endpoint: ``address:port``, an IPv6 address in brackets.
    :param seconds: for all of it, from the first packet to the last.
    :param limit: bytes that the body may have.
    :param form: what is posted; without it, the question is a GET.
    """
    deadline = time.monotonic() + seconds
    host, _colon, port = endpoint.rpartition(":")
    method, extra = ("GET", b"") if form is None else ("POST", _form_head(form))
    question = f"{method} {path} HTTP/1.0\r\nHost: {endpoint}\r\nConnection: close\r\n".encode("ascii")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=_left(deadline)) as connection:
        connection.settimeout(_left(deadline))
        connection.sendall(question + extra + b"\r\n" + (form or b""))
        return _answer(connection, deadline, limit)


def _form_head(form: bytes) -> bytes:
    return b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n" % len(form)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _answer(connection: socket.socket, deadline: float, limit: int) -> bytes:
    received = bytearray()
    while (end := received.find(b"\r\n\r\n")) < 0:
        if len(received) > HEAD_LIMIT:
            raise NotAgreed(f"its headers are longer than {HEAD_LIMIT // 1024} KiB")
        piece = _piece(connection, deadline)
        if not piece:
            raise NotAgreed("it ends within its headers")
        received += piece
    if end > HEAD_LIMIT:
        raise NotAgreed(f"its headers are longer than {HEAD_LIMIT // 1024} KiB")
    length = _length(bytes(received[:end]))
    del received[: end + 4]
    if length is not None and length > limit:
        raise NotAgreed(_too_long(limit))
    while length is None or len(received) < length:
        if len(received) > limit:
            raise NotAgreed(_too_long(limit))
        piece = _piece(connection, deadline)
        if not piece:
            if length is not None:
                raise NotAgreed("it is shorter than it says")
            break
        received += piece
    if len(received) > limit:
        raise NotAgreed(_too_long(limit))
    return bytes(received if length is None else received[:length])


def _too_long(limit: int) -> str:
    return f"it is longer than {limit // 1024} KiB"


def _piece(connection: socket.socket, deadline: float) -> bytes:
    connection.settimeout(_left(deadline))
    return connection.recv(PIECE)


def _length(head: bytes) -> int | None:
    """Judge status and headers; return how long the body is, None where it lasts until the end of the connection."""
    status_line, *lines = head.split(b"\r\n")
    status = STATUS_LINE.fullmatch(status_line)
    if status is None:
        raise NotAgreed("it is no HTTP")
    code = int(status[1])
    if code != 200:
        more = ", and redirects are not followed" if 300 <= code < 400 else ""
        raise NotAgreed(f"its status is {code}{more}")
    length: int | None = None
    for line in lines:
        name, _colon, value = line.partition(b":")
        name, value = name.lower(), value.strip()
        if name in (b"transfer-encoding", b"content-encoding") and value.lower() != b"identity":
            raise NotAgreed("it is encoded, and plain text was asked for")
        if name == b"content-length":
            if not LENGTH.fullmatch(value) or length not in (None, int(value)):
                raise NotAgreed("its length is no number")
            length = int(value)
    return length
