# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of SSH keys against OpenSSH's own program: every key that it makes, and each of them damaged."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import ssh_keys

MADE = [("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 3072), ("rsa", 4096)]
SECURITY_KEYS = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")


def line(*fields: bytes, kind: str = "") -> str:
    blob = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return f"{kind or fields[0].decode()} {base64.b64encode(blob).decode()} x"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """The fields of a key of each type, made by ssh-keygen; those of tokens are put together from them."""
    folder = tmp_path_factory.mktemp("made")
    found: dict[str, list[bytes]] = {}
    for kind, bits in MADE:
        path = folder / f"{kind}{bits}"
        size = ["-b", str(bits)] if bits else []
        subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-f", str(path)], check=True)
        fields = ssh_keys._wire_fields(base64.b64decode(path.with_suffix(".pub").read_text().split()[1]))
        found[f"{fields[0].decode()} {bits}"] = fields
    ed25519, ecdsa = found["ssh-ed25519 None"], found["ecdsa-sha2-nistp256 256"]
    found[SECURITY_KEYS[0]] = [SECURITY_KEYS[0].encode(), ed25519[1], b"ssh:"]
    found[SECURITY_KEYS[1]] = [SECURITY_KEYS[1].encode(), *ecdsa[1:], b"ssh:"]
    return found


def damaged(fields: list[bytes]) -> Iterator[str]:
    """Yield a key cut and stretched at each field, with wrong lengths, other names, and single bits turned."""
    kind = fields[0].decode()
    for place, field in enumerate(fields):
        for other in (
            field[:-1],
            field[1:],
            field + b"\0",
            b"\0" + field,
            b"",
            field[:1] + bytes([field[1] ^ 1]) + field[2:],
            field[:-1] + bytes([field[-1] ^ 1]),
            bytes([field[0] ^ 0x80]) + field[1:],
            bytes(len(field)),
            b"\xff" * len(field),
        ):
            yield line(*fields[:place], other, *fields[place + 1 :], kind=kind)
        yield line(*fields[:place], *fields[place + 1 :], kind=kind)
        yield line(*fields[: place + 1], field, *fields[place + 1 :], kind=kind)
    for curve in (b"nistp256", b"nistp384", b"nistp521", b"nistp1"):
        if kind.startswith(("ecdsa", "sk-ecdsa")):
            yield line(fields[0], curve, *fields[2:])
    blob = base64.b64decode(line(*fields).split()[1])
    at = 0
    for field in fields:
        for length in (0, len(field) - 1, len(field) + 1, 2**31, 2**32 - 1):
            wrong = blob[:at] + length.to_bytes(4, "big") + blob[at + 4 :]
            yield f"{kind} {base64.b64encode(wrong).decode()} x"
        at += 4 + len(field)
    for size in range(0, len(blob), max(1, len(blob) // 40)):
        yield f"{kind} {base64.b64encode(blob[:size]).decode()} x"
    for text in (base64.b64encode(blob).decode()[:-1], base64.b64encode(blob + b"\0").decode()):
        yield f"{kind} {text} x"


def read_by_openssh(lines: list[str], folder: Path) -> int:
    """Return how many of the keys ssh-keygen can read."""
    path = folder / "keys"
    path.write_text("".join(f"{one}\n" for one in lines))
    done = subprocess.run(["ssh-keygen", "-l", "-f", str(path)], capture_output=True, text=True, check=False)
    return len([one for one in done.stdout.splitlines() if "SHA256:" in one])


def test_every_key_that_openssh_makes_is_taken(keys, tmp_path) -> None:
    lines = [line(*fields) for fields in keys.values()]
    assert {one.split()[0] for one in lines} == set(ssh_keys.KEY_TYPES)
    assert [ssh_keys.ssh_key(one) for one in lines] == [""] * len(lines)
    assert read_by_openssh(lines, tmp_path) == len(lines)


def test_no_damaged_key_is_taken_that_openssh_cannot_read(keys, tmp_path) -> None:
    tried = [one for fields in keys.values() for one in damaged(fields)]
    taken = list(dict.fromkeys(one for one in tried if not ssh_keys.ssh_key(one)))
    assert len(tried) > 700
    assert read_by_openssh(taken, tmp_path) == len(taken)


@pytest.mark.parametrize(
    ("bits", "said"), [(16385, "at most 16384 bits"), (3071, "weak RSA key of 3071 bits"), (3072, "")]
)
def test_lengths_of_rsa_keys(bits: int, said: str) -> None:
    modulus = (1 << (bits - 1) | 1).to_bytes(bits // 8 + 1, "big")
    assert said in ssh_keys.ssh_key(line(b"ssh-rsa", b"\x01\x00\x01", modulus))


def test_rules_that_came_later_are_warnings_for_what_stands(platform) -> None:
    key = line(b"ecdsa-sha2-nistp256", b"nistp384", b"\x04" + bytes(64))
    platform.edit("users/bob.yml", lambda data: data.update(ssh_keys=[key]))
    (mistake,) = platform.mistakes()
    assert mistake.eased
    assert "names this curve" in mistake.message
