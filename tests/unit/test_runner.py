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


def test_notices_are_repeated_at_the_end(
    runner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says = runner.Item("says", [sys.executable, "-c", "print('NOTICE: 3.99 ends in 5 days\\nno NOTICE: of ours')"])
    others = runner.known.SETS["test"]()[1:]
    monkeypatch.setattr(runner.known, "SETS", {"test": lambda: [says, *others]})
    assert runner.main(["test"]) == 1
    end = capsys.readouterr().out.partition("seconds ")[2]
    assert [line for line in end.splitlines() if "NOTICE" in line] == ["NOTICE: 3.99 ends in 5 days"]


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
runner.execute([hangs, hangs], runner.Records(runner.Path({str(tmp_path / "records")!r})), "")
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


@pytest.mark.parametrize("name", ["check", "test"])
def test_a_set_is_as_short_as_it_was_promised(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each item has a usual duration; each lane alone, and all together on two processors, fit into the set's time."""
    monkeypatch.syspath_prepend(str(TESTS))
    items = load(TESTS / "items.py")
    usual = items.usual(name)
    assert not [item.title for item in items.SETS[name]() if item.title not in usual]
    lanes: dict[int, float] = {}
    for item in items.SETS[name]():
        lanes[item.lane] = lanes.get(item.lane, 0) + usual[item.title]
    assert max(*(lanes[lane] for lane in lanes), sum(lanes.values()) / 2) <= items.BUDGETS[name], lanes


def test_what_may_run_in_either_lane_runs_once_when_one_has_nothing_left(
    runner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    either = [runner.Item(f"gate {number}", [sys.executable, "-c", ""], lane=2) for number in range(4)]
    waits = runner.Item("waits", [sys.executable, "-c", "import time; time.sleep(2)"], lane=1)
    monkeypatch.setattr(runner.known, "SETS", {"test": lambda: [*either, runner.Item("quick", ["true"]), waits]})
    assert runner.main(["test"]) == 0
    said = capsys.readouterr().out
    order = [line.partition("begins: ")[2] for line in said.splitlines() if "begins" in line]
    assert set(order[:2]) == {"quick", "waits"}
    assert order[2:] == [item.title for item in either]
    assert said.index("passed: gate 3") < said.index("passed: waits")


def test_what_it_took_is_kept_and_shown_beside_the_next_run(
    runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner.known, "USUAL", tmp_path / "usual.json")
    (tmp_path / "usual.json").write_text('{"test": {"gone": 7, "end to end": 3}, "drill": {"x": 1}}')
    assert runner.main(["test", "--keep"]) == 1
    kept = runner.json.loads((tmp_path / "usual.json").read_text())
    assert kept["drill"] == {"x": 1}
    assert set(kept["test"]) == {"drill: move", "end to end", "molecule: redis"}
    assert kept["test"]["end to end"] == 3, "it failed: how long that took says nothing"
    assert "slow" not in runner.table({"a": runner.Result(True, 12, "")}, {"a": 5.0}, {})
    assert "a  slow" in runner.table({"a": runner.Result(True, 13, "")}, {"a": 5.0}, {})


def test_what_a_machine_has_no_means_for_is_named(
    runner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [runner.Item("other ansible-core: units", [sys.executable, "-c", "raise SystemExit(77)"])]
    monkeypatch.setattr(runner.known, "SETS", {"test": lambda: items})
    assert runner.main(["test"]) == 0
    assert "LEFT OUT: other ansible-core: units" in capsys.readouterr().out


def test_why_it_failed_stands_at_the_end(
    runner, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who has only the end of a long output, as of a CI run, sees which test it was."""
    said = "FAILED tests/a.py::test_it[1] - AssertionError: no answer\\n3 failed, 2 passed"
    items = [
        runner.Item("network", [sys.executable, "-c", f"print('{said}'); raise SystemExit(1)"]),
        runner.Item("lint", [sys.executable, "-c", "print('a.yml:3 is wrong'); raise SystemExit(1)"], lane=1),
    ]
    monkeypatch.setattr(runner.known, "SETS", {"test": lambda: items})
    assert runner.main(["test"]) == 1
    end = capfd.readouterr().out[-400:]
    assert "FAILED: network\n  FAILED tests/a.py::test_it[1] - AssertionError: no answer\n" in end
    assert "FAILED: lint\n  a.yml:3 is wrong\n" in end
