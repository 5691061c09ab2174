# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder becomes the steward's repository, and what is changed in it later comes there without losing requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import seed
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.seed import SeedError
from desks import git

pytestmark = pytest.mark.thorough


@pytest.fixture
def bare(tmp_path: Path, platform: Any) -> Path:
    platform.allocate()
    platform.write("secrets/ca.key", "secret\n")
    assert "begins with" in seed.seed(platform.options, tmp_path / "bare.git")
    return tmp_path / "bare.git"


def by_request(bare: Path, name: str, old: str, new: str) -> None:
    """Change a file as a request does."""
    clone = bare.parent / "clone"
    if not clone.exists():
        git(bare.parent, "clone", "-q", str(bare), "clone")
    git(clone, "pull", "-q")
    path = clone / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    git(clone, "commit", "-qam", "A request")
    git(clone, "push", "-q")


def show(bare: Path, name: str) -> str:
    return git(bare, "show", f"main:{name}")


def test_all_of_it_is_there_but_secrets(bare: Path, platform: Any) -> None:
    listed = git(bare, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert {"platform.yml", "platform.ringmaster.yml", "projects/myapp.yml", "allocations.yml"} <= set(listed)
    assert not [name for name in listed if name.startswith("secrets") or name == "known_hosts"]
    assert seed.seed(platform.options, bare) == ""
    assert git(bare, "rev-list", "--count", "main") == "1"


def test_changes_of_both_sides_are_kept(bare: Path, platform: Any) -> None:
    by_request(bare, "projects/myapp.yml", "myapp00:", "myapp00: # by a request")
    by_request(bare, "allocations.yml", "vm_ids:", "vm_ids: # grown")
    platform.write("projects/blog.yml", "description: A blog\n")
    platform.write("allocations.yml", (platform.folder / "allocations.yml").read_text() + "# of the folder\n")
    assert "is in the repository" in seed.seed(platform.options, bare)
    assert "by a request" in show(bare, "projects/myapp.yml")
    assert "A blog" in show(bare, "projects/blog.yml")
    assert "grown" in show(bare, "allocations.yml") and "of the folder" not in show(bare, "allocations.yml")
    assert seed.seed(platform.options, bare) == ""
    # And again, from there on.
    platform.write("projects/blog.yml", "description: Our blog\n")
    seed.seed(platform.options, bare)
    assert "Our blog" in show(bare, "projects/blog.yml")


def test_a_conflict_is_refused_and_named_and_loses_nothing(bare: Path, platform: Any) -> None:
    by_request(bare, "projects/myapp.yml", "myapp00:", "myapp00: # by a request")
    platform.replace("projects/myapp.yml", "myapp00:", "myapp00: # by the folder")
    before = git(bare, "rev-parse", "main")
    with pytest.raises(SeedError, match=r"projects/myapp.yml: changed in .* and by requests"):
        seed.seed(platform.options, bare)
    assert git(bare, "rev-parse", "main") == before
    assert "by the folder" in (platform.folder / "projects/myapp.yml").read_text()


def test_what_would_not_be_valid_is_not_taken(bare: Path, platform: Any) -> None:
    platform.write("projects/blog.yml", "descriptoin: A blog\n")
    before = git(bare, "rev-parse", "main")
    with pytest.raises(SeedError, match=r"projects/blog.yml.*descriptoin"):
        seed.seed(platform.options, bare)
    assert git(bare, "rev-parse", "main") == before


def test_a_repository_of_somebody_else_is_left_alone(tmp_path: Path, platform: Any) -> None:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "other.git")
    git(tmp_path, "clone", "-q", "other.git", "work")
    git(tmp_path / "work", "commit", "-q", "--allow-empty", "-m", "x")
    git(tmp_path / "work", "push", "-q", "origin", "HEAD:main")
    with pytest.raises(SeedError, match="was not begun from a folder"):
        seed.seed(platform.options, tmp_path / "other.git")
