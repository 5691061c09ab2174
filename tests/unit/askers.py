# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People who ask for changes with proofs, by passkeys that Python plays: no program is started for them."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import passkey_samples
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import canonical, statements
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.path.append(str(Path(__file__).parent / "platform/verbs"))
import town

HOST = town.PLATFORM["portal"]["host"]
ORIGIN = f"https://{HOST}"


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


class Asker:
    """Somebody with a passkey."""

    def __init__(self, person: str) -> None:
        self.person = person
        self.private = ed25519.Ed25519PrivateKey.generate()
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        cose = base64.urlsafe_b64encode(passkey_samples.eddsa(public)).decode().rstrip("=")
        self.record = {"name": "test", "id": _text(secrets.token_bytes(20)), "key": cose}

    def proof(self, statement: statements.Statement) -> dict[str, Any]:
        """Sign a statement, as a browser and an authenticator do."""
        challenge = _text(hashlib.sha256(statement.text.encode()).digest())
        said = {"type": "webauthn.get", "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}
        client = json.dumps(said).encode()
        authenticator = hashlib.sha256(HOST.encode()).digest() + b"\5\0\0\0\0"
        signature = self.private.sign(authenticator + hashlib.sha256(client).digest())
        answer = {"client_data": client, "authenticator_data": authenticator, "signature": signature}
        signed = {"id": self.record["id"], **{name: _text(value) for name, value in answer.items()}}
        return {"statement": statement.text, "signature": {"passkey": signed}}

    def session(self, made: datetime.datetime | None = None, host: str = HOST) -> dict[str, Any]:
        return self.proof(statements.make(statements.SESSION, host, self.person, now=made or now()))

    def signed(self, *changes: tuple[str, dict[str, Any]], made: datetime.datetime | None = None, **more: Any) -> Any:
        """Return a request with a signature of its own."""
        request = wish(*changes, **more)
        asks = statements.request_words(request)
        sha256 = canonical.digest(request)
        statement = statements.make(statements.REQUEST, HOST, self.person, now=made or now(), asks=asks, sha256=sha256)
        return {"request": request, "proofs": [self.proof(statement)]}

    def asked(self, *changes: tuple[str, dict[str, Any]], **more: Any) -> Any:
        """Return a request that comes with a sign-in only."""
        return {"request": wish(*changes, **more), "proofs": [self.session()]}


def wish(*changes: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"changes": [{"verb": verb, "arguments": arguments} for verb, arguments in changes], **more}


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def settle(folder: Path, roles: Path, people: Iterable[Asker]) -> Path:
    """Write the town with passkeys of some of its people, and allocate what it needs; return its source."""
    source = town.write(folder, town.PLATFORM, town.PROJECTS, town.PEOPLE)
    for asker in people:
        path = folder / f"users/{asker.person}.yml"
        record = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump({**record, "passkeys": [asker.record]}, sort_keys=False))
    operations.allocate(operations.options_of(source, roles))
    return source
