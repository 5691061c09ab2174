# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pyproject.toml tells pytest, for ansible-test: it reads no settings of ours and imports no sibling of a test."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parent / "unit"
PROGRAM = Path(__file__).parents[1] / "roles/machine/files/python"
PORTAL = Path(__file__).parents[1] / "roles/portal/files/portal"
SCENARIOS = Path(__file__).parents[1] / "molecule"
# What pyproject.toml says to pytest, which ansible-test does not read.
sys.path[:0] = [
    str(PROGRAM),
    str(PORTAL),
    str(SCENARIOS),
    str(UNIT.parent),
    str(UNIT),
    *(str(path) for path in UNIT.rglob("*") if path.is_dir()),
]
LEFT_OUT = ("slow", "thorough")
"""Marks of tests that the gate leaves to pytest: what starts programs is the same there and takes half the time."""
os.environ["CI"] = "true"  # ansible-test passes no variables on; see unit/conftest.py


def pytest_configure(config: pytest.Config) -> None:
    for name in LEFT_OUT:
        config.addinivalue_line("markers", f"{name}: not run here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if not any(map(item.get_closest_marker, LEFT_OUT))]
