# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results: what is kept, published and shown, and the program as a whole."""

from __future__ import annotations

import getpass
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.check import results
from ringmaster.check.definitions import Definition
from ringmaster.check.execution import Outcome
from ringmaster.check.main import main

CHECK = Definition("redis", "login", command=("/bin/true",))


def result(status: int = 0, when: float = 1000.0, since: float = 900.0, name: str = "login") -> results.Result:
    return results.Result("redis", name, status, results.STATES[status], "said", when, since, 0.1, 60)


@pytest.mark.parametrize(
    ("now", "due"), [(1000.0, False), (1049.9, False), (1050.0, True), (1060.0, True), (999.0, True)]
)
def test_due(now: float, due: bool) -> None:
    assert results.is_due(CHECK, result(), now) is due


def test_new_check_is_due() -> None:
    assert results.is_due(CHECK, None, 0)


def test_since_is_kept_while_the_state_lasts() -> None:
    same = results.from_outcome(Outcome(CHECK, 0, "m", 2000.0, 0.1), result())
    other = results.from_outcome(Outcome(CHECK, 2, "m", 2000.0, 0.1), result())
    assert (same.since, other.since) == (900.0, 2000.0)


@given(st.lists(st.integers(0, 3)))
def test_worst(statuses: list[int]) -> None:
    worst = results.worst(result(status) for status in statuses)
    if 2 in statuses:
        assert worst == 2
    elif 3 in statuses:
        assert worst == 3
    else:
        assert worst == max(statuses, default=0)


def test_metrics() -> None:
    text = results.metrics([result(2, name="b"), result(0, name="a")], 1234.5, {})
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines[0] == 'ringmaster_check_status{component="redis",check="a"} 0'
    assert lines[1] == 'ringmaster_check_status{component="redis",check="b"} 2'
    assert lines[-1] == "ringmaster_check_timestamp_seconds 1234"
    assert text.endswith("\n")


def test_what_a_machine_was_converged_with_is_handed_out_once_it_is_reached(tmp_path: Path) -> None:
    record = {"digest": "0123456789abcdef", "commit": "abc1234+", "at": 1234}
    assert results.convergence(tmp_path) == {}
    (tmp_path / "wanted").write_text("0123456789abcdef\n")
    assert results.convergence(tmp_path) == {}
    (tmp_path / "reached").write_text(json.dumps(record))
    found = results.convergence(tmp_path)
    assert found == record
    assert results.document([], 1.0, found)["convergence"] == record
    text = results.metrics([], 1.0, found)
    assert 'ringmaster_converged_timestamp_seconds{digest="0123456789abcdef",commit="abc1234+"} 1234\n' in text
    # Another run has begun and not ended.
    (tmp_path / "wanted").write_text("fedcba9876543210\n")
    assert results.convergence(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"digest": "a", "commit": "b", "at": "x"}', "\x00"])
def test_what_cannot_be_read_was_not_reached(tmp_path: Path, text: str) -> None:
    (tmp_path / "wanted").write_text("a\n")
    (tmp_path / "reached").write_text(text)
    assert results.convergence(tmp_path) == {}


def test_text_shows_the_worst_first() -> None:
    content = results.document([result(0, name="a"), result(2, name="b")], 1000.0, {})
    lines = results.as_text(content, 1060.0).splitlines()
    assert "1 critical, 1 ok (60 s ago)" in lines[0]
    assert lines[1] == "CRITICAL  redis/b  said (for 3 min)"
    assert lines[2] == "OK        redis/a  said"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (5, "5 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200000, "2 d")],
)
def test_age(seconds: float, text: str) -> None:
    assert results.age(seconds) == text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0, "checks": []}', '{"format": 1, "checks": [{"x": 1}]}'])
def test_unreadable_results_count_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "r").write_text(text)
    assert results.read(tmp_path / "r") == {}


class Program:
    """ringmaster-check in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.definitions = folder / "checks.d"
        self.definitions.mkdir()

    def define(self, name: str, script: str, /, **more: object) -> None:
        check = {
            "component": "t",
            "name": name,
            "command": ["/bin/sh", "-c", script],
            "user": getpass.getuser(),
            **more,
        }
        path = self.definitions / f"{name}.json"
        path.write_text(json.dumps(check))
        path.chmod(0o644)

    def run(self, *arguments: str) -> int:
        places = (
            ("definitions", "checks.d"),
            ("functions", "functions"),
            ("results", "r/checks.json"),
            ("metrics", "m/c.prom"),
        )
        words = [word for name, place in places for word in (f"--{name}", str(self.folder / place))]
        return main([*arguments, *words])

    def checks(self) -> dict[str, dict[str, object]]:
        content = json.loads((self.folder / "r/checks.json").read_text())
        return {f"{check['component']}/{check['check']}": check for check in content["checks"]}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_now_runs_all_and_prints(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    program.define("good", "echo fine")
    program.define("bad", "echo down; exit 2", interval=3600)
    assert program.run("--now", "--exit-code") == 2
    shown = capsys.readouterr()
    assert "CRITICAL  t/bad" in shown.out
    assert "t/bad: ok -> critical: down" in shown.err
    assert (program.folder / "r/checks.json").stat().st_mode & 0o777 == 0o644
    assert 'ringmaster_check_status{component="t",check="bad"} 2' in (program.folder / "m/c.prom").read_text()
    assert program.run("--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "critical"


def test_due_runs_only_what_is_due_and_is_silent(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    program.define("counts", f"echo x >> {program.folder}/count; wc -l < {program.folder}/count")
    program.run("--due")
    program.run("--due")
    assert program.checks()["t/counts"]["output"] == "1"
    program.run("--now")
    assert program.checks()["t/counts"]["output"] == "2"
    capsys.readouterr()
    program.run("--due")
    assert capsys.readouterr() == ("", "")


def test_check_that_is_no_longer_defined_disappears(program: Program) -> None:
    program.define("gone", "echo fine")
    program.run("--now")
    (program.definitions / "gone.json").unlink()
    program.run("--due")
    assert list(program.checks()) == ["monitoring_agent/definitions"]


def test_broken_file_is_a_check_until_it_is_mended(program: Program) -> None:
    program.define("good", "echo fine")
    (program.definitions / "bad.json").write_text("[")
    program.run("--now")
    own = program.checks()["monitoring_agent/definitions"]
    assert own["state"] == "critical"
    assert str(own["output"]).startswith("bad.json is left out: not valid JSON")
    assert program.checks()["t/good"]["state"] == "ok"
    (program.definitions / "bad.json").unlink()
    program.run("--due")
    assert program.checks()["monitoring_agent/definitions"]["state"] == "ok"


def test_nobody_can_claim_the_runners_own_check(program: Program) -> None:
    program.define("x", "echo mine", name="definitions", component="monitoring_agent")
    program.run("--now")
    assert "is already defined in another place" in str(program.checks()["monitoring_agent/definitions"]["output"])


def test_no_results_yet(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.run() == 3
    assert "no results yet" in capsys.readouterr().err


def test_clock_set_back_runs_the_checks(program: Program) -> None:
    program.define("counts", f"echo x >> {program.folder}/count; wc -l < {program.folder}/count")
    program.run("--now")
    path = program.folder / "r/checks.json"
    content = json.loads(path.read_text())
    for check in content["checks"]:
        check["time"] = time.time() + 86400
    path.write_text(json.dumps(content))
    program.run("--due")
    assert program.checks()["t/counts"]["output"] == "2"


def test_what_has_failed_once_is_asked_again_at_once() -> None:
    seldom = Definition("redis", "a", command=("/bin/true",), interval=86400)

    def run(status: int, previous: results.Result | None, at: float) -> results.Result:
        return results.from_outcome(Outcome(seldom, status, "said", at, 0.1), previous)

    good = run(0, None, 0)
    assert good.attempt == 0 and not results.is_due(seldom, good, 60)
    first = run(2, good, 100)
    assert first.attempt == 1 and results.is_due(seldom, first, 160)
    second = run(1, first, 160)
    assert second.attempt == results.SURE and not results.is_due(seldom, second, 220)
    assert run(2, run(2, second, 220), 280).attempt > results.SURE
    assert run(0, second, 220).attempt == 0
