# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Postfix's side of the milter protocol (version 6), as far as one needs it who looks at envelopes and headers.

A packet is a length of four bytes, a letter, and data. See sendmail's mfdef.h and Postfix's milter8.c.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ringmaster.mail_out.policy import Buckets, Client, Policy, shown

LARGEST = 1 << 20
VERSION = 6
#: Nothing is changed but headers that are put in front.
ADD_HEADERS = 0x01
#: Not wanted: the client's greeting, unknown commands, the beginning of the text, and the text.
NO_HELO, NO_BODY, NO_UNKNOWN, NO_DATA = 0x02, 0x10, 0x100, 0x200
CONTINUE, REPLY, INSERT = b"c", b"y", b"i"
MACHINE_HEADER = "X-Ringmaster-Machine"


class Broken(Exception):
    """What came is not the protocol."""


def packet(letter: bytes, data: bytes = b"") -> bytes:
    """Return a packet."""
    return struct.pack(">I", len(data) + 1) + letter + data


def text(data: bytes) -> str:
    """Return what stands before the first NUL."""
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


@dataclass
class Counts:
    """What happened since the program began, by machine."""

    receivers: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    limited: dict[str, int] = field(default_factory=dict)
    recent: dict[str, tuple[float, str]] = field(default_factory=dict)
    """When a machine was refused or limited last, and why."""

    def add(self, kind: dict[str, int], name: str, why: str = "", now: float = 0.0) -> None:
        """Count one; remember why."""
        kind[name] = kind.get(name, 0) + 1
        if why:
            self.recent[name] = (now, why)


@dataclass
class Session:
    """One connection of Postfix: a client of it, who may hand in several messages."""

    policy: Policy
    buckets: Buckets
    counts: Counts
    clock: Callable[[], float] = time.time
    client: Client | None = None
    address: str = ""
    forged: str = ""

    def answer(self, letter: bytes, data: bytes) -> bytes:
        """Return what to answer to a packet; nothing where no answer is waited for. Raises Broken."""
        match letter:
            case b"O":
                return self._negotiate(data)
            case b"C" | b"M" | b"R" | b"L" | b"N" | b"E":
                return self._judge(letter, data)
            case b"K":
                self.client, self.address, self.forged = None, "", ""
                return b""
            case b"A":
                self.forged = ""
                return b""
            case b"D":
                return b""
        return packet(CONTINUE)

    def _negotiate(self, data: bytes) -> bytes:
        if len(data) < 12:
            raise Broken("a greeting that is too short")
        version, _actions, steps = struct.unpack(">III", data[:12])
        if version < 2:
            raise Broken(f"version {version}")
        wanted = steps & (NO_HELO | NO_BODY | NO_UNKNOWN | NO_DATA)
        return packet(b"O", struct.pack(">III", min(version, VERSION), ADD_HEADERS, wanted))

    def _judge(self, letter: bytes, data: bytes) -> bytes:
        if letter == b"C":
            return self._connected(data)
        if self.client is None:
            return self._refuse("550 5.7.1 This machine may not send mail through the platform")
        match letter:
            case b"M":
                self.forged = ""
                return self._sender(text(data).strip("<>"))
            case b"R":
                return self._receiver()
            case b"L" if text(data).strip().lower() == "from":
                self.forged = self.forged or self.policy.forged(self.client, text(data.partition(b"\0")[2]))
            case b"N" if self.forged:
                return self._refuse_sender(self.forged, "From: ")
            case b"E":
                header = struct.pack(">I", 0) + f"{MACHINE_HEADER}\0{self.client.name}\0".encode()
                return packet(INSERT, header) + packet(CONTINUE)
        return packet(CONTINUE)

    def _connected(self, data: bytes) -> bytes:
        rest = data.partition(b"\0")[2]
        if rest[:1] not in (b"4", b"6"):
            raise Broken("a client without an address")
        self.address = text(rest[3:])
        self.client = self.policy.client(self.address)
        return packet(CONTINUE)

    def _sender(self, address: str) -> bytes:
        # Without a sender: reports of mail that could not be delivered.
        if not address or (self.client and self.policy.may_send_as(self.client, address)):
            return packet(CONTINUE)
        return self._refuse_sender(shown(address))

    def _receiver(self) -> bytes:
        client = self.client
        assert client is not None
        if self.buckets.take(client, self.clock()):
            self.counts.add(self.counts.receivers, client.name)
            return packet(CONTINUE)
        limit = self.buckets.rates[client.kind]
        why = f"more than {limit} receivers an hour"
        self.counts.add(self.counts.limited, client.name, why, self.clock())
        return self._reply(f"451 4.7.1 {client.name} writes to {why}: try again later")

    def _refuse_sender(self, address: str, where: str = "") -> bytes:
        name = self.client.name if self.client else "it"
        return self._refuse(
            f"550 5.7.1 {name} may not write as {where}{address}, only as its own names and its project's"
        )

    def _refuse(self, said: str) -> bytes:
        name = self.client.name if self.client else "unknown"
        self.counts.add(self.counts.refused, name, said.split(" ", 2)[2], self.clock())
        return self._reply(said)

    def _reply(self, said: str) -> bytes:
        # Postfix takes a per cent sign as one that is doubled.
        return packet(REPLY, said.replace("%", "%%").encode("ascii", "replace") + b"\0")
