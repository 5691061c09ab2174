# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is packed on a controller: once, out of what another one brought where that is the same, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleError
from ansible_collections.ringmaster.hosting.plugins.lookup import archive as lookup
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import archive


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a small collection, a cache, and a package index that has one package."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    role = tmp_path / "collection/roles/portal/files"
    role.mkdir(parents=True)
    (role / "requirements.txt").write_text("one==1\n")
    monkeypatch.setattr(lookup, "COLLECTION", tmp_path / "collection")
    monkeypatch.setattr(lookup, "BROUGHT", tmp_path / "brought.tar")

    def installed(_requirements: Path, folder: Path) -> None:
        (folder / "one.py").write_text("one = 1\n")

    monkeypatch.setattr(archive, "installed", installed)
    return tmp_path / "cache/ringmaster/archives"


def packed(*terms: str) -> list[str]:
    return lookup.LookupModule().run(list(terms))


def test_the_same_is_packed_once_and_an_older_one_goes(cache: Path, tmp_path: Path) -> None:
    first = packed("collection", "portal")
    assert packed("collection", "portal") == first
    (tmp_path / "collection/roles/portal/files/more").write_text("more")
    (second,) = packed("collection")
    assert second != first[0]
    assert {str(path) for path in cache.iterdir()} == {second, first[1]}


def test_what_another_controller_brought_is_taken_where_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = packed("portal")
    Path(made).rename(lookup.BROUGHT)

    def nothing(_requirements: Path, _folder: Path) -> None:
        raise archive.ArchiveError("there is no package index here")

    monkeypatch.setattr(archive, "installed", nothing)
    assert packed("portal") == [str(lookup.BROUGHT)]
    (tmp_path / "collection/roles/portal/files/requirements.txt").write_text("one==2\n")
    with pytest.raises(AnsibleError, match="no package index"):
        packed("portal")


def test_what_nobody_knows_is_refused() -> None:
    with pytest.raises(AnsibleError, match="'/etc/passwd' is neither collection nor portal"):
        packed("/etc/passwd")
