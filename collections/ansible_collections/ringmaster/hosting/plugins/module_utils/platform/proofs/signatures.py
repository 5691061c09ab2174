# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a text was signed by one of some keys: SSH signatures, and passkeys.

SSH signatures are verified by ``ssh-keygen -Y verify`` (PROTOCOL.sshsig of OpenSSH), with one key and one name in its
list of signers; passkeys by the library for the signature itself (WebAuthn Level 3, 7.2). Each function returns what
the signing key is called, or raises ProofError.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import base64url

from ..language import passkeys, ssh_keys
from .statements import ProofError

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
except ImportError:
    InvalidSignature = None  # type: ignore[assignment, misc]

LONGEST = 16 * 1024
"""Characters of a signature; one by a key of RSA with 16,384 bits has 5,600."""
PRESENT, VERIFIED, WITH_KEY = 1, 4, 0x40
"""Flags of an authenticator: somebody touched it; it knows that it was its owner; data of a new key follow."""
_ARMOUR = re.compile(r"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\n")


@dataclass(frozen=True)
class Place:
    """Where people sign for: the portal's host, and for passkeys its origins and the id of the relying party."""

    host: str
    origins: tuple[str, ...] = ()
    rp_id: str = ""


def ssh(keys: Sequence[str], person: str, namespace: str, text: str, signature: Any) -> str:
    """Verify the signature of a person by one of some public keys; return the key's fingerprint.

    Shells add a line feed to what they print, those of Windows a carriage return as well; all three are the text.
    """
    if not isinstance(signature, str) or len(signature) > LONGEST:
        raise ProofError("form", "the SSH signature is no text, or too long")
    armour = signature.replace("\r\n", "\n").strip() + "\n"
    public, flags = _parts(armour)
    key = next((key for key in keys if ssh_keys.key_blob(key).split()[1] == public), None)
    if key is None:
        fingerprint = ssh_keys.fingerprint(f"key {public}")
        raise ProofError("key", f"this was signed with the key {fingerprint}, which is no key of {person}")
    if flags is not None and not flags & PRESENT:
        raise ProofError("signature", "the security key signed without being touched")
    with tempfile.TemporaryDirectory() as folder:
        signers, file = Path(folder, "signers"), Path(folder, "signature")
        signers.write_text(f'{person} namespaces="{namespace}" {ssh_keys.key_blob(key)}\n', encoding="ascii")
        file.write_text(armour, encoding="ascii")
        argv = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", person, "-n", namespace, "-s", str(file)]
        for ending in ("\n", "", "\r\n"):
            data = (text + ending).encode("ascii")
            done = subprocess.run(argv, input=data, capture_output=True, timeout=30, check=False)
            if done.returncode == 0:
                return ssh_keys.fingerprint(key)
    raise ProofError("signature", f"the signature is not one of {person} over this text for {namespace}")


def _parts(armour: str) -> tuple[str, int | None]:
    """Return the public key of an SSH signature in base64, and the flags of a security key, if it is one."""
    found = _ARMOUR.fullmatch(armour)
    try:
        data = base64.b64decode(found[1].replace("\n", ""), validate=True) if found else b""
        if data[:10] != b"SSHSIG\0\0\0\1":
            raise ValueError
        public, _namespace, _reserved, _hash, signature = _strings(data[10:], 5)
        (kind,) = _strings(public, 1)
        flags = None
        if kind.startswith(b"sk-"):
            # A security key writes its flags and its counter behind the signature itself; browsers write more.
            name, _signature = _strings(signature, 2)
            if name != kind or len(signature) != 8 + len(name) + len(_signature) + 5:
                raise ValueError
            flags = signature[-5]
    except (ValueError, struct.error, binascii.Error):
        raise ProofError("form", "this is no SSH signature, as ssh-keygen -Y sign writes it") from None
    return base64.b64encode(public).decode(), flags


def _strings(data: bytes, count: int) -> list[bytes]:
    """Return the first strings of something in SSH's wire format."""
    found, at = [], 0
    for _number in range(count):
        (length,) = struct.unpack_from(">I", data, at)
        at += 4 + length
        if at > len(data):
            raise ValueError("cut off")
        found.append(data[at - length : at])
    return found


def passkey(known: Sequence[Mapping[str, Any]], person: str, place: Place, text: str, given: Any) -> str:
    """Verify an assertion by one of some passkeys over a text; return the passkey's id.

    The counter is not judged: passkeys that are kept by several devices have none, and what it would find, an
    assertion that comes twice, the nonce of its statement finds.
    """
    names = ("id", "client_data", "authenticator_data", "signature")
    if not isinstance(given, dict) or given.keys() != set(names):
        raise ProofError("form", f"the signature of a passkey has: {', '.join(names)}")
    identity, client, authenticator, signature = (_decoded(given[name], name) for name in names)
    one = next((one for one in known if one["id"] == given["id"]), None)
    if one is None or not identity:
        raise ProofError("key", f"this was signed with a passkey that is none of {person}")
    _check_client(client, place, text)
    if len(authenticator) < 37 or authenticator[:32] != hashlib.sha256(place.rp_id.encode()).digest():
        raise ProofError("host", f"the passkey signed for another site than {place.rp_id}")
    flags = authenticator[32]
    if not (flags & PRESENT and flags & VERIFIED) or flags & WITH_KEY:
        raise ProofError("signature", "the passkey did not verify its owner; a PIN, a finger or a face is needed")
    try:
        _verify(one["key"], signature, authenticator + hashlib.sha256(client).digest())
    except InvalidSignature:
        raise ProofError("signature", f"the signature is not one of {person}'s passkey over this") from None
    return str(one["id"])


def _decoded(text: Any, name: str) -> bytes:
    if not isinstance(text, str) or len(text) > LONGEST or not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ProofError("form", f"{name} of a passkey's signature is not in base64url without padding")
    try:
        return base64url.decode(text)
    except binascii.Error:
        raise ProofError("form", f"{name} of a passkey's signature is cut off") from None


def _check_client(client: bytes, place: Place, text: str) -> None:
    """Check what the browser says of the page that asked."""
    try:
        said = json.loads(client.decode())
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ProofError("form", "client_data of a passkey's signature is no map in JSON")
    challenge = base64url.encode(hashlib.sha256(text.encode("ascii")).digest())
    if said.get("type") != "webauthn.get" or said.get("challenge") != challenge:
        raise ProofError("signature", "the passkey signed something else than this statement")
    if said.get("origin") not in place.origins or said.get("crossOrigin") not in (None, False) or "topOrigin" in said:
        raise ProofError("host", f"the passkey was asked by another page than one of {' or '.join(place.origins)}")


def _verify(key: str, signature: bytes, data: bytes) -> None:
    """Raise InvalidSignature unless a signature is by a key of COSE that the judge of passkeys takes."""
    algorithm, parts = passkeys.parts(key)
    if algorithm == "ES256":
        numbers = ec.EllipticCurvePublicNumbers(_number(parts[-2]), _number(parts[-3]), ec.SECP256R1())
        numbers.public_key().verify(signature, data, ec.ECDSA(hashes.SHA256()))
    elif algorithm == "EdDSA":
        ed25519.Ed25519PublicKey.from_public_bytes(parts[-2]).verify(signature, data)
    else:
        public = rsa.RSAPublicNumbers(_number(parts[-2]), _number(parts[-1])).public_key()
        public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
