# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that is taken back where other programs have written meanwhile."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import file_apply, file_plan, file_rollback
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_plan import Entry, FilesError

CACHE = "mkdir -p a/b/__pycache__ && touch a/b/__pycache__/new.cpython-313.pyc a/b/__pycache__/new.cpython-313.pyc.1234"


def entries(root: Path) -> list[Entry]:
    (root / "old").mkdir()
    (root / "old/inner").write_text("keep me")
    return [
        Entry(f"{root}/old", state="absent", recurse=True),
        Entry(f"{root}/a/b/new.py", content=b"new", parents=True),
    ]


def picture(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): "" if path.is_dir() else path.read_text() for path in sorted(root.rglob("*"))}


def failed(root: Path, meanwhile: str) -> list[str]:
    """Return what a change tells whose check fails after something else has done ``meanwhile``."""
    plan = file_plan.plan(entries(root))
    with pytest.raises(FilesError) as caught:
        file_apply.apply(plan.changes, verify=shlex.join(["sh", "-c", f"cd '{root}' && {meanwhile}; exit 3"]))
    return caught.value.problems[1:]


@pytest.mark.parametrize("meanwhile", ["true", CACHE, "rm a/b/new.py", "rm -r a", "mkdir old"])
def test_all_is_as_it_was(tmp_path: Path, meanwhile: str) -> None:
    assert failed(tmp_path, meanwhile) == ["All files were put back."]
    assert picture(tmp_path) == {"old": "", "old/inner": "keep me"}


@pytest.mark.parametrize(
    ("meanwhile", "stays", "told"),
    [
        (f"{CACHE}; touch a/b/data", {"a", "a/b", "a/b/data"}, ["a/b: .* has put data into it"]),
        ("touch a/1 a/2 a/3 a/4", {"a", "a/1", "a/2", "a/3", "a/4"}, ["a: .* has put 1, 2, 3, … into it"]),
        (
            "touch a/b/data a/more",
            {"a", "a/b", "a/b/data", "a/more"},
            ["a/b: .* data into it", "a: .* has put more into it"],
        ),
    ],
)
def test_what_others_wrote_into_a_new_folder_is_kept_and_told(
    tmp_path: Path, meanwhile: str, stays: set[str], told: list[str]
) -> None:
    first, *others = failed(tmp_path, meanwhile)
    assert first == "All files were put back."
    assert len(others) == len(told)
    for line, expected in zip(others, told, strict=True):
        assert re.fullmatch(f"{tmp_path}/{expected} meanwhile\\.", line)
    assert set(picture(tmp_path)) == {"old", "old/inner", *stays}


def test_what_others_made_in_place_of_a_removed_folder_is_kept_beside_it(tmp_path: Path) -> None:
    first, other = failed(tmp_path, "mkdir old && echo theirs > old/inner")
    assert first == "All files were put back."
    kept = Path(other.removesuffix(".").rpartition(" ")[2])
    assert (kept / "inner").read_text() == "theirs\n"
    assert (tmp_path / "old/inner").read_text() == "keep me"


def test_what_cannot_be_put_back_is_not_told_to_be_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if str(target).endswith("/old"):
            raise OSError(5, os.strerror(5), str(self), None, str(target))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    first, other = failed(tmp_path, "true")
    assert first == "Not everything could be put back."
    kept = re.fullmatch(rf"{tmp_path}/old could not be put back: Input/output error \(as it was: (.*)\)", other)
    assert kept
    assert (Path(kept[1]) / "inner").read_text() == "keep me"


@pytest.mark.parametrize(
    ("meanwhile", "stays"),
    [(CACHE, set()), (f"{CACHE}; touch a/b/data", {"a", "a/b", "a/b/data"}), ("mkdir old && touch old/x", {"x"})],
)
def test_the_guard_does_the_same(
    tmp_path: Path, meanwhile: str, stays: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_rollback, "_has_systemd", lambda: False)
    root = tmp_path / "root with space"
    root.mkdir()
    plan = file_plan.plan(entries(root))
    file_rollback.arm("t", plan.changes, [], 600, tmp_path / "state")
    file_apply.apply(plan.changes)
    subprocess.run(["sh", "-c", meanwhile], check=True, cwd=root)
    subprocess.run(["sh", str(tmp_path / "state/t/roll-back")], check=True, capture_output=True)
    found = {re.sub(r"^old\.rm-left-\d+/", "", name) for name in picture(root) if not re.search(r"left-\d+$", name)}
    assert found == {"old", "old/inner", *stays}
    assert (root / "old/inner").read_text() == "keep me"


def test_a_folder_that_fills_while_it_is_removed_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = file_apply.shutil.rmtree, []

    def rmtree(path: Path, **options: bool) -> None:
        calls.append(path)
        if len(calls) > 1:
            real(path, **options)

    monkeypatch.setattr(file_apply.shutil, "rmtree", rmtree)
    file_apply.apply(file_plan.plan(entries(tmp_path)).changes)
    assert set(picture(tmp_path)) == {"a", "a/b", "a/b/new.py"}
