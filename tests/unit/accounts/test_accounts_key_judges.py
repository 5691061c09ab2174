# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two judges of SSH keys: of the description on the controller, and at the border of a machine. One table for both.

Whatever the description accepts, a machine must accept too, or a sound description could not be applied. Where they
differ on purpose, the row says why; a row that differs for no reason fails.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts import roster
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import ssh_keys
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

BOTH, NEITHER = (True, True), (False, False)
DESCRIPTION_ONLY, MACHINE_ONLY = (True, False), (False, True)


def line(kind: str, *fields: bytes, inner: str = "", comment: str = "bob@example") -> str:
    """Write a line of a .pub file from the fields of RFC 4253, section 6.6; inner is another type inside."""
    blob = b"".join(len(each).to_bytes(4, "big") + each for each in ((inner or kind).encode(), *fields))
    return f"{kind} {base64.b64encode(blob).decode()} {comment}".rstrip()


def rsa(bits: int) -> str:
    return line("ssh-rsa", b"\x01\x00\x01", b"\x00" + (1 << (bits - 1) | 1).to_bytes(bits // 8, "big"))


def point(curve: str) -> bytes:
    """Return a point of a curve, as OpenSSH keeps it."""
    key = ec.generate_private_key(
        {"nistp256": ec.SECP256R1(), "nistp384": ec.SECP384R1(), "nistp521": ec.SECP521R1()}[curve]
    )
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def ecdsa(curve: str) -> str:
    return line(f"ecdsa-sha2-{curve}", curve.encode(), point(curve))


ED25519 = line("ssh-ed25519", bytes(32))
KIND, DATA, COMMENT = ED25519.split()
OPENSSH_PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----"

SOUND = {
    "ssh-ed25519": ED25519,
    "ssh-rsa": rsa(3072),
    "ecdsa-sha2-nistp256": ecdsa("nistp256"),
    "ecdsa-sha2-nistp384": ecdsa("nistp384"),
    "ecdsa-sha2-nistp521": ecdsa("nistp521"),
    "sk-ssh-ed25519@openssh.com": line("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),
    "sk-ecdsa-sha2-nistp256@openssh.com": line(
        "sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", point("nistp256"), b"ssh:"
    ),
}
STRENGTH = "strength is asked of the description; a machine takes what was accepted there"
SHAPE = "the whole shape is asked of the description; a machine looks at the type, which sshd goes by"
LINE = "the schema's type of text refuses control characters before the first judge is asked; a machine has no schema"


@dataclass(frozen=True)
class Row:
    """A key, who accepts it (description, machine), and why they differ if they do."""

    key: str
    accepted: tuple[bool, bool]
    reason: str = ""


TABLE = {
    **{f"sound {kind}": Row(key, BOTH) for kind, key in SOUND.items()},
    "no comment": Row(f"{KIND} {DATA}", BOTH),
    "comment of several words": Row(f"{ED25519} at work", BOTH),
    "spaces around": Row(f"  {KIND}  {DATA}  {COMMENT} \n", BOTH),
    "DSA": Row(line("ssh-dss", bytes(128), bytes(20), bytes(128), bytes(128)), NEITHER),
    "Ed448": Row(line("ssh-ed448", bytes(57)), NEITHER),
    "XMSS": Row(line("ssh-xmss@openssh.com", bytes(64)), NEITHER),
    "certificate": Row(line("ssh-ed25519-cert-v01@openssh.com", bytes(32), bytes(32)), NEITHER),
    "signature type of RSA": Row(line("rsa-sha2-512", b"\x01\x00\x01", bytes(384), inner="ssh-rsa"), NEITHER),
    "type in capitals": Row(f"SSH-ED25519 {DATA}", NEITHER),
    "unknown type": Row(f"ssh-best {DATA}", NEITHER),
    "option in front": Row(f'command="id" {ED25519}', NEITHER),
    "option without value": Row(f"no-pty {ED25519}", NEITHER),
    "comment character": Row(f"# {ED25519}", NEITHER),
    "protocol 1": Row("1024 35 1234567890123456789 bob", NEITHER),
    "private key": Row(f"{OPENSSH_PRIVATE}\nAAAA\n-----END OPENSSH PRIVATE KEY-----", NEITHER),
    "nothing": Row("", NEITHER),
    "spaces": Row("   ", NEITHER),
    "type alone": Row(KIND, NEITHER),
    "data alone": Row(DATA, NEITHER),
    "not base64": Row(f"{KIND} {DATA[:-4]}!!!!", NEITHER),
    "base64 that is cut off": Row(f"{KIND} {DATA[:-1]}", NEITHER),
    "too short for a type": Row(f"{KIND} AAAA", NEITHER),
    "another type inside": Row(line("ssh-rsa", bytes(32), inner="ssh-ed25519"), NEITHER),
    "RSA with 3071 bits": Row(
        line("ssh-rsa", b"\x01\x00\x01", (1 << 3070).to_bytes(384, "big")), MACHINE_ONLY, STRENGTH
    ),
    "RSA with 2048 bits": Row(rsa(2048), MACHINE_ONLY, STRENGTH),
    "RSA without a modulus": Row(line("ssh-rsa", b"\x01\x00\x01"), MACHINE_ONLY, SHAPE),
    "Ed25519 with 31 bytes": Row(line("ssh-ed25519", bytes(31)), MACHINE_ONLY, SHAPE),
    "Ed25519 with a field more": Row(line("ssh-ed25519", bytes(32), bytes(32)), MACHINE_ONLY, SHAPE),
    "ECDSA beside its curve": Row(line("ecdsa-sha2-nistp256", b"nistp256", b"\x04" + bytes(64)), MACHINE_ONLY, SHAPE),
    "last field cut off": Row(f"{KIND} {DATA[:-8]}", MACHINE_ONLY, SHAPE),
    "tab between": Row(ED25519.replace(" ", "\t"), DESCRIPTION_ONLY, LINE),
    "second key on a second line": Row(f"{ED25519}\n{ED25519}", DESCRIPTION_ONLY, LINE),
    "control character in the comment": Row(f"{ED25519}\x1b[2J", DESCRIPTION_ONLY, LINE),
}


def test_both_judges_know_the_same_types_and_the_table_has_a_sound_key_of_each():
    assert set(ssh_keys.KEY_TYPES) == set(roster.KEY_TYPES) == set(SOUND)


@pytest.mark.parametrize("case", TABLE)
def test_both_judges_say_the_same_or_the_table_says_why_not(case):
    row = TABLE[case]
    assert (not ssh_keys.ssh_key(row.key), roster.key_problem(row.key) is None) == row.accepted
    assert bool(row.reason) == (row.accepted not in (BOTH, NEITHER))


@pytest.mark.parametrize("case", TABLE)
def test_no_machine_refuses_what_a_description_may_hold(case):
    row = TABLE[case]
    if row.key.strip().isprintable() and not ssh_keys.ssh_key(row.key):
        assert roster.key_problem(row.key) is None
