# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords that are made, shown once, and kept as a hash only.

Python has no crypt(3) any more (PEP 594), and an execution environment may have no program for it: the hash is made
here.
"""

from __future__ import annotations

import hashlib
import secrets

LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without those that look alike, because people type passwords from a screen."""
LENGTH = 24
"""About 139 bits."""
_SALT = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 5000
"""The number of SHA-crypt itself; what is random cannot be guessed by trying."""


def generate() -> str:
    """Return a password that nobody has seen."""
    return "".join(secrets.choice(LETTERS) for _letter in range(LENGTH))


def crypt(password: str) -> str:
    """Return the hash of a password as crypt(3) checks it: ``$6$``, with a random salt."""
    return sha512_crypt(password.encode(), "".join(secrets.choice(_SALT) for _letter in range(16)))


def sha512_crypt(password: bytes, salt: str) -> str:
    """Return the hash with a salt of at most 16 letters (U. Drepper: Unix crypt using SHA-256 and SHA-512, 0.6)."""
    salted = salt.encode()
    inner = hashlib.sha512(password + salted + password).digest()
    outer = hashlib.sha512(password + salted + _stretched(inner, len(password)))
    length = len(password)
    while length:
        outer.update(inner if length & 1 else password)
        length >>= 1
    digest = outer.digest()
    p = _stretched(hashlib.sha512(password * len(password)).digest(), len(password))
    s = _stretched(hashlib.sha512(salted * (16 + digest[0])).digest(), len(salted))
    for number in range(_ROUNDS):
        turn = hashlib.sha512(p if number & 1 else digest)
        turn.update(s if number % 3 else b"")
        turn.update(p if number % 7 else b"")
        turn.update(digest if number & 1 else p)
        digest = turn.digest()
    return f"$6${salt}${_letters(digest)}"


def _stretched(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _letters(digest: bytes) -> str:
    """Write 64 bytes as crypt(3) does: three by three, from three thirds that turn round, six bits a letter."""
    found = ""
    for number in range(21):
        turned = [(number + third * 21 + 21 * number) % 63 for third in range(3)]
        found += _four(int.from_bytes(bytes(digest[place] for place in turned), "big"), 4)
    return found + _four(digest[63], 2)


def _four(number: int, count: int) -> str:
    return "".join(_SALT[number >> 6 * place & 63] for place in range(count))
