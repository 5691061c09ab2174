# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sealed values: what opens, and what does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sealing
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.sealing import SealError

pytestmark = pytest.mark.thorough
PURPOSE = "myapp/database-url"


def make(folder: Path, *more: str) -> tuple[str, bytes]:
    path = folder / f"key{len(list(folder.iterdir()))}"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "sealing", *more, "-f", path], check=True)
    return path.with_suffix(".pub").read_text(), path.read_bytes()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    return make(tmp_path_factory.mktemp("sealing"), "-t", "rsa", "-b", "3072")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    return make(tmp_path_factory.mktemp("other"), "-t", "rsa", "-b", "4096")


@pytest.mark.parametrize("value", [b"", b"x", bytes(range(256)), b"a" * 318, b"a" * 319, b"s3cret \n" * 2048])
def test_what_is_sealed_opens(pair: tuple[str, bytes], value: bytes) -> None:
    sealed = sealing.seal(pair[0], PURPOSE, value)
    assert sealing.is_sealed(sealed) and sealed.isascii() and sealed.isprintable()
    assert len(value) < 8 or value.decode("latin1") not in sealed
    assert sealing.opened([pair[1]], PURPOSE, sealed) == value


def test_another_key_opens_nothing_and_old_ones_do(pair: tuple[str, bytes], other: tuple[str, bytes]) -> None:
    sealed = sealing.seal(pair[0], PURPOSE, b"value")
    assert sealing.opened([other[1], pair[1]], PURPOSE, sealed) == b"value"
    with pytest.raises(SealError, match="another key"):
        sealing.opened([other[1]], PURPOSE, sealed)
    as_if = sealed.replace(sealing.key_id(pair[0]), sealing.key_id(other[0]))
    with pytest.raises(SealError, match="not sealed for"):
        sealing.opened([other[1]], PURPOSE, as_if)


@pytest.mark.parametrize("purpose", ["shop/database-url", "myapp/database-ur", "", "myapp/database-url\n"])
def test_it_opens_for_its_purpose_only(pair: tuple[str, bytes], purpose: str) -> None:
    with pytest.raises(SealError, match="not sealed for"):
        sealing.opened([pair[1]], purpose, sealing.seal(pair[0], PURPOSE, b"value"))


def test_blocks_are_neither_exchanged_nor_left_out(pair: tuple[str, bytes]) -> None:
    value = b"a" * 900
    first, second = (sealing.seal(pair[0], PURPOSE, value) for _number in range(2))
    one, two = first.split(":"), second.split(":")
    assert len(one) == 4 + 3
    for parts in (
        one[:-1],
        [*one[:4], one[5], one[4], one[6]],
        [*one, one[4]],
        [*one[:4], two[4], *one[5:]],
        [*one[:3], two[3], *one[4:]],
        [*one[:4], one[4].swapcase(), *one[5:]],
    ):
        with pytest.raises(SealError):
            sealing.opened([pair[1]], PURPOSE, ":".join(parts))


@pytest.mark.parametrize("text", ["", "sealed:1", "sealed:1:" + "0" * 16, "value", "sealed:2:x", "sealed:1:x:y:z\n"])
def test_what_is_not_sealed_is_refused(pair: tuple[str, bytes], text: str) -> None:
    assert not sealing.is_sealed(text)
    with pytest.raises(SealError, match="no sealed value"):
        sealing.opened([pair[1]], PURPOSE, text)


def test_too_much_is_refused(pair: tuple[str, bytes]) -> None:
    with pytest.raises(SealError, match="16384"):
        sealing.seal(pair[0], PURPOSE, b"x" * 16385)


def test_keys_of_other_types_are_named(tmp_path: Path, pair: tuple[str, bytes]) -> None:
    public, private = make(tmp_path, "-t", "ed25519")
    assert "RSA" in sealing.problem(public) and not sealing.problem(pair[0])
    with pytest.raises(SealError, match="RSA"):
        sealing.seal(public, PURPOSE, b"x")
    for key in (private, b"x"):
        with pytest.raises(SealError, match="private sealing key"):
            sealing.opened([key], PURPOSE, sealing.seal(pair[0], PURPOSE, b"x"))


def test_the_description_takes_a_good_key_only(platform, pair: tuple[str, bytes], make_key) -> None:
    platform.edit("platform.yml", lambda found: {**found, "sealing_key": pair[0].strip()})
    assert platform.mistakes() == []
    for key in (make_key("ed25519"), make_key("rsa", 2048), "ssh-rsa AAAA", "x"):
        platform.edit("platform.yml", lambda found, key=key: {**found, "sealing_key": key})
        (mistake,) = platform.mistakes()
        assert "sealing_key" in mistake.message
