# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the DNS says for mail servers: computed here from the description; a mail server adds its public keys only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import answers

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

SELECTOR = "ringmaster"
POLICY_AGE = 604800
TRUSTED = ("acme", "own")
"""Sources of certificates that strangers trust."""
RSA_BITS = range(2048, 4097)
"""Less is too weak (RFC 8301), and more does not fit into what verifiers take."""
LARGEST_ANSWER = 8 * 2**20
"""Bytes of what a mail server says: 16 records a domain, for thousands of domains."""

_KEY = re.compile(r"[A-Za-z0-9+/]{40,1000}={0,2}")
_DKIM = re.compile(r"v=DKIM1; k=(?:rsa|ed25519); p=(\S*)")
_TLSA = re.compile(r"3 1 1 ([0-9a-f]{64})")
_SAID = answers.ListOf(
    answers.Record({"name": answers.Text(), "kind": answers.Text(), "value": answers.Text()}), most=200_000
)
_KEPT = answers.Record(
    {
        "dkim": answers.MapOf(answers.Text(r"[a-z0-9.-]+", most=253), answers.Text(_KEY.pattern), most=10_000),
        "tlsa": answers.Text(r"([0-9a-f]{64})?"),
    }
)


class MailRecordError(ValueError):
    """What a mail server said, or is declared as, cannot become records; the text says what, and why."""


@dataclass(frozen=True)
class Record:
    """A record. ``name`` is complete, without a final dot; names in ``value`` have one."""

    name: str
    kind: str
    value: str


@dataclass(frozen=True)
class Server:
    """A mail server as it is declared. ``domains`` maps each to its DMARC policy; addresses are by family."""

    hostname: str
    domains: Mapping[str, str]
    addresses: Mapping[str, str]
    is_publicly_trusted: bool = False
    has_tlsa: bool = False

    def names(self) -> list[str]:
        """Return the domains whose mail it signs."""
        return list(dict.fromkeys((self.hostname, *self.domains)))


@dataclass(frozen=True)
class Keys:
    """The public keys of a mail server: DKIM keys (base64) by domain, SHA-256 of the key that it shows for TLS."""

    dkim: Mapping[str, str] = field(default_factory=dict)
    tlsa: str = ""

    def text(self) -> str:
        """Return them as the name server's machine keeps them."""
        return json.dumps({"dkim": dict(sorted(self.dkim.items())), "tlsa": self.tlsa}, indent=1) + "\n"


def records(server: Server, keys: Keys = Keys()) -> list[Record]:
    """Return all records of a mail server; those of its keys for the domains whose keys are known."""
    host = server.hostname
    result = [
        Record(host, kind, server.addresses[family])
        for kind, family in (("A", "ipv4"), ("AAAA", "ipv6"))
        if server.addresses.get(family)
    ]
    # What the machine itself sends, and forwards (SRS).
    result.append(Record(host, "TXT", "v=spf1 a -all"))
    for name, policy in server.domains.items():
        result += _domain(name, policy, host)
        if server.is_publicly_trusted:
            # With a certificate that others do not trust, this would keep their mail away.
            result.append(Record(f"_mta-sts.{name}", "TXT", f"v=STSv1; id={sts_id(host)}"))
            result.append(Record(f"mta-sts.{name}", "CNAME", f"{host}."))
    for name in server.names():
        if name in keys.dkim:
            result.append(Record(dkim_name(name), "TXT", _dkim_value(keys.dkim[name])))
    if server.has_tlsa and keys.tlsa:
        result.append(Record(tlsa_name(host), "TLSA", f"3 1 1 {keys.tlsa}"))
    return result


def as_data(server: Server) -> list[dict[str, str]]:
    """Return the records without those of keys, for the mail server's own program, which adds them."""
    return [asdict(record) for record in records(server)]


def dkim_name(domain: str) -> str:
    """Return where a domain's DKIM key stands."""
    return f"{SELECTOR}._domainkey.{domain}"


def tlsa_name(hostname: str) -> str:
    """Return where the digest of a mail server's key stands (RFC 7672)."""
    return f"_25._tcp.{hostname}"


def sts_id(host: str) -> str:
    """Return the name of the MTA-STS policy's version: others look again only when it changes (RFC 8461)."""
    policy = f"version: STSv1\r\nmode: enforce\r\nmx: {host}\r\nmax_age: {POLICY_AGE}\r\n"
    return hashlib.sha256(policy.encode()).hexdigest()[:20]


def _domain(name: str, policy: str, host: str) -> list[Record]:
    reports = f"mailto:postmaster@{name}"
    service = f"{host}."
    return [
        Record(name, "MX", f"10 {service}"),
        Record(name, "TXT", "v=spf1 mx -all"),
        Record(f"_dmarc.{name}", "TXT", f"v=DMARC1; p={policy}; rua={reports}"),
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


def _dkim_value(key: str) -> str:
    # Without a key type it is RSA; an Ed25519 key stands there by its 32 bytes (RFC 8463).
    return f"v=DKIM1; k={'ed25519' if len(key) == 44 else 'rsa'}; p={key}"


def keys_of(text: str | bytes, server: Server, machine: str) -> Keys:
    """Return the keys in what a mail server says, for the names that it is declared with.

    ``text`` is its ``dns.json``, a list of {name, kind, value} of which all but the keys is passed over, or what
    the name server's machine kept. Raises AnswerError.
    """
    what = "what it says of its keys"
    if len(text) > LARGEST_ANSWER:
        raise answers.AnswerError(machine, what, text[:200], f"at most {LARGEST_ANSWER} bytes")
    value = answers.parse(text, machine=machine, what=what)
    dkim: dict[str, str] = {}
    if isinstance(value, dict):
        kept = answers.judge(_KEPT, value, machine=machine, what=what)
        return Keys(
            {name: public_key(kept["dkim"][name], machine) for name in server.names() if name in kept["dkim"]},
            kept["tlsa"],
        )
    tlsa = ""
    wanted = {dkim_name(name): name for name in server.names()}
    for one in answers.judge(_SAID, value, machine=machine, what=what):
        if one["kind"] == "TXT" and one["name"] in wanted:
            found = _DKIM.fullmatch(one["value"])
            if not found or wanted[one["name"]] in dkim:
                raise answers.AnswerError(machine, one["name"], one["value"], "one DKIM key, v=DKIM1; k=…; p=…")
            dkim[wanted[one["name"]]] = public_key(found[1], machine)
        elif one["kind"] == "TLSA" and one["name"] == tlsa_name(server.hostname):
            found = _TLSA.fullmatch(one["value"])
            if not found or tlsa:
                raise answers.AnswerError(machine, one["name"], one["value"], "one TLSA record, 3 1 1 and 64 digits")
            tlsa = found[1]
    return Keys(dkim, tlsa)


def public_key(text: str, machine: str) -> str:
    """Return a DKIM key as the DNS has it (base64). Raises AnswerError unless it is one, and strong enough."""

    def refused(came: object) -> answers.AnswerError:
        bits = f"{RSA_BITS.start} to {RSA_BITS.stop - 1} bits"
        return answers.AnswerError(machine, "its DKIM key", came, f"an RSA key of {bits} or an Ed25519 key, in base64")

    if not HAS_CRYPTOGRAPHY:
        raise MailRecordError("the controller's Python lacks 'cryptography', which comes with ansible-core")
    if not _KEY.fullmatch(text):
        raise refused(text)
    try:
        blob = base64.b64decode(text, validate=True)
        key = Ed25519PublicKey.from_public_bytes(blob) if len(blob) == 32 else load_der_public_key(blob)
    except (binascii.Error, ValueError, TypeError, UnsupportedAlgorithm):
        raise refused(text) from None
    if isinstance(key, Ed25519PublicKey):
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        whole = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if text not in (_base64(raw), _base64(whole)):
            raise refused(text)
        return _base64(raw)
    if not isinstance(key, RSAPublicKey) or key.key_size not in RSA_BITS:
        raise refused(text)
    # Nothing may hide behind the key.
    if text != _base64(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)):
        raise refused(text)
    return text


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
