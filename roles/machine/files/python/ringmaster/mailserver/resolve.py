# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a DNS server, as the checks and the self-test do: no library of Debian's base system can."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct
from collections.abc import Iterator

KINDS = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "TLSA": 52}
SERVER = "127.0.0.1"


class NoAnswer(Exception):
    """The server did not answer, or answered with an error; the text says which."""


def ask(name: str, kind: str, server: str = SERVER, timeout: float = 3.0) -> list[str]:
    """Return the values as a zone file has them (names with a final dot), TXT joined. Raises NoAnswer, OSError."""
    number = secrets.randbelow(65536)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split("."))
    question = labels + b"\0" + struct.pack("!HH", KINDS[kind], 1)
    message = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + question
    # Over TCP at once: keys do not fit into UDP.
    with socket.create_connection((server, 53), timeout) as connection:
        connection.sendall(struct.pack("!H", len(message)) + message)
        answer = _receive(connection, struct.unpack("!H", _receive(connection, 2))[0])
    identity, flags, _questions, answers, _authority, _more = struct.unpack("!HHHHHH", answer[:12])
    code = flags & 15
    if identity != number or code not in (0, 3):
        raise NoAnswer(f"the DNS server {server} answers with error {code} to {kind} of {name}")
    return sorted(_values(answer, 12 + len(question), answers, KINDS[kind]))


def reverse_name(address: str) -> str:
    """Return the name under which the reverse name of an address is found."""
    return ipaddress.ip_address(address).reverse_pointer


def _receive(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = connection.recv(size - len(content))
        if not part:
            raise NoAnswer("the DNS server closed the connection")
        content += part
    return content


def _values(answer: bytes, place: int, number: int, wanted: int) -> Iterator[str]:
    for _record in range(number):
        _name, place = _read_name(answer, place)
        kind, _class, _ttl, size = struct.unpack("!HHIH", answer[place : place + 10])
        place += 10
        if kind == wanted:
            yield _value(answer, place, size, kind)
        place += size


def _value(answer: bytes, place: int, size: int, kind: int) -> str:
    data = answer[place : place + size]
    if kind in (1, 28):
        return str(ipaddress.ip_address(data))
    if kind in (2, 5, 12):
        return _read_name(answer, place)[0]
    if kind == 15:
        return f"{struct.unpack('!H', data[:2])[0]} {_read_name(answer, place + 2)[0]}"
    if kind == 33:
        numbers = " ".join(map(str, struct.unpack("!HHH", data[:6])))
        return f"{numbers} {_read_name(answer, place + 6)[0]}"
    if kind == 52:
        return f"{data[0]} {data[1]} {data[2]} {data[3:].hex()}"
    parts = []
    while data:
        parts.append(data[1 : 1 + data[0]])
        data = data[1 + data[0] :]
    return b"".join(parts).decode(errors="replace")


def _read_name(answer: bytes, place: int) -> tuple[str, int]:
    """Return a name, in which an earlier one may be referred to, and the place after it."""
    parts: list[str] = []
    after = 0
    while (size := answer[place]) != 0:
        if size >= 192:
            after = after or place + 2
            place = struct.unpack("!H", answer[place : place + 2])[0] & 0x3FFF
            if len(parts) > 128:
                raise NoAnswer("the answer of the DNS server refers to itself")
            continue
        parts.append(answer[place + 1 : place + 1 + size].decode(errors="replace").lower())
        place += 1 + size
    return ".".join(parts) + ".", after or place + 1
