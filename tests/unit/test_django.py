# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Django is the portal's alone: the platform is complete without it, and the collection does not need it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PORTAL = (ROOT / "roles/portal/files/portal", ROOT / "tests/unit/portal")
FOLDERS = ("awx", "bin", "collections", "docs", "inventory_plugins", "molecule", "playbooks", "roles", "tests")


def programs() -> Iterator[Path]:
    """Return all files of Python, by their name or their first line; each once, through whatever link."""
    seen = set()
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*")):
        real = path.resolve()
        if real in seen or not real.is_file() or "__pycache__" in real.parts:
            continue
        seen.add(real)
        if real.suffix == ".py" or (not real.suffix and real.read_bytes()[:80].split(b"\n")[0].endswith(b"python3")):
            yield real


def imported(path: Path) -> set[str]:
    """Return the top names of what a file imports, at its top or elsewhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def test_nobody_else_imports_django_or_the_portal() -> None:
    users = {path for path in programs() if imported(path) & {"django", "portal"}}
    strangers = [str(path.relative_to(ROOT)) for path in users if not any(path.is_relative_to(one) for one in PORTAL)]
    assert strangers == []
    assert len(users) > 5, "imports are not found any more"


def test_the_collection_does_not_need_it() -> None:
    meta = ROOT / "collections/ansible_collections/ringmaster/hosting/meta"
    assert "django" not in (meta / "ee-requirements.txt").read_text().lower()
    needed = re.search(r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S)
    assert needed and "django" not in needed[1].lower()
    assert yaml.safe_load((ROOT / "requirements.yml").read_text()) == {"collections": []}
