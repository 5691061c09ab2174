# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables in the pages of components are what the code says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.common import COMPONENTS

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")), *sorted((ROOT / "roles").glob("*/README.md"))]
EXAMPLES = [
    pytest.param(text, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, text in enumerate(re.findall(r"```ya?ml\n(.*?)```", page.read_text(), re.DOTALL))
]


def generate(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "bin/generate", "--check", "docs/components/generate"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def test_pages_are_current() -> None:
    done = generate(ROOT)
    assert done.returncode == 0, done.stderr


def test_a_page_that_is_not_current_is_found(tmp_path: Path) -> None:
    for part in ("collections", "roles"):
        (tmp_path / part).symlink_to(ROOT / part)
    for part in ("bin", "docs/components"):
        shutil.copytree(ROOT / part, tmp_path / part)
    page = tmp_path / "docs/components/redis.md"
    page.write_text(page.read_text().replace("| `REDIS_PORT` | `6380` |", "| `REDIS_PORT` | `6379` |"))
    done = generate(tmp_path)
    assert done.returncode == 1
    assert "not current: docs/components/redis.md" in done.stderr


def components(content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each component of an example with its options."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key == "components" and isinstance(value, dict):
                yield from ((name, options or {}) for name, options in value.items())
            yield from components(value)


def unknown(options: dict[str, Any], specification: dict[str, Any], prefix: str = "") -> list[str]:
    """Return the options that a role does not have, at any depth."""
    wrong = [name for name in options if prefix + name not in specification]
    for name, value in options.items():
        if deeper := specification.get(prefix + name, {}).get("options"):
            items = value if isinstance(value, list) else [value]
            wrong += [each for item in items for each in unknown(item, deeper)]
    return wrong


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_name_options_that_exist(text: str) -> None:
    for name, options in components(yaml.safe_load(text)):
        assert name in COMPONENTS
        path = ROOT / "roles" / name / "meta/argument_specs.yml"
        specification = yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"]
        assert unknown(options, specification, f"{name}_") == []
