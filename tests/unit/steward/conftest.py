# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A steward on a description of its own: without git where a test needs no commit."""

from __future__ import annotations

import shutil
from pathlib import Path

import askers
import pytest
from desks import NAMES, Steward, git


@pytest.fixture(scope="session")
def people() -> dict[str, askers.Asker]:
    return {name: askers.Asker(name) for name in NAMES}


@pytest.fixture(scope="session")
def _town(tmp_path_factory: pytest.TempPathFactory, people: dict[str, askers.Asker]) -> Path:
    folder = tmp_path_factory.mktemp("town")
    (folder / "roles").mkdir()
    return askers.settle(folder / "platform", folder / "roles", people.values())


@pytest.fixture
def make_source(tmp_path: Path, _town: Path) -> Path:
    (tmp_path / "roles").mkdir()
    shutil.copytree(_town.parent, tmp_path / "platform")
    return tmp_path / "platform" / _town.name


@pytest.fixture
def steward(tmp_path: Path, make_source: Path) -> Steward:
    return Steward(tmp_path, make_source, tmp_path / "roles")


@pytest.fixture
def written(tmp_path: Path, make_source: Path, monkeypatch: pytest.MonkeyPatch) -> Steward:
    """Give a steward whose description is in a repository."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = make_source.parent
    make_source.write_text(f"plugin: ringmaster.hosting.platform\ndescription_repo: {tmp_path / 'bare.git'}\n")
    (folder / ".gitignore").write_text("known_hosts\n")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "bare.git")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Begin")
    git(folder, "push", "-q", str(tmp_path / "bare.git"), "HEAD:main")
    git(tmp_path, "clone", "-q", "bare.git", "checkout")
    return Steward(tmp_path, tmp_path / "checkout" / make_source.name, tmp_path / "roles")
