# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house is as it is drawn: the parts of the program, and the paths that pages name. The floors: test_floors.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COLLECTION = ROOT / "collections/ansible_collections/ringmaster/hosting"
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
ROOTS = "awx|bin|changelogs|docs|example|inventory_plugins|molecule|module_utils|playbooks|plugins|roles|tests"


def named(page: str) -> list[str]:
    """Return the paths in code that a page names; those of the component that is to be added are none yet."""
    found = re.findall(rf"`((?:{ROOTS})/[\w./-]*)`", (ROOT / page).read_text())
    return [path for path in found if not re.search(r"/example\b", path) and path != "example/"]


def place_of(path: str) -> Path:
    return COLLECTION if path.startswith(("plugins/", "changelogs/")) else ROOT


@pytest.mark.parametrize(
    "page", ["AGENTS.md", "docs/architecture.md", "docs/contributing.md", "roles/machine/README.md"]
)
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    """From the top, or from the collection for what begins with plugins/ or changelogs/, as AGENTS.md says."""
    assert [path for path in named(page) if not (place_of(path) / path).exists()] == []
    assert page == "roles/machine/README.md" or len(named(page)) > 3


def test_the_drawn_program_has_every_part() -> None:
    (drawing,) = re.findall(r"```\n(roles/machine/files/python/ringmaster/\n.*?)```", ARCHITECTURE, re.DOTALL)
    parts = {path.parent.name for path in (ROOT / "roles/machine/files/python/ringmaster").glob("*/__init__.py")}
    assert set(re.findall(r"(?<![\w/])([a-z_]+)/(?= |\n)", drawing)) == parts
