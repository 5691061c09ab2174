# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of real keys of each type, of security keys and of passkeys, and all that is no signature."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import passkeys, ssh_keys
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import signatures
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.signatures import Place
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs.statements import ProofError
from signers import HOST, ORIGIN, Passkey, SecurityKey, SshKey, text

PLACE = Place(HOST, (ORIGIN, "http://my.localhost:8080"), HOST)
SPACE = f"session@{HOST}"
TEXT = '{"about":"a statement"}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signers")


@pytest.fixture(scope="module")
def key(folder: Path) -> SshKey:
    return SshKey(folder)


def verify(by: SshKey | SecurityKey, given: Any, *, said: str = TEXT, keys: list[str] | None = None) -> str:
    return signatures.ssh([by.line] if keys is None else keys, "alice", SPACE, said, given)


def refused(code: str, by: SshKey | SecurityKey, given: Any, **more: Any) -> str:
    with pytest.raises(ProofError) as error:
        verify(by, given, **more)
    assert error.value.code == code
    return str(error.value)


KINDS = [("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 3072), ("rsa", 4096)]


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_real_keys_of_each_type(folder: Path, kind: str, bits: int | None) -> None:
    by = SshKey(folder, kind, bits)
    fingerprint = ssh_keys.fingerprint(by.line)
    for ending in (b"\n", b"", b"\r\n"):
        assert verify(by, by.sign(SPACE, TEXT.encode() + ending)["ssh"]) == fingerprint
    for wrong in (b"\n\n", b" ", b"\r", b"x"):
        refused("signature", by, by.sign(SPACE, TEXT.encode() + wrong)["ssh"])


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_security_keys_have_to_be_touched(kind: str) -> None:
    """OpenSSH's verifier takes a signature without a touch as well, so the flag is looked at here."""
    by = SecurityKey(kind)
    assert not ssh_keys.ssh_key(by.line)
    assert verify(by, by.sign(SPACE, TEXT.encode())["ssh"]) == ssh_keys.fingerprint(by.line)
    by.flags = 5
    assert verify(by, by.sign(SPACE, TEXT.encode())["ssh"])
    for flags in (0, 4):
        by.flags = flags
        assert "touched" in refused("signature", by, by.sign(SPACE, TEXT.encode())["ssh"])


@pytest.mark.thorough
def test_a_touch_cannot_be_written_into_a_signature() -> None:
    by = SecurityKey("ed25519", flags=0)
    armour = by.sign(SPACE, TEXT.encode())["ssh"]
    data = bytearray(base64.b64decode("".join(armour.splitlines()[1:-1])))
    data[-5] = 1
    refused("signature", by, _armoured(bytes(data)))


def _armoured(data: bytes) -> str:
    return f"-----BEGIN SSH SIGNATURE-----\n{base64.encodebytes(data).decode()}-----END SSH SIGNATURE-----\n"


@pytest.mark.thorough
def test_armour_of_windows_counts(key: SshKey) -> None:
    given = key.sign(SPACE, TEXT.encode())["ssh"]
    assert verify(key, given.replace("\n", "\r\n"))
    assert verify(key, f"\n  {given}  \n\n")


@pytest.mark.thorough
@pytest.mark.parametrize("space", ["request@my.ringmaster.example", "session@evil.example", "git", "file", "session@*"])
def test_another_namespace_is_refused(key: SshKey, space: str) -> None:
    refused("signature", key, key.sign(space, TEXT.encode())["ssh"])


@pytest.mark.thorough
def test_keys_of_others_are_named(folder: Path, key: SshKey) -> None:
    other = SshKey(folder)
    given = other.sign(SPACE, TEXT.encode())["ssh"]
    assert ssh_keys.fingerprint(other.line) in refused("key", key, given)
    assert verify(key, given, keys=[key.line, other.line]) == ssh_keys.fingerprint(other.line)
    refused("key", key, given, keys=[])


@pytest.mark.thorough
def test_another_key_cannot_be_written_into_a_signature(folder: Path, key: SshKey) -> None:
    """The public key inside names who is asked for; the signature has to be that key's all the same."""
    other = SshKey(folder)
    data = base64.b64decode("".join(other.sign(SPACE, TEXT.encode())["ssh"].splitlines()[1:-1]))
    mine, theirs = (base64.b64decode(one.line.split()[1]) for one in (key, other))
    assert theirs in data
    refused("signature", key, _armoured(data.replace(theirs, mine)))


@pytest.mark.thorough
def test_another_text_is_refused(key: SshKey) -> None:
    refused("signature", key, key.sign(SPACE, TEXT.encode())["ssh"], said=TEXT.replace("a s", "A s"))


JUNK = [
    "",
    "-----BEGIN SSH SIGNATURE-----",
    "-----BEGIN SSH SIGNATURE-----\n\n-----END SSH SIGNATURE-----",
    "-----BEGIN SSH SIGNATURE-----\n!!!!\n-----END SSH SIGNATURE-----",
    "-----BEGIN PGP SIGNATURE-----\nAAAA\n-----END PGP SIGNATURE-----",
    _armoured(b"SSHSIG\0\0\0\2" + b"\0\0\0\0" * 5),
    _armoured(b"SSHSIG\0\0\0\1"),
    _armoured(b"SSHSIG\0\0\0\1" + b"\0\0\0\0" * 5),
    _armoured(b"SSHSIG\0\0\0\1" + b"\xff\xff\xff\xff" * 5),
    _armoured(b"SSHSIG\0\0\0\1\0\0\0\4\0\0\0\0" + b"\0\0\0\0" * 4),
    "A" * 20000,
    b"-----BEGIN SSH SIGNATURE-----",
    None,
    7,
    ["x"],
    {"ssh": "x"},
    "{{ lookup('pipe', 'id') }}",
    "-h",
]


@pytest.mark.parametrize("given", JUNK)
def test_what_is_no_ssh_signature_is_refused(given: Any) -> None:
    with pytest.raises(ProofError) as error:
        signatures.ssh(["ssh-ed25519 AAAA"], "alice", SPACE, TEXT, given)
    assert error.value.code in ("form", "key")


def assertion(by: Passkey, said: str = TEXT, **changed: Any) -> Any:
    return {**by.sign(SPACE, said.encode())["passkey"], **changed}


def judged(by: Passkey, given: Any, place: Place = PLACE) -> str:
    return signatures.passkey([by.record], "alice", place, TEXT, given)


@pytest.mark.parametrize("kind", ["ES256", "EdDSA", "RS256"])
def test_passkeys_of_each_algorithm(kind: str) -> None:
    by = Passkey(kind)
    assert not passkeys.public_key(by.record["key"])
    assert judged(by, assertion(by)) == by.record["id"]
    by.origin = "http://my.localhost:8080"
    assert judged(by, assertion(by))
    other = Passkey(kind)
    with pytest.raises(ProofError) as error:
        judged(by, assertion(other, id=by.record["id"]))
    assert error.value.code == "signature"


@pytest.mark.parametrize("made", json.loads(Path(__file__).with_name("chromium.json").read_text()))
def test_what_a_browser_has_signed(made: dict[str, Any]) -> None:
    """Chromium 156 and its virtual authenticator made a passkey of each algorithm, and signed a statement with it."""
    given = made["assertion"]
    known = [{"name": "x", "id": given["id"], "key": made["key"]}]
    assert not passkeys.public_key(made["key"]) and not passkeys.credential_id(given["id"])

    def judge(place: Place, said: str = made["statement"], keys: list[dict[str, str]] = known) -> str:
        return signatures.passkey(keys, "alice", place, said, given)

    assert judge(Place(HOST, (made["origin"],), "my.localhost")) == given["id"]
    for wrong in (
        lambda: judge(Place(HOST, (made["origin"],), "localhost")),
        lambda: judge(Place(HOST, ("http://my.localhost",), "my.localhost")),
        lambda: judge(Place(HOST, (made["origin"],), "my.localhost"), made["statement"].replace("alice", "carol")),
        lambda: judge(Place(HOST, (made["origin"],), "my.localhost"), keys=[{**known[0], **Passkey().record}]),
    ):
        with pytest.raises(ProofError):
            wrong()


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("flags", 0x01, "signature"),
        ("flags", 0x04, "signature"),
        ("flags", 0x00, "signature"),
        ("flags", 0x45, "signature"),
        ("rp_id", "ringmaster.example", "host"),
        ("rp_id", "myapp00.ringmaster.example", "host"),
        ("origin", "https://myapp00.ringmaster.example", "host"),
        ("origin", f"http://{HOST}", "host"),
        ("origin", f"{ORIGIN}:8443", "host"),
        ("origin", f"{ORIGIN}.evil.example", "host"),
        ("origin", None, "host"),
        ("origin", [ORIGIN], "host"),
        ("type", "webauthn.create", "signature"),
        ("client", {"crossOrigin": True}, "host"),
        ("client", {"crossOrigin": "true"}, "host"),
        ("client", {"topOrigin": "https://evil.example"}, "host"),
        ("client", {"challenge": text(b"x" * 32)}, "signature"),
        ("client", {"challenge": None}, "signature"),
    ],
)
def test_what_a_passkey_says_of_where_and_how_counts(attribute: str, value: Any, code: str) -> None:
    by = Passkey()
    setattr(by, attribute, value)
    with pytest.raises(ProofError) as error:
        judged(by, assertion(by))
    assert error.value.code == code


def test_a_passkey_signs_one_statement() -> None:
    by = Passkey()
    with pytest.raises(ProofError) as error:
        judged(by, assertion(by, TEXT.replace("a s", "A s")))
    assert error.value.code == "signature"


def test_unknown_passkeys_are_refused() -> None:
    by = Passkey()
    with pytest.raises(ProofError) as error:
        signatures.passkey([Passkey().record], "alice", PLACE, TEXT, assertion(by))
    assert error.value.code == "key"
    with pytest.raises(ProofError) as error:
        signatures.passkey([], "alice", PLACE, TEXT, assertion(by))
    assert error.value.code == "key"


@pytest.mark.parametrize("name", ["id", "client_data", "authenticator_data", "signature"])
@pytest.mark.parametrize("value", ["", "=", "a", "ä", "A" * 20000, None, 7, ["x"], {}, "AAAA", "W10", "IiI"])
def test_junk_in_an_assertion_is_refused(name: str, value: Any) -> None:
    by = Passkey()
    with pytest.raises(ProofError):
        judged(by, assertion(by, **{name: value}))


@pytest.mark.parametrize("given", [None, "x", [], {}, {"id": "x"}])
def test_what_is_no_assertion_is_refused(given: Any) -> None:
    with pytest.raises(ProofError) as error:
        judged(Passkey(), given)
    assert error.value.code == "form"


def test_more_than_an_assertion_has_is_refused() -> None:
    by = Passkey()
    with pytest.raises(ProofError):
        judged(by, assertion(by, user_handle="AAAA"))
