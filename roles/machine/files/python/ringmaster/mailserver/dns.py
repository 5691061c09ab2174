# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the DNS should say for the mail server: one set of records, as a zone file and as data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ringmaster.mailserver.places import SELECTOR

TTL = 3600


@dataclass(frozen=True)
class Record:
    """A record. ``name`` is complete, without a final dot; names in ``value`` have one."""

    name: str
    kind: str
    value: str

    def line(self) -> str:
        """Return it as a zone file has it."""
        value = " ".join(f'"{part}"' for part in _parts(self.value)) if self.kind == "TXT" else self.value
        return f"{self.name}. {TTL} IN {self.kind} {value}"


def records(objects: Mapping[str, Any], keys: Mapping[str, str], tls_key: str = "") -> list[Record]:
    """Return all records: those that the controller has computed, and those of the keys, which only this machine has.

    ``keys`` are public DKIM keys (base64) by domain. ``tls_key`` is the SHA-256 of the server's public key. It stays
    when the certificate is renewed, so the record does.
    """
    host = objects["hostname"]
    result = [Record(**record) for record in objects["records"]]
    for name in dict.fromkeys((host, *objects["domains"])):
        if name in keys:
            result.append(Record(f"{SELECTOR}._domainkey.{name}", "TXT", f"v=DKIM1; k=rsa; p={keys[name]}"))
    if objects["has_tlsa"] and tls_key:
        result.append(Record(f"_25._tcp.{host}", "TLSA", f"3 1 1 {tls_key}"))
    return result


def zone(found: list[Record], objects: Mapping[str, Any]) -> str:
    """Return the records as a zone file, with what cannot be said in these zones as a comment."""
    addresses = " and ".join(filter(None, objects["addresses"].values()))
    lines = [
        "; What the DNS should say for this mail server. Made by /usr/bin/ringmaster mailserver converge.",
        f"; The reverse name (PTR) of {addresses} must be {objects['hostname']}.",
    ]
    return "\n".join([*lines, *[record.line() for record in found], ""])


def _parts(text: str) -> list[str]:
    """A TXT record is made of strings of at most 255 bytes."""
    return [text[start : start + 255] for start in range(0, len(text), 255)]
