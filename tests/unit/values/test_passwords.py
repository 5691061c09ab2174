# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords that are made: their hashes are those of crypt(3)."""

from __future__ import annotations

import ctypes
import ctypes.util

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import checks
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import passwords


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 24, 63, 64, 65, 130])
@pytest.mark.parametrize("salt", ["a", "saltstring", "abcdefghijklmnop"])
def test_a_hash_is_that_of_the_c_library(length: int, salt: str) -> None:
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    password = ("pä$" * 50).encode()[:length]
    assert passwords.sha512_crypt(password, salt) == library.crypt(password, f"$6${salt}".encode()).decode()


def test_none_is_made_twice_and_the_description_takes_its_hash() -> None:
    made = {passwords.generate() for _time in range(200)}
    assert len(made) == 200
    assert all(len(one) == passwords.LENGTH and set(one) <= set(passwords.LETTERS) for one in made)
    one = made.pop()
    first, second = passwords.crypt(one), passwords.crypt(one)
    assert first != second
    assert checks.crypt_hash(first) == ""
    assert one not in first
