# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of SSH host keys, so that people need not trust each of them.

The authority's key is derived from the platform secret, as passwords are, so that there is no file to keep. The format
is that of OpenSSH's PROTOCOL.certkeys. Nonce and serial are derived as well, and the end follows from the period that
the day lies in, so that the same question has the same answer until a period ends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
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
DAY = 86400
PERIOD = 100 * DAY
"""Seconds after which certificates are made again, by the run that comes next."""
PERIODS = 4
"""How many a certificate is good for: 300 days at least remain to a machine that no run reaches."""
BACKDATED = DAY
"""Seconds that a client's clock may be behind."""
LONGEST = 200
"""Characters of a public key's file."""
SHORTEST = 16


class SshHostError(ValueError):
    """A certificate that cannot be made; the text says why."""


class HostKeyError(SshHostError):
    """What a machine shows as its host key is none."""


def authority(platform_secret: Any) -> str:
    """Return the public key of the authority, as a known_hosts line with @cert-authority takes it."""
    return f"{KIND} {base64.b64encode(_public(_key(platform_secret))).decode()}"


def certificate(
    platform_secret: Any,
    *,
    public_key: str,
    name: str,
    names: Iterable[str],
    revoked: Iterable[str] = (),
    now: float | None = None,
) -> str:
    """Return the certificate of a host: the text of its ``-cert.pub`` file. Raises SshHostError.

    :param public_key: the host's public Ed25519 key, as in its ``.pub`` file.
    :param name: the certificate's identity, for logs.
    :param names: names and addresses it is good for.
    :param revoked: public keys that get none.
    :param now: seconds since 1970; the time of day when not given.
    """
    key = _key(platform_secret)
    principals = [one for one in dict.fromkeys(names) if one]
    if not principals:
        raise SshHostError("a certificate without names would be good for every host")
    point = _point(public_key)
    if any(one.split()[1:2] == public_key.split()[1:2] for one in revoked):
        raise SshHostError(f"the host key of {name} is revoked: make another one there, and read it again")
    begin = int(time.time() if now is None else now) // PERIOD * PERIOD
    times = struct.pack(">QQ", begin - BACKDATED, begin + PERIODS * PERIOD)
    who = _string(name.encode()) + _string(b"".join(_string(one.encode()) for one in principals)) + times
    serial = hmac.digest(key.private_bytes_raw(), b"serial/" + point + who, hashlib.sha256)[:8]
    body = _string(point) + serial + struct.pack(">I", HOST) + who
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
    found = re.fullmatch(rf"{KIND} ([A-Za-z0-9+/]{{68}})( [ !-~]*)?\n?", public_key)
    if not found or len(public_key) > LONGEST:
        raise HostKeyError(f"{public_key[:60]!a} is no {KIND} key in one line")
    blob = base64.b64decode(found[1])
    if not blob.startswith(prefix) or len(blob) != len(prefix) + 32:
        raise HostKeyError(f"{public_key[:60]!a} is no {KIND} key")
    return blob[len(prefix) :]


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content
