# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nouns and verbs follow their number in what programs say."""

from __future__ import annotations

import pytest
from ringmaster.core.checks import in_use
from ringmaster.core.report import counted


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((0, "certificate"), "0 certificates"),
        ((1, "certificate"), "1 certificate"),
        ((2, "certificate"), "2 certificates"),
        ((1, "repository is", "repositories are"), "1 repository is"),
        ((3, "repository is", "repositories are"), "3 repositories are"),
    ],
)
def test_a_number_and_its_noun(words, expected):
    assert counted(*words) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "No drop-ins in /etc/local/redis."),
        (1, "1 drop-in of /etc/local/redis is in use, none is refused."),
        (2, "2 drop-ins of /etc/local/redis are in use, none is refused."),
    ],
)
def test_drop_ins_in_use(number, expected):
    assert in_use(number, "/etc/local/redis") == expected
