# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of passkeys: ids of credentials and their public keys as COSE has them (RFC 9052, 9053, 8230; WebAuthn).

Both are written as base64url without padding. A key is a map in CTAP2's canonical CBOR, so it has one spelling only.
"""

from __future__ import annotations

import re

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import base64url

MOST = 10
"""Passkeys that a person has at most."""
LEAST_ID, LONGEST_ID = 16, 1023
"""Bytes of a credential's id (WebAuthn Level 3, 4: at least 100 bits of entropy, at most 1023 bytes)."""
LONGEST_KEY = 1100
"""Bytes of a key: those of RSA with 8192 bits, and what stands around them."""
RSA_BITS = (2048, 8192)
"""What TPMs make; a signature of a sign-in is worth nothing later, so 2048 bits are enough here."""

_KTY, _ALG, _CRV, _X, _Y = 1, 3, -1, -2, -3
_EC2, _OKP, _RSA = 2, 1, 3
ALGORITHMS = {(_EC2, -7): "ES256", (_OKP, -8): "EdDSA", (_RSA, -257): "RS256"}
"""Those that the portal verifies, by type of key and number of the algorithm."""

_P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_P25519 = 2**255 - 19
_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL = (0, 1, _P25519 - 1, _Y8, _P25519 - _Y8)
"""y of the points whose order divides 8 (RFC 7748, 7, and the order-8 points of Ed25519)."""
_D25519 = -121665 * pow(121666, -1, _P25519) % _P25519


class _NoKeyError(ValueError):
    """Bytes are no key."""


def credential_id(text: str) -> str:
    """Check the id of a credential."""
    found = _decoded(text)
    if found is None:
        return "is no id of a passkey in base64url without padding"
    if not LEAST_ID <= len(found) <= LONGEST_ID:
        return f"has {len(found)} bytes; ids of passkeys have {LEAST_ID} to {LONGEST_ID}"
    return ""


def public_key(text: str) -> str:
    """Check a public key: COSE in one spelling, of an algorithm that is verified, and really a key of it."""
    found = _decoded(text)
    if found is None:
        return "is no public key of a passkey in base64url without padding"
    if len(found) > LONGEST_KEY:
        return f"has {len(found)} bytes; no public key of a passkey has more than {LONGEST_KEY}"
    try:
        _check(_key(found))
    except _NoKeyError as error:
        return str(error)
    return ""


def algorithm(text: str) -> str:
    """Return the algorithm of a key that the judge takes: ES256, EdDSA or RS256."""
    key = _key(_decoded(text) or b"")
    return ALGORITHMS[_number(key, _KTY), _number(key, _ALG)]


def parts(text: str) -> tuple[str, dict[int, bytes]]:
    """Return the algorithm of a key that the judge takes, and its parts that are bytes, by their numbers in COSE."""
    key = _key(_decoded(text) or b"")
    return algorithm(text), {name: value for name, value in key.items() if isinstance(value, bytes)}


def _decoded(text: str) -> bytes | None:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text) or len(text) % 4 == 1:
        return None
    found = base64url.decode(text)
    # The last letter may hold bits that no byte has: then two texts would be one id.
    return found if base64url.encode(found) == text else None


def _key(data: bytes) -> dict[int, int | bytes]:
    """Return the map of a key; its numbers and byte strings are all that a key of COSE has."""
    reader = _Reader(data)
    kind, count = reader.head()
    if kind != 5:
        raise _NoKeyError("is no key of COSE: it does not begin with a map")
    found: dict[int, int | bytes] = {}
    last = b""
    for _pair in range(count):
        start = reader.at
        name = reader.integer()
        spelled = data[start : reader.at]
        # Canonical order: the shorter first, then by bytes.
        if last and (len(spelled), spelled) <= (len(last), last):
            raise _NoKeyError("is no key of COSE: its entries are not in order, or stand twice")
        last = spelled
        found[name] = reader.value()
    if reader.at != len(data):
        raise _NoKeyError("is no key of COSE: something follows it")
    return found


class _Reader:
    """Reads CBOR (RFC 8949) in its shortest spelling: whole numbers, byte strings and the head of a map."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def _take(self, length: int) -> bytes:
        found = self.data[self.at : self.at + length]
        if len(found) < length:
            raise _NoKeyError("is no key of COSE: it is cut off")
        self.at += length
        return found

    def head(self) -> tuple[int, int]:
        (first,) = self._take(1)
        kind, short = first >> 5, first & 31
        if short < 24:
            return kind, short
        if short > 27:
            raise _NoKeyError("is no key of COSE: it has items without a length")
        length = 1 << (short - 24)
        number = int.from_bytes(self._take(length), "big")
        if number < (24 if length == 1 else 1 << (8 * length // 2)):
            raise _NoKeyError("is no key of COSE: it has a number that is not in its shortest form")
        return kind, number

    def integer(self) -> int:
        kind, number = self.head()
        if kind > 1:
            raise _NoKeyError("is no key of COSE: it has an entry that no number names")
        return -1 - number if kind else number

    def value(self) -> int | bytes:
        kind, number = self.head()
        if kind == 2:
            return self._take(number)
        if kind > 1:
            raise _NoKeyError("is no key of COSE: it has a value that is neither number nor bytes")
        return -1 - number if kind else number


def _number(key: dict[int, int | bytes], name: int) -> int:
    found = key.get(name)
    return found if isinstance(found, int) else 0


def _bytes(key: dict[int, int | bytes], name: int, length: int) -> int:
    """Return a number that is written as bytes; with a length, exactly as many."""
    found = key.get(name)
    if not isinstance(found, bytes) or not found or (length and len(found) != length):
        raise _NoKeyError("is no key of its algorithm: a part of it is missing, or has another length")
    return int.from_bytes(found, "big")


def _check(key: dict[int, int | bytes]) -> None:
    name = ALGORITHMS.get((_number(key, _KTY), _number(key, _ALG)))
    if name is None:
        raise _NoKeyError(f"is a key of another algorithm than {', '.join(ALGORITHMS.values())}")
    parts = {"ES256": {_CRV, _X, _Y}, "EdDSA": {_CRV, _X}, "RS256": {_CRV, _X}}[name]
    if key.keys() != {_KTY, _ALG, *parts}:
        raise _NoKeyError(f"is no key of {name}: it has other parts than such a key has")
    {"ES256": _check_p256, "EdDSA": _check_ed25519, "RS256": _check_rsa}[name](key)


def _check_p256(key: dict[int, int | bytes]) -> None:
    if _number(key, _CRV) != 1:
        raise _NoKeyError("is a key of another curve than P-256")
    x, y = _bytes(key, _X, 32), _bytes(key, _Y, 32)
    if max(x, y) >= _P256 or (y * y - x * x * x + 3 * x - _P256_B) % _P256:
        raise _NoKeyError("is no key of ES256: its point lies beside the curve P-256")


def _check_ed25519(key: dict[int, int | bytes]) -> None:
    if _number(key, _CRV) != 6:
        raise _NoKeyError("is a key of another curve than Ed25519")
    _bytes(key, _X, 32)
    written = key[_X]
    # RFC 8032, 5.1.3: y, little-endian, with the sign of x in the last bit.
    y = int.from_bytes(written if isinstance(written, bytes) else b"", "little") & (2**255 - 1)
    # x² = (y² - 1) / (d y² + 1); a quotient is a square where the product is one.
    product = (y * y - 1) * (_D25519 * y * y + 1) % _P25519
    if y >= _P25519 or (product and pow(product, (_P25519 - 1) // 2, _P25519) != 1):
        raise _NoKeyError("is no key of EdDSA: its point lies beside the curve Ed25519")
    if y in _SMALL:
        raise _NoKeyError("is no key of EdDSA: with such a point anybody's signature is right")


def _check_rsa(key: dict[int, int | bytes]) -> None:
    modulus, exponent = _bytes(key, _CRV, 0), _bytes(key, _X, 0)
    least, most = RSA_BITS
    if not least <= modulus.bit_length() <= most or modulus % 2 == 0:
        raise _NoKeyError(f"is no key of RS256 with {least} to {most} bits")
    if not 65537 <= exponent < 2**32 or exponent % 2 == 0:
        raise _NoKeyError("is a key of RS256 with an exponent that nobody uses (65537 is usual)")
    if any(isinstance(part, bytes) and part[:1] == b"\0" for part in (key[_CRV], key[_X])):
        raise _NoKeyError("is no key of COSE: it has a number that is not in its shortest form")
