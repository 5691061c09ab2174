# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passkeys of tests: keys made by another library, written as an authenticator writes them."""

from __future__ import annotations

import base64
import functools
import itertools

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_NUMBERS = itertools.count(1)


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    length = next(one for one in range(4) if number < 1 << (8 << one))
    return bytes([kind << 5 | 24 + length]) + number.to_bytes(1 << length, "big")


def item(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    return head(1, -1 - value) if value < 0 else head(0, value)


def cose(*pairs: tuple[int, int | bytes]) -> bytes:
    """Return a map in the order that is given."""
    return head(5, len(pairs)) + b"".join(item(one) for pair in pairs for one in pair)


@functools.cache
def rsa_key(bits: int = 2048) -> rsa.RSAPublicNumbers:
    return rsa.generate_private_key(65537, bits).public_key().public_numbers()


def es256(x: bytes | None = None, y: bytes | None = None) -> bytes:
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    return cose(
        (1, 2), (3, -7), (-1, 1), (-2, x or numbers.x.to_bytes(32, "big")), (-3, y or numbers.y.to_bytes(32, "big"))
    )


def eddsa(x: bytes | None = None) -> bytes:
    own = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return cose((1, 1), (3, -8), (-1, 6), (-2, x or own))


def rs256(bits: int = 2048, exponent: bytes = b"\1\0\1") -> bytes:
    return cose((1, 3), (3, -257), (-1, rsa_key(bits).n.to_bytes(bits // 8, "big")), (-2, exponent))


def passkey(user: str, name: str = "laptop") -> dict[str, str]:
    """Return arguments of ``add_passkey`` with an id and a key of its own."""
    number = next(_NUMBERS).to_bytes(20, "big")
    return {"user": user, "passkey": name, "passkey_id": text(number), "passkey_key": text(es256())}
