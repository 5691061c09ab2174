# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages about VMs say what the code does and name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from programs import load

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs/virtual-machines"


def test_generated_pages_are_current() -> None:
    for name, text in load(FOLDER / "generate").pages().items():
        assert (ROOT / name).read_text() == text, "run make generate"


def test_every_test_that_the_answers_name_exists() -> None:
    page = (FOLDER / "answers.md").read_text()
    assert len(re.findall(r"^\| \d+ \|", page, re.MULTILINE)) == 25
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    missing = [name for name in re.findall(r"`(test_\w+)`", page) if f"def {name}(" not in sources]
    assert missing == []
