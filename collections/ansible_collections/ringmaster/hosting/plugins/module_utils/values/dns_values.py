# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a DNS record may be: names and values of each type, and how a zone file has them.

Checks return what is wrong, to follow the value in a sentence, or nothing. What they accept, `named-checkzone` accepts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import answers
from .addresses import is_address
from .addresses import nonsense as address_nonsense

LONGEST_NAME = 253
LONGEST_TEXT = 4000
"""Bytes of a TXT record: what a zone file's line, and an answer over UDP, can hold without trouble."""
LONGEST_ASSOCIATION = 2048
"""Hexadecimal digits of a TLSA record's data; a whole certificate fits."""
TXT_STRING = 255
"""Bytes of one string of a TXT record."""
LONGEST_TTL = 2**31 - 1

_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,4}")
_ONCE = {re.compile(r"v=spf1( |$)", re.IGNORECASE): "SPF", re.compile(r"v=DMARC1\s*(;|$)"): "DMARC"}
"""Texts of which a name has one at most (RFC 7208, 3.2; RFC 7489, 6.6.3)."""
_DIGITS = {1: 40, 2: 64}
"""Hexadecimal digits of an SSHFP record, by the digest's number: SHA-1, SHA-256."""


def problem(kind: str, value: str) -> str:
    """Say what is wrong with a value of a record of this type."""
    found = TYPES.get(kind)
    if found is None:
        return f"is of type {shown(kind)}, which is not known here; known: {', '.join(TYPES)}"
    return found.problem(value)


def nonsense(kind: str, value: str, values: Sequence[str]) -> str:
    """Say why a sound value means nothing to whoever asks for it, beside the others of its record; or nothing."""
    if kind in ("A", "AAAA"):
        why = "means this machine itself" if value in ("0.0.0.0", "::") else address_nonsense(value)
        # Names of one's own machine are usual, and lists of blocked addresses answer with loopback.
        return "" if why == "is loopback" else why
    if kind in ("MX", "SRV") and value.endswith(" .") and len(values) > 1:
        return "says that there is no server, and stands beside one"
    return _text_nonsense(value, values) if kind == "TXT" else ""


def _text_nonsense(value: str, values: Sequence[str]) -> str:
    if re.fullmatch(r'\(?\s*".*"\s*\)?', value):
        return "has quotes of its own, which would be a part of the text"
    if found := re.search(r'\\(?:[;"()@]|[0-9]{3})', value):
        return f"has {found[0]} as zone files write it, and the backslash would be a part of the text"
    for policy, meaning in _ONCE.items():
        if policy.match(value) and sum(1 for one in values if policy.match(one)) > 1:
            return f"is one of two policies of {meaning}, with which none of them counts"
    return ""


def data(kind: str, value: str) -> str:
    """Return a sound value as a zone file has it: TXT in quoted strings, host names with a final dot."""
    if kind == "TXT":
        raw = value.encode()
        parts = [raw[start : start + TXT_STRING] for start in range(0, len(raw), TXT_STRING)] or [b""]
        return " ".join(f'"{_escaped(part)}"' for part in parts)
    if kind in ("CNAME", "MX", "NS", "PTR", "SRV"):
        *front, host = value.split(" ")
        return " ".join([*front, host if host.endswith(".") else f"{host}."])
    return value


def purpose(text: str) -> str:
    """Return the first word of a TXT record's value, which says what it is for: ``spf1`` of ``v=spf1 mx -all``."""
    return re.split(r"[ ;=]", text.removeprefix("v="))[0]


def full_name(name: str, zone: str) -> str:
    """Return the full name of a record that is declared in a zone, where ``@`` is the zone's own name."""
    return zone if name == "@" else f"{name}.{zone}"


def owner_problem(kind: str, name: str) -> str:
    """Say what is wrong with the full name of a record of this type; the name is without a final dot."""
    if len(name) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters"
    first, _dot, rest = name.partition(".")
    is_wildcard = first == "*"
    if is_wildcard and kind == "NS":
        return "is a wildcard, and those cannot be given to another name server"
    # Names of machines are what RFC 952 says; only those of services and the like may have an underscore.
    label = _HOST_LABEL if kind in ("A", "AAAA", "MX") else _LABEL
    if not all(label.fullmatch(one) for one in (rest if is_wildcard else name).split(".")):
        return "is not a name of letters, digits and hyphens" + ("" if label is _HOST_LABEL else " (and _)")
    return ""


def shown(text: str) -> str:
    """Return a name or value for an error: on one line, escaped and cut."""
    return answers.one_line(text[:60])


def host_name(text: str) -> str:
    """Check a full host name, with or without the final dot."""
    return _full_name(text, _HOST_LABEL)


def mailbox(text: str) -> str:
    """Check the mail address of whoever looks after a zone."""
    local, _at, host = text.rpartition("@")
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?", local) and not host_name(host):
        return ""
    return "is not a mail address of letters, digits and . _ + -"


def mailbox_data(text: str) -> str:
    """Return a mail address as an SOA record has it, where a dot before the ``@`` must not end the first label."""
    local, _at, host = text.rpartition("@")
    escaped = re.sub(r"([^A-Za-z0-9_-])", r"\\\1", local)
    return f"{escaped}.{host.removesuffix('.')}."


def _full_name(text: str, label: re.Pattern[str]) -> str:
    name = text.removesuffix(".")
    labels = name.split(".")
    if len(name) > LONGEST_NAME or len(labels) < 2 or not all(label.fullmatch(one) for one in labels):
        return "is not a full host name"
    return "is an address, and a host name is needed" if is_address(name) else ""


def _alias(text: str) -> str:
    return _full_name(text, _LABEL)


def _ipv4(text: str) -> str:
    return "" if is_address(text, 4) else "is not an IPv4 address (without prefix length)"


def _ipv6(text: str) -> str:
    return "" if is_address(text, 6) else "is not an IPv6 address (without prefix length)"


def _are_numbers(words: list[str]) -> bool:
    return all(_NUMBER.fullmatch(word) and int(word) <= 65535 for word in words)


def _mail_exchanger(text: str) -> str:
    words = text.split(" ")
    if len(words) != 2 or not _are_numbers(words[:1]):
        return "is not a preference (0 to 65535) and a host name"
    # RFC 7505: this domain takes no mail.
    return "" if text == "0 ." else host_name(words[1])


def _service_target(text: str) -> str:
    words = text.split(" ")
    if len(words) != 4 or not _are_numbers(words[:3]):
        return "is not priority, weight, port (0 to 65535 each) and a host name"
    # RFC 2782: this service is not offered.
    return "" if words[3] == "." else host_name(words[3])


def _text(text: str) -> str:
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        return "has half a character, which no text has"
    return "" if len(text.encode()) <= LONGEST_TEXT else f"is longer than {LONGEST_TEXT} bytes"


def _certification_authority(text: str) -> str:
    if re.fullmatch(r'(0|128) (issue|issuewild|iodef|issuemail) "[ !#-\[\]-~]{0,255}"', text):
        return ""
    return "is not a flag (0 or 128), a property and a quoted value"


def _tls_association(text: str) -> str:
    """RFC 6698: a whole certificate or key, or its SHA-256 or SHA-512."""
    if re.fullmatch(
        rf"[0-3] [01] (0 (?=[0-9a-f]{{2,{LONGEST_ASSOCIATION}}}$)([0-9a-f]{{2}})+|1 [0-9a-f]{{64}}|2 [0-9a-f]{{128}})",
        text,
    ):
        return ""
    return "is not usage (0 to 3), selector (0 or 1), matching type (0 to 2) and the hexadecimal digits of this type"


def _host_key_digest(text: str) -> str:
    """RFC 4255, RFC 6594 and RFC 7479."""
    found = re.fullmatch(r"[1-4] ([12]) ([0-9a-f]+)", text)
    if found and len(found[2]) == _DIGITS[int(found[1])]:
        return ""
    return "is not the algorithm (1 to 4), the digest's type (1 or 2) and its hexadecimal digits"


def _escaped(raw: bytes) -> str:
    return "".join(
        f"\\{chr(sign)}" if sign in b'"\\' else chr(sign) if 32 <= sign < 127 else f"\\{sign:03d}" for sign in raw
    )


@dataclass(frozen=True)
class RecordType:
    """A type of records: the check of its values, and what they may be in words."""

    problem: Callable[[str], str]
    allowed: str


TYPES = {
    "A": RecordType(_ipv4, "an IPv4 address"),
    "AAAA": RecordType(_ipv6, "an IPv6 address"),
    "CAA": RecordType(_certification_authority, 'such as 0 issue "letsencrypt.org"'),
    "CNAME": RecordType(_alias, "a host name such as www.example.org"),
    "MX": RecordType(_mail_exchanger, "a preference and a host name, such as 10 mail.example.org"),
    "NS": RecordType(host_name, "a host name such as ns.example.org"),
    "PTR": RecordType(host_name, "a host name such as www.example.org"),
    "SRV": RecordType(_service_target, "priority, weight, port and host name, such as 0 5 5060 sip.example.org"),
    "SSHFP": RecordType(_host_key_digest, "such as 4 2 and the SHA-256 of the host key"),
    "TLSA": RecordType(_tls_association, "such as 3 1 1 and the SHA-256 of the server's public key"),
    "TXT": RecordType(_text, f"text of at most {LONGEST_TEXT} bytes"),
}
