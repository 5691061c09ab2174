# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secret values that are sealed by whoever has them, to the platform's sealing key, and opened where they are used.

RSA-OAEP (RFC 8017, 7.1) with SHA-256: the library has it, browsers have it (WebCrypto), and a client can do its half
with nothing but Python. A value that is longer than a block is sealed in several; the label of each block names the
purpose, the value and the place in it, so that blocks are neither exchanged nor left out, and a value serves its
purpose only. Pure, but for chance.

The key pair is one of ``ssh-keygen -t rsa -b 3072``: the public line stands in the description, the private half in a
vault.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable

from . import base64url

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_ssh_private_key,
        load_ssh_public_key,
    )
except ImportError:
    load_ssh_public_key = None  # type: ignore[assignment]

LONGEST = 16 * 1024
"""Bytes of a value."""
_OVERHEAD = 2 * 32 + 2
_SEALED = re.compile(r"sealed:1:([0-9a-f]{16}):([A-Za-z0-9_-]{22})((?::[A-Za-z0-9_-]{300,2800})+)")


class SealError(ValueError):
    """A value cannot be sealed, or opened."""


def key_id(public: str) -> str:
    """Return the word by which a sealed value names its key: 16 hexadecimal digits of the key's digest."""
    return hashlib.sha256(base64.b64decode(public.split()[1])).hexdigest()[:16]


def problem(public: str) -> str:
    """Say what is wrong with a public sealing key, beside what is wrong with it as an SSH key."""
    return "" if public.split()[:1] == ["ssh-rsa"] else "is no RSA key; ssh-keygen -t rsa -b 3072 makes one"


def is_sealed(text: str) -> bool:
    """Tell whether a text has the form of a sealed value."""
    return _SEALED.fullmatch(text) is not None


def seal(public: str, purpose: str, value: bytes) -> str:
    """Seal a value for one purpose, such as ``myapp/database-url``."""
    if len(value) > LONGEST:
        raise SealError(f"the value has {len(value)} bytes; at most {LONGEST} can be sealed")
    key = load_ssh_public_key(public.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise SealError(f"the sealing key {problem(public)}")
    size = key.key_size // 8 - _OVERHEAD
    blocks = [value[at : at + size] for at in range(0, len(value), size)] or [b""]
    word = secrets.token_urlsafe(16)
    sealed = [
        key.encrypt(block, _padding(_label(purpose, word, number, len(blocks)))) for number, block in enumerate(blocks)
    ]
    return ":".join(["sealed", "1", key_id(public), word, *map(base64url.encode, sealed)])


def opened(privates: Iterable[bytes], purpose: str, sealed: str) -> bytes:
    """Open a value that was sealed for a purpose, by the one of some private keys that it names; raises SealError."""
    found = _SEALED.fullmatch(sealed)
    if found is None:
        raise SealError("this is no sealed value, or only a part of one")
    private = next((key for key in map(_private, privates) if key_id(_public(key)) == found[1]), None)
    if private is None:
        raise SealError(f"this was sealed to another key ({found[1]}); seal it again, to the key of today")
    blocks = found[3].split(":")[1:]
    try:
        return b"".join(
            private.decrypt(base64url.decode(block), _padding(_label(purpose, found[2], number, len(blocks))))
            for number, block in enumerate(blocks)
        )
    except ValueError:
        raise SealError(f"this was not sealed for {purpose}, or was changed on its way") from None


def _private(key: bytes) -> rsa.RSAPrivateKey:
    try:
        found = load_ssh_private_key(key, None)
    except (ValueError, UnsupportedAlgorithm):
        raise SealError("the private sealing key is none that ssh-keygen -t rsa has written") from None
    if not isinstance(found, rsa.RSAPrivateKey):
        raise SealError("the private sealing key is no RSA key")
    return found


def _public(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _label(purpose: str, word: str, number: int, count: int) -> bytes:
    return f"ringmaster sealed 1\n{purpose}\n{word}\n{number + 1} of {count}".encode()


def _padding(label: bytes) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label)
