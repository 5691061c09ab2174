# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of public SSH keys: what it takes, OpenSSH can read (RFC 4253, 5656, 8709; PROTOCOL.u2f of OpenSSH)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Callable, Mapping

from .errors import Later

# A modulus below this many bits is weak (BSI TR-02102-1: 3000 bits and more from 2023 on); OpenSSH reads no longer one.
RSA_MINIMUM_BITS = 3072
RSA_MAXIMUM_BITS = 16384
LONGEST_LINE = 16000
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
# Prime and b of y² = x³ - 3x + b (FIPS 186-4, D.1.2), and the bytes of a coordinate.
_CURVES = {
    "nistp256": (
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        32,
    ),
    "nistp384": (
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        48,
    ),
    "nistp521": (
        2**521 - 1,
        0x051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
        66,
    ),
}


def ssh_key(text: str) -> str:
    """Check a public SSH key: known type, sound base64, inner type and whole shape, strong enough, no options."""
    words = text.split()
    if words and words[0].startswith("-----BEGIN"):
        return "is a private or PEM key; write the line of the .pub file"
    if not words or words[0] not in _SHAPES:
        if words and words[0] == "ssh-dss":
            return "is a DSA key, which is weak and not accepted by sshd"
        if len(words) > 1 and any(word in _SHAPES for word in words):
            return "has options before the key; they are not supported"
        return "does not start with a known key type"
    if len(words) < 2:
        return "has no key data after the type"
    try:
        fields = _wire_fields(base64.b64decode(words[1], validate=True))
    except (binascii.Error, ValueError, struct.error):
        return "has damaged key data (cut off or mistyped?)"
    if not fields or fields[0] != words[0].encode():
        return "has key data of another type than it says"
    if len(text) > LONGEST_LINE:
        return Later(f"is longer than {LONGEST_LINE} characters")
    return _SHAPES[words[0]](fields[1:])


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


def _ed25519(fields: list[bytes]) -> str:
    if len(fields) != 1 or len(fields[0]) != 32:
        return "has damaged key data (an ed25519 key has 32 bytes)"
    return ""


def _security_key(inner: Callable[[list[bytes]], str]) -> Callable[[list[bytes]], str]:
    """A key on a token has the name of its application behind it."""

    def check(fields: list[bytes]) -> str:
        if not fields or b"\0" in fields[-1]:
            return Later("has damaged key data (the name of its application is missing)")
        problem = inner(fields[:-1])
        return Later(problem) if problem else ""

    return check


def _ecdsa(curve: str) -> Callable[[list[bytes]], str]:
    prime, constant, size = _CURVES[curve]

    def check(fields: list[bytes]) -> str:
        if len(fields) != 2 or fields[0] != curve.encode():
            return Later(f"has damaged key data (a key on {curve} names this curve and has one point)")
        point = fields[1]
        if len(point) != 1 + 2 * size or point[0] != 4:
            return Later(f"has damaged key data (a point on {curve} has {1 + 2 * size} bytes)")
        x, y = int.from_bytes(point[1 : 1 + size], "big"), int.from_bytes(point[1 + size :], "big")
        if x >= prime or y >= prime or (y * y - x * x * x + 3 * x - constant) % prime:
            return Later(f"has damaged key data (its point is not on {curve})")
        return ""

    return check


def _rsa(fields: list[bytes]) -> str:
    if len(fields) != 2:
        return "has damaged key data"
    bits = int.from_bytes(fields[1], "big").bit_length()
    if bits < RSA_MINIMUM_BITS:
        return f"is a weak RSA key of {bits} bits; at least {RSA_MINIMUM_BITS} are needed"
    exponent = int.from_bytes(fields[0], "big")
    if any(field[0] >= 128 for field in fields if field) or bits > RSA_MAXIMUM_BITS:
        return Later(f"has damaged key data (a modulus has at most {RSA_MAXIMUM_BITS} bits and no sign)")
    if not 3 <= exponent < 2**64 or not exponent % 2 or not fields[1][-1] % 2:
        return Later("has damaged key data (modulus and exponent are odd, the exponent from 3 to 64 bits)")
    return ""


_SHAPES: Mapping[str, Callable[[list[bytes]], str]] = {
    "ssh-ed25519": _ed25519,
    "sk-ssh-ed25519@openssh.com": _security_key(_ed25519),
    "ecdsa-sha2-nistp256": _ecdsa("nistp256"),
    "ecdsa-sha2-nistp384": _ecdsa("nistp384"),
    "ecdsa-sha2-nistp521": _ecdsa("nistp521"),
    "sk-ecdsa-sha2-nistp256@openssh.com": _security_key(_ecdsa("nistp256")),
    "ssh-rsa": _rsa,
}
KEY_TYPES = tuple(_SHAPES)


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
