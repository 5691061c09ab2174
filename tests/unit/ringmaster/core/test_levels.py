# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From which value on a check warns: at its limit, not only above it."""

from __future__ import annotations

import pytest
from ringmaster.core.checks import CRITICAL, OK, WARNING, level


@pytest.mark.parametrize(
    ("value", "status"), [(0, OK), (89.9, OK), (90, WARNING), (94.9, WARNING), (95, CRITICAL), (1000, CRITICAL)]
)
def test_a_limit_belongs_to_what_it_begins(value: float, status: int) -> None:
    assert level(value, 90, 95) == status


def test_without_a_limit_nothing_is_critical() -> None:
    assert level(1e9, 90, float("inf")) == WARNING
