# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What root of a machine may ask the platform's CA to sign: one request for each certificate wanted there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.certificates import authority
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from enemy import Outcome, Stage, failures

pytestmark = pytest.mark.thorough

CA = authority.create("example.org")
AUTHORITY = hashlib.sha256(CA.pem.encode()).hexdigest()


def request(key: Any = None) -> str:
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank.example")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM).decode()


GOOD = request()


def asked(**changes: Any) -> dict[str, Any]:
    return {"name": "one", "version": "new-" + "0" * 12, "request": GOOD, "authority": AUTHORITY, **changes}


def says(*requests: Any, **more: Any) -> dict[str, Any]:
    return {"changed": True, "steps": [], "pending": {}, "requests": list(requests), **more}


def tampered() -> str:
    lines = GOOD.splitlines()
    lines[2] = lines[2][::-1]
    return "\n".join(lines) + "\n"


LIES: dict[str, tuple[object, str]] = {
    "other_name": (says(asked(name="bank")), "one of one"),
    "not_ours_to_sign": (says(asked(name="self")), "one of one"),
    "twice": (says(asked(), asked()), "at most 1"),
    "names_of_its_own": (says(asked(names=["bank.example"])), "only name"),
    "version_elsewhere": (says(asked(version="../../../etc")), "version"),
    "other_authority": (says(asked(authority="0" * 64)), "another authority"),
    "no_authority": (says(asked(authority="x")), "SHA-256"),
    "no_request": (says({"name": "one"}), "a map with version"),
    "no_pem": (says(asked(request="x")), "certificate request as PEM"),
    "pem_and_more": (says(asked(request=GOOD + GOOD)), "certificate request as PEM"),
    "pem_of_nothing": (
        says(asked(request=GOOD.splitlines()[0] + "\nAAAA\n" + GOOD.splitlines()[-1] + "\n")),
        "not signed",
    ),
    "too_long": (says(asked(request=GOOD.replace("\n", "\n" + "A" * 64 + "\n" * 1, 1) + "A" * 9000)), "as PEM"),
    "tampered": (says(asked(request=tampered())), "not signed"),
    "rsa": (says(asked(request=request(rsa.generate_private_key(65537, 2048)))), "not an elliptic curve key"),
    "ed25519": (says(asked(request=request(ed25519.Ed25519PrivateKey.generate()))), "not an elliptic curve key"),
    "odd_curve": (says(asked(request=request(ec.generate_private_key(ec.SECP256K1())))), "on one of secp256r1"),
    "no_list": (says() | {"requests": {"one": "x"}}, "a list"),
    "no_map": (says("x"), "a map with"),
    "deep": ('{"requests": ' + "[" * 5000 + "]" * 5000 + "}", "levels"),
    "steps_of_another_kind": (says(asked(), steps={"a": 1}), "a list"),
    "asks_again": (says(asked()), "a list of at most 0"),
    "add_host": (says(asked(), add_host={"host_name": "hv0"}), "changes the inventory"),
    "unknown_key": (says(asked(), platform_secret="x"), "only changed"),
}


@pytest.fixture(scope="module")
def lied(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    stage = Stage(tmp_path_factory.mktemp("lied"))
    (stage.folder / "ca").mkdir()
    (stage.folder / "ca/ca.pem").write_text(CA.pem)
    (stage.folder / "ca/ca.key").write_text(authority.key_pem(CA))
    for name, (said, _expected) in LIES.items():
        stage.says(name, said)
    wanted = [{"name": "one", "names": ["a.example"]}, {"name": "self", "names": ["a.example"], "source": "selfsigned"}]
    task = {"ringmaster.hosting.certificates": {"ca_folder": str(Path(stage.folder / "ca")), "wanted": wanted}}
    return stage.play([{"tasks": [{**task, "when": "inventory_hostname != 'good'"}]}])


@pytest.mark.parametrize("name", LIES)
def test_only_what_is_wanted_is_signed(lied: Outcome, name: str) -> None:
    said = failures(lied)[name]
    assert LIES[name][1] in said
    assert name in said
    assert "Traceback" not in said
    assert len(json.dumps(said)) < 3000
