# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs the tests: some of them, and on from where it was cut short."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from programs import load

TESTS = Path(__file__).parents[1]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.syspath_prepend(str(TESTS))
    module = load(TESTS / "runner.py")
    monkeypatch.setattr(module, "RECORDS", tmp_path)
    items = [
        module.Item("molecule: redis", [sys.executable, "-c", f"open({str(tmp_path / 'redis')!r}, 'a').write('x')"]),
        module.Item("drill: move", [sys.executable, "-c", f"raise SystemExit({str(tmp_path / 'ok')!r} == '')"], lane=1),
        module.Item("end to end", [sys.executable, "-c", "raise SystemExit(1)"]),
    ]
    monkeypatch.setattr(module.known, "SETS", {"test": lambda: items})
    return module


def test_words_choose_items(runner) -> None:
    items = runner.known.SETS["test"]()
    assert [item.title for item in runner.choose(items, ["redis", "endtoend"])] == ["molecule: redis", "end to end"]
    assert runner.choose(items, []) == items


@pytest.mark.parametrize(("word", "said"), [("rediss", "did you mean 'redis'"), ("zzz", "There are:")])
def test_a_word_that_no_title_has(runner, capsys: pytest.CaptureFixture[str], word: str, said: str) -> None:
    assert runner.main(["test", "--only", word]) == 2
    assert said in capsys.readouterr().err


def test_going_on_runs_what_has_not_passed(runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["test"]) == 1
    assert (tmp_path / "redis").read_text() == "x"
    capsys.readouterr()
    assert runner.main(["test", "--resume"]) == 1
    said = capsys.readouterr().out
    assert (tmp_path / "redis").read_text() == "x"
    assert "FAILED: end to end" in said
    assert "0 passed, 1 failed, 2 passed earlier" in said


def test_a_broken_record_counts_as_none(runner, tmp_path: Path) -> None:
    (tmp_path / "test.json").write_text("[1")
    assert runner.main(["test", "--resume", "--only", "redis"]) == 0
