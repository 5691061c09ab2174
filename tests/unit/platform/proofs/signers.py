# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signs in tests: real keys of ``ssh-keygen``, and security keys and passkeys whose part another library plays."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import secrets
import struct
import subprocess
from pathlib import Path
from typing import Any

import passkey_samples
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import canonical, statements
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOW = datetime.datetime(2026, 11, 30, 8, 0, tzinfo=datetime.UTC)
HOST = "my.ringmaster.example"
ORIGIN = f"https://{HOST}"


def text(data: bytes) -> str:
    return passkey_samples.text(data)


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


class SshKey:
    """A key that ssh-keygen made, and signs with."""

    def __init__(self, folder: Path, kind: str = "ed25519", bits: int | None = None) -> None:
        self.path = folder / f"key-{secrets.token_hex(4)}"
        size = ["-b", str(bits)] if bits else []
        subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "test", "-f", self.path], check=True)
        self.line = self.path.with_suffix(".pub").read_text().strip()

    def sign(self, namespace: str, data: bytes) -> dict[str, Any]:
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", self.path, "-n", namespace]
        return {"ssh": subprocess.run(argv, input=data, capture_output=True, check=True).stdout.decode()}


class SecurityKey:
    """A key on a token, as OpenSSH's PROTOCOL.u2f and PROTOCOL.sshsig have it."""

    def __init__(self, kind: str, flags: int = 1, application: bytes = b"ssh:") -> None:
        self.flags, self.application = flags, application
        self.private: Any
        if kind == "ed25519":
            self.name = b"sk-ssh-ed25519@openssh.com"
            self.private = ed25519.Ed25519PrivateKey.generate()
            point = string(self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        else:
            self.name = b"sk-ecdsa-sha2-nistp256@openssh.com"
            self.private = ec.generate_private_key(ec.SECP256R1())
            public = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            point = string(b"nistp256") + string(public)
        self.blob = string(self.name) + point + string(application)
        self.line = f"{self.name.decode()} {base64.b64encode(self.blob).decode()} token"

    def sign(self, namespace: str, data: bytes) -> dict[str, Any]:
        head = string(namespace.encode()) + string(b"") + string(b"sha512")
        message = b"SSHSIG" + head + string(hashlib.sha512(data).digest())
        flags = bytes([self.flags]) + struct.pack(">I", 7)
        signed = hashlib.sha256(self.application).digest() + flags + hashlib.sha256(message).digest()
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            raw = self.private.sign(signed)
        else:
            numbers = decode_dss_signature(self.private.sign(signed, ec.ECDSA(hashes.SHA256())))
            raw = b"".join(string(n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in numbers)
        blob = b"SSHSIG" + struct.pack(">I", 1) + string(self.blob) + head
        blob += string(string(self.name) + string(raw) + flags)
        lines = base64.encodebytes(blob).decode()
        return {"ssh": f"-----BEGIN SSH SIGNATURE-----\n{lines}-----END SSH SIGNATURE-----\n"}


class Passkey:
    """A passkey: what a browser and an authenticator answer to ``navigator.credentials.get``."""

    def __init__(self, kind: str = "ES256", name: str = "laptop") -> None:
        self.private: Any
        if kind == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
            numbers = self.private.public_key().public_numbers()
            cose = passkey_samples.es256(numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))
        elif kind == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
            cose = passkey_samples.eddsa(self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        else:
            self.private = rsa.generate_private_key(65537, 2048)
            modulus = self.private.public_key().public_numbers().n.to_bytes(256, "big")
            cose = passkey_samples.cose((1, 3), (3, -257), (-1, modulus), (-2, b"\1\0\1"))
        self.record = {"name": name, "id": text(secrets.token_bytes(20)), "key": text(cose)}
        self.client: dict[str, Any] = {}
        self.rp_id, self.flags, self.type, self.origin = HOST, 0x05, "webauthn.get", ORIGIN

    def sign(self, _namespace: str, data: bytes) -> dict[str, Any]:
        challenge = text(hashlib.sha256(data.rstrip(b"\r\n")).digest())
        said = {"type": self.type, "challenge": challenge, "origin": self.origin, "crossOrigin": False, **self.client}
        client = json.dumps(said).encode()
        authenticator = hashlib.sha256(self.rp_id.encode()).digest() + bytes([self.flags]) + struct.pack(">I", 0)
        signed = authenticator + hashlib.sha256(client).digest()
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            signature = self.private.sign(signed, ec.ECDSA(hashes.SHA256()))
        elif isinstance(self.private, ed25519.Ed25519PrivateKey):
            signature = self.private.sign(signed)
        else:
            signature = self.private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        answer = {"client_data": client, "authenticator_data": authenticator, "signature": signature}
        return {"passkey": {"id": self.record["id"], **{name: text(value) for name, value in answer.items()}}}


Signer = SshKey | SecurityKey | Passkey


def signed(by: Signer, statement: statements.Statement | str, *, ending: str = "\n", **other: str) -> dict[str, Any]:
    """Return a proof; ``namespace`` may be another one than that of the statement."""
    said = statement if isinstance(statement, str) else statement.text
    fields = json.loads(said)
    namespace = other.get("namespace", f"{fields['kind']}@{fields['host']}")
    return {"statement": said, "signature": by.sign(namespace, (said + ending).encode())}


def altered(statement: statements.Statement, **fields: Any) -> str:
    """Return the text of a statement with other fields; None takes one out."""
    new = {**statement.fields, **fields}
    return canonical.write({name: value for name, value in new.items() if value is not None})


def session(person: str = "alice", *, now: datetime.datetime = NOW, **more: Any) -> statements.Statement:
    return statements.make(statements.SESSION, more.pop("host", HOST), person, now=now, **more)


def asks(*changes: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"changes": [{"verb": verb, "arguments": arguments} for verb, arguments in changes]}


def request(
    asked: dict[str, Any], person: str = "alice", *, now: datetime.datetime = NOW, **more: Any
) -> statements.Statement:
    return statements.make(
        statements.REQUEST,
        more.pop("host", HOST),
        person,
        now=now,
        asks=statements.request_words(asked),
        **{"sha256": canonical.digest(asked), **more},
    )
