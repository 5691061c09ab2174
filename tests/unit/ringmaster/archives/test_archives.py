# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came as a whole is unpacked, becomes current at once, and what was current before stays."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from ringmaster.archives import main


def bring(place: Path, **files: str) -> None:
    with tarfile.open(place, "w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name.replace("_", "/") + ".py")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))


def test_the_newest_is_current_and_the_one_before_stays(tmp_path: Path) -> None:
    brought, folder = tmp_path / "it.tar", tmp_path / "it"
    seen = []
    for number in range(3):
        bring(brought, a_b=f"number = {number}\n")
        assert not main.is_current(brought, folder)
        main.take(brought, folder)
        assert main.is_current(brought, folder)
        assert (folder / "current/a/b.py").read_text() == f"number = {number}\n"
        assert list((folder / "current/a/__pycache__").glob("b.*.pyc"))
        seen.append((folder / "current").readlink().name)
    assert {path.name for path in folder.iterdir()} == {"current", *seen[1:]}


def test_what_was_cut_short_is_done_again(tmp_path: Path) -> None:
    brought, folder = tmp_path / "it.tar", tmp_path / "it"
    bring(brought, a="1\n")
    partial = folder / f"{main.digest(brought)}.partial"
    partial.mkdir(parents=True)
    (partial / "old").write_text("old")
    main.take(brought, folder)
    assert sorted(path.name for path in (folder / "current").iterdir()) == ["__pycache__", "a.py"]


def test_nothing_is_written_beside_the_folder(tmp_path: Path) -> None:
    brought = tmp_path / "it.tar"
    with tarfile.open(brought, "w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))
    with pytest.raises(tarfile.TarError):
        main.take(brought, tmp_path / "it")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "it/current").exists()
