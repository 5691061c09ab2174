# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs the tests: some of them, and on from where it was cut short."""

from __future__ import annotations

import subprocess
import sys
import time
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


HANGS = """
import subprocess, sys, time
with open({path!r}, "w") as file:
    file.write(str(subprocess.Popen(["sleep", "60"]).pid))
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("it was here")
"""


def is_running(pid: int) -> bool:
    try:
        return "sleep" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def test_what_hangs_is_interrupted_and_the_next_item_runs(
    runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    argv = [sys.executable, "-c", HANGS.format(path=str(tmp_path / "pid"))]
    items = [runner.Item("hangs", argv, limit=2), *runner.known.SETS["test"]()[:1]]
    monkeypatch.setattr(runner.known, "SETS", {"test": lambda: items})
    assert runner.main(["test"]) == 1
    said = capfd.readouterr().out
    assert "it was here" in said
    assert "=== It did not end within 2 s: interrupted\n=== FAILED: hangs" in said
    assert "=== passed: molecule: redis" in said
    assert not is_running(int((tmp_path / "pid").read_text()))
    assert not runner.RUNNING


def test_whoever_ends_the_runner_ends_what_it_runs(tmp_path: Path) -> None:
    code = f"""
import subprocess
import sys
import time
sys.path.insert(0, {str(TESTS)!r})
import runner
hangs = runner.Item("hangs", [sys.executable, "-c", {HANGS.format(path=str(tmp_path / "pid"))!r}])
runner.execute([hangs, hangs], runner.Records(runner.Path({str(tmp_path / "records")!r})), "", 0)
"""
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert running.poll() is None
        time.sleep(0.05)
    running.terminate()
    said, _none = running.communicate(timeout=30)
    assert running.returncode
    assert said.count("=== begins: hangs") == 1
    assert not is_running(int((tmp_path / "pid").read_text()))
