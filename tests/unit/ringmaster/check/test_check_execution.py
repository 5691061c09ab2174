# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running checks: status, sentence, users, time limits, and what a bad check cannot do."""

from __future__ import annotations

import getpass
import os
import time
from pathlib import Path

import pytest
from ringmaster.check.definitions import Definition
from ringmaster.check.execution import AT_ONCE, Modules, Outcome, one_line, run_all
from ringmaster.core.checks import CRITICAL, OK, UNKNOWN, WARNING

pytestmark = pytest.mark.thorough

ME = getpass.getuser()
FUNCTIONS = """
import os, time
def good(text): return 0, text
def warns(): return 1, f"uid {os.getuid()}"
def raises(): raise ValueError("not today")
def hangs(): time.sleep(60); return 0, "never"
def leaves(): os._exit(7)
def wrong(): return "x"
"""


def shell(script: str, **options: object) -> Definition:
    return Definition("test", "shell", command=("/bin/sh", "-c", script), user=ME, **options)  # type: ignore[arg-type]


@pytest.fixture
def modules(tmp_path: Path) -> Modules:
    for part, text in (("sample", FUNCTIONS), ("broken", "import no_such_thing")):
        (tmp_path / part).mkdir()
        (tmp_path / part / "checks.py").write_text(text)
        (tmp_path / part / "checks.py").chmod(0o644)
    return Modules(tmp_path)


def run(definition: Definition, modules: Modules) -> Outcome:
    (outcome,) = run_all([definition], modules)
    return outcome


@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        ("echo fine", OK, "fine"),
        ("echo 'slow|time=3s'; exit 1", WARNING, "slow"),
        ("echo; echo second line; exit 2", CRITICAL, "second line"),
        ("echo huh; exit 3", UNKNOWN, "huh"),
        ("echo huh; exit 4", UNKNOWN, "Exit code 4, which is none of 0 to 3. huh"),
        ("exit 0", OK, "The check said nothing."),
        ("echo to stderr >&2; exit 2", CRITICAL, "to stderr"),
        ("kill -SEGV $$", UNKNOWN, "Ended by signal SIGSEGV."),
        ("printf 'a\\033[31mb\\000c'", OK, "a [31mb c"),
    ],
)
def test_exit_code_and_sentence(modules: Modules, script: str, status: int, message: str) -> None:
    outcome = run(shell(script), modules)
    assert (outcome.status, outcome.message) == (status, message)


def test_missing_program(modules: Modules) -> None:
    outcome = run(Definition("test", "x", command=("/no/such",), user=ME), modules)
    assert outcome.status == UNKNOWN
    assert "/no/such failed: FileNotFoundError" in outcome.message


def test_time_limit_ends_the_whole_group(modules: Modules, tmp_path: Path) -> None:
    begun = time.monotonic()
    outcome = run(shell(f"echo begun; (sleep 3; touch {tmp_path}/survivor) & sleep 60", timeout=1), modules)
    assert outcome.status == CRITICAL
    assert outcome.message == "No answer within 1 s. So far: begun"
    assert time.monotonic() - begun < 5
    time.sleep(max(0, begun + 4 - time.monotonic()))
    assert not (tmp_path / "survivor").exists()


def test_what_a_check_leaves_behind_is_ended(modules: Modules, tmp_path: Path) -> None:
    begun = time.monotonic()
    outcome = run(shell(f"(sleep 2; touch {tmp_path}/survivor) & echo done"), modules)
    assert (outcome.status, outcome.message) == (OK, "done")
    assert time.monotonic() - begun < 1.5
    time.sleep(2.2)
    assert not (tmp_path / "survivor").exists()


def test_endless_output_is_cut(modules: Modules) -> None:
    outcome = run(shell("yes longword | tr -d '\\n' | head -c 5000000"), modules)
    assert outcome.status == OK
    assert len(outcome.message) == 400


def test_checks_run_side_by_side(modules: Modules) -> None:
    begun = time.monotonic()
    outcomes = run_all([shell("sleep 1") for _ in range(4)], modules)
    assert len(outcomes) == 4
    assert time.monotonic() - begun < 2.5


def test_no_more_than_so_many_at_once(modules: Modules, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    counts = f"touch {there}/$$; ls {there} | wc -l; sleep 0.3; rm {there}/$$"
    outcomes = run_all([shell(counts) for _ in range(3 * AT_ONCE)], modules)
    assert len(outcomes) == 3 * AT_ONCE
    assert max(int(outcome.message) for outcome in outcomes) <= AT_ONCE


@pytest.mark.parametrize(
    ("function", "arguments", "status", "message"),
    [
        ("sample:good", {"text": "fine"}, OK, "fine"),
        ("sample:good", {}, UNKNOWN, "sample:good failed: TypeError"),
        ("sample:raises", {}, UNKNOWN, "sample:raises failed: ValueError: not today"),
        ("sample:wrong", {}, UNKNOWN, "sample:wrong failed: ValueError"),
        ("sample:leaves", {}, UNKNOWN, "Exit code 7"),
        ("sample:missing", {}, UNKNOWN, "Cannot be started: AttributeError"),
        ("broken:any", {}, UNKNOWN, "Cannot be started: ModuleNotFoundError"),
        ("absent:any", {}, UNKNOWN, "Cannot be started: FileNotFoundError"),
    ],
)
def test_functions(modules: Modules, function: str, arguments: dict[str, str], status: int, message: str) -> None:
    outcome = run(Definition("test", "f", function=function, arguments=arguments, user=ME), modules)
    assert outcome.status == status
    assert outcome.message.startswith(message)


def test_function_has_a_time_limit(modules: Modules) -> None:
    outcome = run(Definition("test", "f", function="sample:hangs", timeout=1, user=ME), modules)
    assert (outcome.status, outcome.message) == (CRITICAL, "No answer within 1 s.")


def test_unknown_user(modules: Modules) -> None:
    outcome = run(Definition("test", "f", command=("/bin/true",), user="no-such-user"), modules)
    assert (outcome.status, outcome.message) == (UNKNOWN, "The user 'no-such-user' does not exist.")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_becomes_the_user_for_good(modules: Modules) -> None:
    script = "id -u; id -G; cat /etc/shadow >/dev/null 2>&1 && echo readable; env | grep -c SECRET"
    os.environ["SECRET_OF_THE_RUNNER"] = "x"
    outcome = run(
        Definition("test", "f", command=("/bin/sh", "-c", f"({script}) | tr '\\n' ' '"), user="nobody"),
        modules,
    )
    assert outcome.message == "65534 65534 0"
    function = run(Definition("test", "f", function="sample:warns", user="nobody"), modules)
    assert (function.status, function.message) == (WARNING, "uid 65534")


@pytest.mark.skipif(os.geteuid() != 0, reason="matters to root only")
def test_functions_that_others_could_write_are_not_loaded(modules: Modules, tmp_path: Path) -> None:
    (tmp_path / "sample/checks.py").chmod(0o666)
    outcome = run(Definition("test", "f", function="sample:good", arguments={"text": "x"}, user=ME), modules)
    assert outcome.status == UNKNOWN
    assert "only root may own and write it" in outcome.message


def test_one_line() -> None:
    assert one_line("\n  first | perf\nsecond") == "first"
    assert one_line("") == ""
    assert one_line("x" * 500).endswith("…")
