# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the DNS should say for the mail server: one set of records, as a zone file and as data. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ringmaster.mailserver.places import SELECTOR

TTL = 3600
POLICY_AGE = 604800


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
    """Return all records. ``keys`` are public DKIM keys (base64) by domain.

    ``tls_key`` is the SHA-256 of the server's public key. It stays when the certificate is renewed, so the record does.
    """
    host = objects["hostname"]
    result = [
        Record(host, kind, objects["addresses"][family])
        for kind, family in (("A", "ipv4"), ("AAAA", "ipv6"))
        if objects["addresses"][family]
    ]
    # What the machine itself sends, and forwards (SRS).
    result += [Record(host, "TXT", "v=spf1 a -all"), *_dkim(host, keys)]
    if objects["has_tlsa"] and tls_key:
        result.append(Record(f"_25._tcp.{host}", "TLSA", f"3 1 1 {tls_key}"))
    for name, domain in objects["domains"].items():
        result += _domain(name, domain, host, keys)
        if objects["is_publicly_trusted"]:
            # With a certificate that others do not trust, this would keep their mail away.
            result.append(Record(f"_mta-sts.{name}", "TXT", f"v=STSv1; id={sts_id(host)}"))
            result.append(Record(f"mta-sts.{name}", "CNAME", f"{host}."))
    return result


def _domain(name: str, domain: Mapping[str, Any], host: str, keys: Mapping[str, str]) -> list[Record]:
    reports = f"mailto:postmaster@{name}"
    service = f"{host}."
    return [
        Record(name, "MX", f"10 {service}"),
        Record(name, "TXT", "v=spf1 mx -all"),
        *_dkim(name, keys),
        Record(f"_dmarc.{name}", "TXT", f"v=DMARC1; p={domain['dmarc']}; rua={reports}"),
        Record(f"_smtp._tls.{name}", "TXT", f"v=TLSRPTv1; rua={reports}"),
        Record(f"autoconfig.{name}", "CNAME", service),
        Record(f"autodiscover.{name}", "CNAME", service),
        Record(f"_autodiscover._tcp.{name}", "SRV", f"0 1 443 {service}"),
        Record(f"_submissions._tcp.{name}", "SRV", f"0 1 465 {service}"),
        Record(f"_submission._tcp.{name}", "SRV", f"10 1 587 {service}"),
        Record(f"_imaps._tcp.{name}", "SRV", f"0 1 993 {service}"),
        Record(f"_sieve._tcp.{name}", "SRV", f"0 1 4190 {service}"),
        # RFC 6186: these are not offered.
        *[Record(f"_{absent}._tcp.{name}", "SRV", "0 0 0 .") for absent in ("imap", "pop3", "pop3s")],
    ]


def _dkim(name: str, keys: Mapping[str, str]) -> list[Record]:
    if name not in keys:
        return []
    return [Record(f"{SELECTOR}._domainkey.{name}", "TXT", f"v=DKIM1; k=rsa; p={keys[name]}")]


def sts_policy(host: str) -> str:
    """Return the policy that https://mta-sts.<domain>/.well-known/mta-sts.txt gives (RFC 8461)."""
    return f"version: STSv1\r\nmode: enforce\r\nmx: {host}\r\nmax_age: {POLICY_AGE}\r\n"


def sts_id(host: str) -> str:
    """Return the name of this policy's version: others look again only when it changes."""
    return hashlib.sha256(sts_policy(host).encode()).hexdigest()[:20]


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
