# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inbox of drop-ins: whoever may write the folder may try everything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ringmaster.core import inbox

ALLOWED = frozenset({"timeout", "hz"})


def judge(text: str) -> None:
    inbox.only_allowed(text, ALLOWED)


def test_takes_what_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "b.conf").write_text("hz 10\r\n")
    (tmp_path / "a.conf").write_text("# comment\n\n  TIMEOUT 5\n")
    (tmp_path / "README").write_text("dir /")
    found = inbox.read(tmp_path, ".conf", judge)
    assert list(found.texts.items()) == [("a.conf", "# comment\n\n  TIMEOUT 5\n"), ("b.conf", "hz 10\n")]
    assert found.refused == {}


def test_missing_folder_is_empty(tmp_path: Path) -> None:
    assert inbox.read(tmp_path / "none", ".conf", judge) == inbox.Inbox()
    assert inbox.signature(tmp_path / "none", ".conf") == []


def test_refusals_name_the_reason_and_leave_the_rest(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("hz 10\n")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.conf").write_text("hz 10\n")
    (folder / "link.conf").symlink_to(outside)
    (folder / "hard.conf").hardlink_to(outside)
    (folder / "folder.conf").mkdir()
    os.mkfifo(folder / "pipe.conf")
    (folder / "large.conf").write_text("#" * (inbox.SIZE_LIMIT + 1))
    (folder / "binary.conf").write_bytes(b"\xff\xfe")
    (folder / "control.conf").write_bytes(b"hz 1\x000\n")
    (folder / "directive.conf").write_text("hz 1\n\nDir /tmp\n")
    (folder / "sp ace.conf").write_text("hz 10\n")
    (folder / "..conf").write_text("hz 10\n")
    (folder / "ev\nil.conf").write_text("hz 10\n")
    found = inbox.read(folder, ".conf", judge)
    assert list(found.texts) == ["good.conf"]
    assert found.refused == {
        "..conf": "the name must be letters, digits, '-' and '_'",
        "binary.conf": "it is not UTF-8 text",
        "control.conf": "it has control characters",
        "directive.conf": "line 3: the directive 'dir' is not allowed here",
        "ev?il.conf": "the name must be letters, digits, '-' and '_'",
        "folder.conf": "it is not a regular file",
        "hard.conf": "it has a second name (hard link)",
        "large.conf": "it is larger than 64 KiB",
        "link.conf": "it is a link or cannot be opened",
        "pipe.conf": "it is not a regular file",
        "sp ace.conf": "the name must be letters, digits, '-' and '_'",
    }


def test_folder_itself_may_not_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(OSError, match=r"link|directory"):
        inbox.read(tmp_path / "link", ".conf", judge)


def test_too_many_files(tmp_path: Path) -> None:
    for number in range(inbox.NUMBER_LIMIT + 1):
        (tmp_path / f"{number:03}.conf").write_text("hz 10\n")
    found = inbox.read(tmp_path, ".conf", judge)
    assert len(found.texts) == inbox.NUMBER_LIMIT
    assert found.refused == {"050.conf": "there are more than 50 files"}


def test_signature_changes_with_every_change(tmp_path: Path) -> None:
    seen = [inbox.signature(tmp_path, ".conf")]
    path = tmp_path / "a.conf"
    for change in (
        lambda: path.write_text("1"),
        lambda: path.write_text("2"),
        lambda: path.rename(tmp_path / "b.conf"),
    ):
        change()
        seen.append(inbox.signature(tmp_path, ".conf"))
    (tmp_path / "b.conf").unlink()
    assert inbox.signature(tmp_path, ".conf") == seen[0]
    assert all(seen.count(one) == 1 for one in seen)
