# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sizes
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "mebibytes"),
    [
        ("256MiB", 256),
        ("1GiB", 1024),
        ("2 GiB", 2048),
        ("1.5GiB", 1536),
        ("0.125TiB", 131072),
        ("1TiB", 1048576),
    ],
)
def test_parse(text: str, mebibytes: int) -> None:
    assert sizes.parse(text) == mebibytes


@pytest.mark.parametrize(
    "text", ["", "1", "1GB", "GiB", "-1GiB", "1.0001MiB", "0.1MiB", "1gib", "1GiB ", "1e3MiB", "٣GiB"]
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        sizes.parse(text)


@given(st.integers(min_value=0, max_value=10**8))
def test_render_is_the_inverse_of_parse(mebibytes: int) -> None:
    assert sizes.parse(sizes.render(mebibytes)) == mebibytes


@given(st.text(max_size=20))
def test_any_text_parses_or_is_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert sizes.parse(text) >= 0
    guess = sizes.suggest(text)
    assert not guess or sizes.parse(guess) >= 0


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("2GB", "2GiB"),
        ("2g", "2GiB"),
        ("512", "512MiB"),
        ("4", "4GiB"),
        ("1T", "1TiB"),
        ("lots", ""),
        ("5kB", ""),
    ],
)
def test_suggest(text: str, guess: str) -> None:
    assert sizes.suggest(text) == guess


@pytest.mark.parametrize(("memory", "swap"), [(512, 1024), (2048, 1024), (4096, 2048), (3073, 1536)])
def test_swap_is_half_the_memory_and_at_least_one_gib(memory: int, swap: int) -> None:
    assert sizes.swap_mib(memory) == swap


@pytest.mark.parametrize(("disk", "tmp"), [(10, 5), (50, 5), (51, 6), (100, 10)])
def test_tmp_is_a_tenth_of_the_disk_and_at_least_five_gib(disk: int, tmp: int) -> None:
    assert sizes.tmp_gib(disk) == tmp
