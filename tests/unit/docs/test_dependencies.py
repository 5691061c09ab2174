# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that says why each dependency is there names each of them, and the lock files hold them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/dependencies.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SUPPORTED = yaml.safe_load((ROOT / "docs/reference/supported.yml").read_text())
LOCKS = sorted(ROOT.glob("requirements-*.lock"))


def named(text: str) -> set[str]:
    """Return what the first cells of a table name."""
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.split(r", ", cell)} - {"What"}


def wanted() -> set[str]:
    given = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    return {re.split(r"[<>=~! ]", each)[0] for each in given}


def plain(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_page_names_every_dependency_and_no_other() -> None:
    lines = (ROOT / "system-packages.txt").read_text().splitlines()
    packages = {line.split()[0] for line in lines if line and not line.startswith("#")}
    assert named(PAGE) == wanted() | packages


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_holds_every_dependency_at_one_version(lock: Path) -> None:
    lines = [line for line in lock.read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^ ]+", line) for line in lines)
    assert {plain(each) for each in wanted()} <= {plain(line.partition("==")[0]) for line in lines}


def test_the_versions_of_ansible_core_are_the_same_everywhere() -> None:
    runtime = yaml.safe_load((ROOT / "collections/ansible_collections/ringmaster/hosting/meta/runtime.yml").read_text())
    assert runtime["requires_ansible"] == ">=2.19.0,<2.22.0"
    assert "ansible-core>=2.19,<2.22" in PROJECT["dependencies"]
    locked = {re.search(r"^ansible-core==(\d+\.\d+)", lock.read_text(), re.MULTILINE)[1] for lock in LOCKS}
    assert locked == {"2.19", "2.21"}
    assert {row["version"] for row in SUPPORTED if row["what"] == "ansible-core"} == {"2.19", "2.20", "2.21"}
