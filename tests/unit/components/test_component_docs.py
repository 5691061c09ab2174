# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables in the pages of components are what the code says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def generate(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "docs/components/generate", "--check"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def test_pages_are_current() -> None:
    done = generate(ROOT)
    assert done.returncode == 0, done.stderr


def test_a_page_that_is_not_current_is_found(tmp_path: Path) -> None:
    for part in ("collections", "roles"):
        (tmp_path / part).symlink_to(ROOT / part)
    shutil.copytree(ROOT / "docs/components", tmp_path / "docs/components")
    page = tmp_path / "docs/components/redis.md"
    page.write_text(page.read_text().replace("| `REDIS_PORT` | `6380` |", "| `REDIS_PORT` | `6379` |"))
    done = generate(tmp_path)
    assert done.returncode == 1
    assert "not current: docs/components/redis.md" in done.stderr
