# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of single values. Each returns what is wrong, to follow the value in a sentence, or nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
import zoneinfo
from urllib.parse import urlsplit

from ansible_collections.ringmaster.hosting.plugins.module_utils.network.firewall import COMPONENT_PORTS
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses

# A modulus below this many bits is weak (BSI TR-02102-1: 3000 bits and more from 2023 on).
RSA_MINIMUM_BITS = 3072
KEY_TYPES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def ssh_key(text: str) -> str:
    """Check a public SSH key: known type, sound base64, inner type equal, strong enough, no options."""
    words = text.split()
    if words and words[0].startswith("-----BEGIN"):
        return "is a private or PEM key; write the line of the .pub file"
    if not words or words[0] not in KEY_TYPES:
        if words and words[0] == "ssh-dss":
            return "is a DSA key, which is weak and not accepted by sshd"
        if len(words) > 1 and any(word in KEY_TYPES for word in words):
            return "has options before the key; they are not supported"
        return "does not start with a known key type"
    if len(words) < 2:
        return "has no key data after the type"
    try:
        blob = base64.b64decode(words[1], validate=True)
        fields = _wire_fields(blob)
    except (binascii.Error, ValueError, struct.error):
        return "has damaged key data (cut off or mistyped?)"
    if not fields or fields[0] != words[0].encode():
        return "has key data of another type than it says"
    if words[0] == "ssh-ed25519" and (len(fields) != 2 or len(fields[1]) != 32):
        return "has damaged key data (an ed25519 key has 32 bytes)"
    if words[0] == "ssh-rsa":
        if len(fields) != 3:
            return "has damaged key data"
        bits = int.from_bytes(fields[2], "big").bit_length()
        if bits < RSA_MINIMUM_BITS:
            return f"is a weak RSA key of {bits} bits; at least {RSA_MINIMUM_BITS} are needed"
    return ""


def _wire_fields(blob: bytes) -> list[bytes]:
    fields = []
    offset = 0
    while offset < len(blob):
        (length,) = struct.unpack_from(">I", blob, offset)
        offset += 4
        if offset + length > len(blob):
            raise ValueError("field is cut off")
        fields.append(blob[offset : offset + length])
        offset += length
    return fields


def key_blob(text: str) -> str:
    """Return type and data of a public key without its comment: what makes two keys the same."""
    return " ".join(text.split()[:2])


def fingerprint(text: str) -> str:
    """Return a public key's fingerprint as ``ssh-keygen -l`` and sshd's log show it: ``SHA256:…``."""
    digest = hashlib.sha256(base64.b64decode(text.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def is_fingerprint(text: str) -> bool:
    """Tell whether a text is the fingerprint of a key and not the key itself."""
    return _FINGERPRINT.fullmatch(text) is not None


def key_or_fingerprint(text: str) -> str:
    """Check a public key, or the fingerprint of one."""
    return "" if is_fingerprint(text) else ssh_key(text)


def address(text: str) -> str:
    """Check a bare IPv4 or IPv6 address."""
    return "" if addresses.is_address(text) else "is not an IP address (without prefix length)"


def ipv4_address(text: str) -> str:
    """Check a bare IPv4 address."""
    return "" if addresses.is_address(text, 4) else "is not an IPv4 address (without prefix length)"


def ipv6_address(text: str) -> str:
    """Check a bare IPv6 address."""
    return "" if addresses.is_address(text, 6) else "is not an IPv6 address (without prefix length)"


def network(text: str) -> str:
    """Check a network prefix of either family."""
    return addresses.network_problem(text)


def ipv4_network(text: str) -> str:
    """Check an IPv4 network prefix."""
    return addresses.network_problem(text, 4)


def ipv6_network(text: str) -> str:
    """Check an IPv6 network prefix; VMs' ids need 24 bits of host part."""
    problem = addresses.network_problem(text, 6)
    if not problem and int(text.rpartition("/")[2]) > 104:
        return "is too small: an id needs 24 bits of host part (/64 is usual)"
    return problem


def ipv4_range(text: str) -> str:
    """Check a range of IPv4 addresses, ``first-last``."""
    first, separator, last = text.partition("-")
    if not separator or ipv4_address(first) or ipv4_address(last):
        return "is not a range of IPv4 addresses"
    if addresses.as_number(first) > addresses.as_number(last):
        return "ends before it begins"
    return ""


def url(text: str) -> str:
    """Check an http or https URL."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    return "" if sound and not re.search(r"\s", text) else "is not an http or https URL"


def email(text: str) -> str:
    """Check the shape of a mail address."""
    return "" if re.fullmatch(r"[^@\s<>(),;:\"]+@[^@\s.]+(\.[^@\s.]+)+", text) else "is not a mail address"


def timezone(text: str) -> str:
    """Check a name of the time zone database."""
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", text):
        return "is not the name of a time zone"
    try:
        zoneinfo.ZoneInfo("UTC")
    except zoneinfo.ZoneInfoNotFoundError:
        return ""  # no time zone database here: the shape must do
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return "is not the name of a time zone"
    return ""


def port_range(text: str) -> str:
    """Check a port or a range of ports, ``8080`` or ``8000-8010``."""
    if not re.fullmatch(r"[0-9]{1,5}(-[0-9]{1,5})?", text):
        return "is neither a port nor a range of ports"
    first, _dash, last = text.partition("-")
    if not 1 <= int(first) <= 65535 or not int(first) <= int(last or first) <= 65535:
        return "is not a range of ports from 1 to 65535"
    return ""


def port_or_component(text: str) -> str:
    """Check a target of a firewall rule: a port, a range of ports or a component."""
    if text.startswith("component:"):
        name = text.removeprefix("component:")
        return "" if name in COMPONENT_PORTS else f"names no component: one of {', '.join(COMPONENT_PORTS)} is needed"
    return port_range(text)


def crypt_hash(text: str) -> str:
    """Check that a password is given as a modern crypt(3) hash and never in clear."""
    if re.fullmatch(r"\$(6|y|2[aby]|5)\$[./A-Za-z0-9$=,]{20,}", text):
        return ""
    return "is not a crypt hash"
