# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of SSH host keys, so that people need not trust each of them.

The authority's key is derived from the platform secret, as passwords are, so that there is no file to keep. The format
is that of OpenSSH's PROTOCOL.certkeys. The nonce is derived as well, so that the same question has the same answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Iterable
from typing import Any

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

KIND = "ssh-ed25519"
CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com"
HOST = 2
FOR_EVER = 2**64 - 1
SHORTEST = 16


class SshHostError(ValueError):
    """A certificate that cannot be made; the text says why."""


def authority(platform_secret: Any) -> str:
    """Return the public key of the authority, as a known_hosts line with @cert-authority takes it."""
    return f"{KIND} {base64.b64encode(_public(_key(platform_secret))).decode()}"


def certificate(platform_secret: Any, *, public_key: str, name: str, names: Iterable[str]) -> str:
    """Return the certificate of a host: the text of its ``-cert.pub`` file. Raises SshHostError.

    :param public_key: the host's public Ed25519 key, as in its ``.pub`` file.
    :param name: the certificate's identity, for logs.
    :param names: names and addresses it is good for.
    """
    key = _key(platform_secret)
    principals = [one for one in dict.fromkeys(names) if one]
    if not principals:
        raise SshHostError("a certificate without names would be good for every host")
    body = _string(_point(public_key)) + struct.pack(">QI", 0, HOST) + _string(name.encode())
    body += _string(b"".join(_string(one.encode()) for one in principals)) + struct.pack(">QQ", 0, FOR_EVER)
    body += _string(b"") * 3 + _string(_public(key))  # no critical options, no extensions, nothing reserved
    nonce = hmac.digest(key.private_bytes_raw(), b"nonce/" + body, hashlib.sha256)
    signed = _string(CERTIFICATE.encode()) + _string(nonce) + body
    whole = signed + _string(_string(KIND.encode()) + _string(key.sign(signed)))
    return f"{CERTIFICATE} {base64.b64encode(whole).decode()} {name}\n"


def _key(platform_secret: Any) -> Ed25519PrivateKey:
    if not HAS_CRYPTOGRAPHY:
        raise SshHostError("the controller's Python lacks 'cryptography', which comes with ansible-core")
    if not isinstance(platform_secret, str) or len(platform_secret) < SHORTEST:
        raise SshHostError(f"the input must be the platform secret, a text of {SHORTEST} characters or more")
    seed = hmac.digest(platform_secret.encode(), b"v1/ssh-host-ca", hashlib.sha256)
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public(key: Ed25519PrivateKey) -> bytes:
    return _string(KIND.encode()) + _string(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _point(public_key: str) -> bytes:
    """Return the 32 bytes of an Ed25519 key."""
    prefix = _string(KIND.encode()) + struct.pack(">I", 32)
    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error) as error:
        raise SshHostError(f"'{public_key[:60]}' is no public key") from error
    if not blob.startswith(prefix) or len(blob) != len(prefix) + 32:
        raise SshHostError(f"'{public_key[:60]}' is no {KIND} key")
    return blob[len(prefix) :]


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content
