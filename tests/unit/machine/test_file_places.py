# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module files works as root: never below a folder that another account could exchange, never on what was exchanged."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import file_apply, file_plan
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_plan import Entry, FilesError, Node

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o2775])
def test_nothing_is_planned_below_a_folder_that_others_write(tmp_path: Path, mode: int) -> None:
    (tmp_path / "theirs/sub").mkdir(parents=True)
    (tmp_path / "theirs").chmod(mode)
    for path in ("theirs/file", "theirs/sub/file", "theirs/sub/new/file"):
        with pytest.raises(FilesError, match="theirs can be written by others than root"):
            file_plan.plan([Entry(str(tmp_path / path), content=b"x", parents=True)])
    with pytest.raises(FilesError, match="can be written"):
        file_plan.plan([Entry(str(tmp_path / "theirs/file"), state="absent")])


@AS_ROOT
def test_nothing_is_planned_below_somebody_elses_folder(tmp_path: Path) -> None:
    (tmp_path / "home/sub").mkdir(parents=True)
    os.chown(tmp_path / "home", 1, 1)
    with pytest.raises(FilesError, match="home can be written"):
        file_plan.plan([Entry(str(tmp_path / "home/sub/file"), content=b"x")])
    (tmp_path / "link").symlink_to("home/sub")
    with pytest.raises(FilesError, match="home can be written"):
        file_plan.plan([Entry(str(tmp_path / "link/file"), content=b"x")])


def test_a_sticky_folder_and_the_folder_itself_are_roots(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox").chmod(0o3775)
    plan = file_plan.plan(
        [Entry(str(tmp_path / "inbox"), state="directory"), Entry(str(tmp_path / "inbox/README"), content=b"x")]
    )
    assert plan.paths == [str(tmp_path / "inbox/README")]


@pytest.mark.parametrize("what", ["link", "fifo", "folder"])
def test_what_was_exchanged_is_not_given_away(tmp_path: Path, what: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    place = tmp_path / "file"
    {"link": lambda: place.symlink_to(secret), "fifo": lambda: os.mkfifo(place), "folder": place.mkdir}[what]()
    with pytest.raises((FilesError, OSError)):
        file_apply._set_attributes(place, Node("file", 0o666, os.geteuid(), os.getegid()))
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
