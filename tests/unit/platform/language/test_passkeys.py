# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public keys of passkeys: those of real keys are taken, and nothing that is no key."""

from __future__ import annotations

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import passkeys
from hypothesis import given
from hypothesis import strategies as st
from passkey_samples import cose, eddsa, es256, head, item, rs256, rsa_key, text

MODULUS = rsa_key().n.to_bytes(256, "big")
X = b"\x11" * 32
P = 2**255 - 19


@pytest.mark.parametrize(("make", "name"), [(es256, "ES256"), (eddsa, "EdDSA"), (rs256, "RS256")])
def test_a_real_key_is_taken(make, name: str) -> None:
    for _time in range(5):
        written = text(make())
        assert passkeys.public_key(written) == ""
        assert passkeys.algorithm(written) == name


REAL = es256()
# The points of small order of Ed25519, by their y, and one of these with the other sign of x.
SMALL = [
    1,
    P - 1,
    0,
    2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
    55188659117513257062467267217118295137698188065244968500265048394206261417927 | 1 << 255,
]
BAD = [
    ("is no public key", "not base64!"),
    ("is no public key", text(REAL) + "=="),
    ("is no public key", text(es256())[:-1] + "/"),
    ("does not begin with a map", text(b"\x01")),
    ("cut off", text(REAL[:-1])),
    ("cut off", text(REAL[:5])),
    ("something follows", text(REAL + b"\0")),
    ("bytes; no public key", text(b"\xa5" + bytes(2000))),
    ("beside the curve P-256", text(es256(x=X))),
    ("beside the curve P-256", text(es256(x=b"\xff" * 32, y=b"\xff" * 32))),
    ("a part of it is missing", text(es256(x=X[1:]))),
    ("another curve than P-256", text(REAL.replace(b"\x20\x01", b"\x20\x02", 1))),
    ("another algorithm than ES256, EdDSA, RS256", text(REAL.replace(b"\x03\x26", b"\x03\x27", 1))),
    ("another algorithm", text(cose((1, 2), (3, -8), (-1, 6), (-2, X)))),
    ("other parts than such a key has", text(cose((1, 1), (3, -8), (-1, 6)))),
    ("other parts than such a key has", text(cose((1, 1), (3, -8), (-1, 6), (-2, X), (-4, X)))),
    ("another curve than Ed25519", text(cose((1, 1), (3, -8), (-1, 7), (-2, X)))),
    ("beside the curve Ed25519", text(eddsa((2).to_bytes(32, "little")))),
    ("beside the curve Ed25519", text(eddsa((P + 2).to_bytes(32, "little")))),
    *(("anybody's signature is right", text(eddsa(y.to_bytes(32, "little")))) for y in SMALL),
    ("with 2048 to 8192 bits", text(rs256(1024))),
    ("with 2048 to 8192 bits", text(cose((1, 3), (3, -257), (-1, MODULUS[:-1] + b"\2"), (-2, b"\1\0\1")))),
    ("an exponent that nobody uses", text(rs256(exponent=b"\3"))),
    ("an exponent that nobody uses", text(rs256(exponent=b"\1\0\0"))),
    ("not in its shortest form", text(rs256(exponent=b"\0\1\0\1"))),
    ("not in order", text(cose((3, -7), (1, 2), (-1, 1), (-2, X), (-3, X)))),
    ("not in order", text(cose((1, 2), (1, 2), (3, -7), (-1, 1), (-2, X)))),
    ("shortest form", text(head(5, 5) + b"\x18\x01" + REAL[2:])),
    ("without a length", text(b"\xbf" + REAL[1:] + b"\xff")),
    ("that no number names", text(head(5, 1) + b"\x61a" + item(1))),
    ("neither number nor bytes", text(head(5, 1) + item(1) + b"\x61a")),
    ("neither number nor bytes", text(head(5, 1) + item(1) + b"\xf5")),
]


@pytest.mark.parametrize(("words", "written"), BAD)
def test_what_is_no_key_is_not_taken(words: str, written: str) -> None:
    assert words in passkeys.public_key(written)


@given(st.binary(max_size=200))
def test_no_bytes_lead_to_a_traceback(data: bytes) -> None:
    assert passkeys.public_key(text(data) or "-")


@given(st.integers(0, len(REAL) - 1), st.integers(0, 7))
def test_no_bit_can_be_turned(place: int, bit: int) -> None:
    damaged = bytearray(REAL)
    damaged[place] ^= 1 << bit
    assert passkeys.public_key(text(bytes(damaged)))


def test_the_points_of_small_order_are_all_that_there_are() -> None:
    """Each of them, added to itself three times over, is the neutral point: doubling as RFC 8032, 5.1.4, has it."""
    d = -121665 * pow(121666, -1, P) % P
    for y in {one & (2**255 - 1) for one in SMALL}:
        square = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
        for _time in range(3):
            difference = (y * y - square) % P
            sum_, product = (y * y + square) % P, 4 * square * y * y % P
            square = product * pow(difference * difference, -1, P) % P
            y = sum_ * pow(2 - difference, -1, P) % P  # noqa: PLW2901
        assert (square, y) == (0, 1)
    assert len({one & (2**255 - 1) for one in SMALL}) == 5


def test_ids() -> None:
    assert passkeys.credential_id(text(bytes(16))) == passkeys.credential_id(text(bytes(1023))) == ""
    assert "has 15 bytes" in passkeys.credential_id(text(bytes(15)))
    assert "has 1024 bytes" in passkeys.credential_id(text(bytes(1024)))
    for wrong in ("", "a b", "ä" * 30, text(bytes(16)) + "=", text(bytes(16))[:-1] + "B"):
        assert "is no id" in passkeys.credential_id(wrong)
