# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mailbox of the catcher (mail/catcher.yml), read by IMAP as its owner reads it."""

from __future__ import annotations

import email
import imaplib
import socket
import ssl
from email.message import Message
from pathlib import Path

CA = Path(__file__).parents[1] / ".lab/keys/ca.pem"
ADDRESS = "172.20.0.30"


class _Imap(imaplib.IMAP4_SSL):
    """A connection to an address whose certificate is for a name."""

    name = ""

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), timeout)
        return self.ssl_context.wrap_socket(plain, server_hostname=self.name)


def caught(name: str, token: str) -> list[Message]:
    """Return the messages whose subject has a token, at the catcher with this name."""
    _Imap.name = name
    client = _Imap(ADDRESS, ssl_context=ssl.create_default_context(cafile=str(CA)), timeout=30)
    try:
        client.login("caught", "caught-secret-1")
        client.select(readonly=True)
        _status, found = client.search(None, "SUBJECT", f'"{token}"')
        parts = [client.fetch(number.decode(), "(RFC822)")[1][0] for number in found[0].split()]
        return [email.message_from_bytes(part[1]) for part in parts if isinstance(part, tuple)]
    finally:
        client.shutdown()
