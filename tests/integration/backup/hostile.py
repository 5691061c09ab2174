# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that backs itself up by restic over the REST server, and what its root can send when it is the enemy.

The enemy has everything that the machine has: the password of the server and that of the repository, so its master key.
restic's format is described in its manual, "Repository Layout".
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import struct
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

TYPES = {"data": 0, "tree": 1}


def seal(key: dict[str, Any], plain: bytes) -> bytes:
    """Encrypt with a key as restic does: AES-256 in counter mode, then Poly1305-AES."""
    nonce = secrets.token_bytes(16)
    secret, k, r = (base64.b64decode(one) for one in (key["encrypt"], key["mac"]["k"], key["mac"]["r"]))
    cipher = Cipher(algorithms.AES(secret), modes.CTR(nonce)).encryptor()
    body = cipher.update(plain) + cipher.finalize()
    block = Cipher(algorithms.AES(k), modes.ECB()).encryptor()  # Poly1305-AES asks for just this
    mac = Poly1305(r + block.update(nonce) + block.finalize())
    mac.update(body)
    return nonce + body + mac.finalize()


def quick_key(key: dict[str, Any], password: str, master: dict[str, Any]) -> bytes:
    """Return a file of keys/ like another one, but such that the password opens it at once."""
    salt = secrets.token_bytes(64)
    derived = hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=1, dklen=64)
    parts = [base64.b64encode(one).decode() for one in (derived[:32], derived[32:48], derived[48:])]
    user = {"encrypt": parts[0], "mac": {"k": parts[1], "r": parts[2]}}
    sealed = base64.b64encode(seal(user, json.dumps(master).encode())).decode()
    return json.dumps(
        key | {"N": 1024, "r": 8, "p": 1, "salt": base64.b64encode(salt).decode(), "data": sealed}
    ).encode()


@dataclass(frozen=True)
class Blob:
    """A piece of data in a pack, as an index speaks of it."""

    id: str
    type: str
    offset: int
    length: int
    uncompressed_length: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as an index writes it."""
        found = {"id": self.id, "type": self.type, "offset": self.offset, "length": self.length}
        return found | ({"uncompressed_length": self.uncompressed_length} if self.uncompressed_length else {})


@dataclass(frozen=True)
class Machine:
    """The machine ``name`` with its files in ``home``."""

    name: str
    home: Path
    url: str
    password: str

    def restic(self, *words: str, check: bool = True, text: str = "") -> str:
        """Run restic as the machine does."""
        done = subprocess.run(
            ["restic", "--no-cache", "-q", *words],
            env=os.environ | {"RESTIC_REPOSITORY": f"rest:{self.url}", "RESTIC_PASSWORD": self.password},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"restic {words}: {done.stderr}")
        return done.stdout if not done.returncode else ""

    def backup(self, *words: str) -> str:
        """Make a backup of the home and return the snapshot's id."""
        lines = self.restic("backup", "--json", *words, str(self.home)).splitlines()
        return str(json.loads(lines[-1])["snapshot_id"])

    def send(self, kind: str, content: bytes) -> str:
        """Add a file to the repository, named after its content; return the name."""
        name = hashlib.sha256(content).hexdigest()
        self.ask("POST", f"{kind}/{name}", content)
        return name

    def ask(self, method: str, path: str, content: bytes | None = None) -> int:
        """Make a request and return the status; raises AssertionError unless it is one of success."""
        request = urllib.request.Request(f"{self.url}{path}", data=content, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code}") from error

    @cached_property
    def key(self) -> dict[str, Any]:
        """Return the master key of the repository."""
        return json.loads(self.restic("cat", "masterkey"))

    def indexes(self) -> dict[str, list[Blob]]:
        """Return what all indexes say: blobs by pack."""
        found: dict[str, list[Blob]] = {}
        for name in self.restic("list", "index").split():
            for pack in json.loads(self.restic("cat", "index", name))["packs"]:
                found[pack["id"]] = [Blob(**blob) for blob in pack["blobs"]]
        return found

    def seal(self, plain: bytes) -> bytes:
        """Encrypt as restic does."""
        return seal(self.key, plain)

    def pack(self, blobs: Iterable[Blob], content: bytes) -> bytes:
        """Return a pack with this content, and a header that says that the blobs are in it."""
        header = b""
        for blob in blobs:
            packed = 2 if blob.uncompressed_length else 0
            header += struct.pack("<BI", TYPES[blob.type] + packed, blob.length)
            header += struct.pack("<I", blob.uncompressed_length) if packed else b""
            header += bytes.fromhex(blob.id)
        sealed = self.seal(header)
        return content + sealed + struct.pack("<I", len(sealed))

    def send_index(self, packs: dict[str, list[Blob]], **more: Any) -> str:
        """Add an index that says what it is told to say."""
        listed = [{"id": name, "blobs": [one.as_json() for one in blobs]} for name, blobs in packs.items()]
        text = json.dumps({**more, "packs": listed, "padding": secrets.token_hex(8)})
        return self.send("index", self.seal(text.encode()))

    def send_garbage(self, copies: int, *, garbage: Any = secrets.token_bytes) -> list[str]:
        """Add packs of garbage, as large as the true ones, and one index that says the old data lie in them."""
        true = self.indexes()
        claimed: dict[str, list[Blob]] = {}
        for _copy in range(copies):
            for blobs in true.values():
                ordered = sorted(blobs, key=lambda one: one.offset)
                content = b"".join(garbage(one.length) for one in ordered)
                claimed[self.send("data", self.pack(ordered, content))] = ordered
        self.send_index(claimed)
        return sorted(claimed)
