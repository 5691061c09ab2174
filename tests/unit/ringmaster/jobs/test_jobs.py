# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs on a VM: their units, the due time that VMs agree on, and what is said of how they ended."""

from __future__ import annotations

import calendar
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ringmaster.core.report import Failure
from ringmaster.jobs import claims, results, units

USER = pwd.getpwuid(os.getuid()).pw_name
JOB = units.Job("invoices", ("bin/invoices", "to all"), USER, "*-*-* 03:10", 600)
NIGHT = calendar.timegm((2026, 11, 30, 3, 10, 0))
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what systemctl was asked to do; timers are enabled and active."""
    said: list[str] = []

    def step(report: Any, check: bool, *words: str) -> None:
        report.steps.append(" ".join(words))
        said.extend([] if check else [" ".join(words)])

    monkeypatch.setattr(units, "step", step)
    monkeypatch.setattr(
        units, "properties", lambda _unit, *_names: {"UnitFileState": "enabled", "ActiveState": "active"}
    )
    return said


def test_units_are_made_kept_changed_and_taken_away(tmp_path: Path, systemd: list[str]) -> None:
    (tmp_path / "job-of-mine.timer").write_text("[Timer]\nOnCalendar=daily\n")
    assert units.converge({"invoices": JOB}, tmp_path, check=True).steps
    assert (systemd, len(list(tmp_path.iterdir()))) == ([], 1)
    units.converge({"invoices": JOB}, tmp_path)
    assert systemd == ["daemon-reload", "enable job-invoices.timer", "restart job-invoices.timer"]
    assert units.converge({"invoices": JOB}, tmp_path).steps == []
    units.converge({}, tmp_path)
    assert systemd[3:] == ["disable --now job-invoices.timer", "daemon-reload"]
    assert [path.name for path in tmp_path.iterdir()] == ["job-of-mine.timer"]


@pytest.mark.parametrize(
    "command",
    [
        (
            "bin/x",
            "with space",
            'quote"s',
            "it's",
            "back\\slash",
            "100%",
            "$HOME",
            "${X}",
            "",
            ";",
            'a\\"b',
            "%h",
            "--",
            "ü",
        ),
        ("/bin/true",),
    ],
)
@needs_systemd
def test_the_words_of_a_command_arrive_as_they_are(tmp_path: Path, command: tuple[str, ...]) -> None:
    """systemd reads the unit; what it would execute is in its own words of the same."""
    text = units.texts(units.Job("x", command, USER, "03:10", 5))["service"]
    (line,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    unit = tmp_path / "job-x.service"
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert not [said for said in done.stderr.splitlines() if "ExecStart" in said], done.stderr
    assert line.startswith('ExecStart=:/usr/bin/env -- "')


def test_an_account_that_is_missing_is_said() -> None:
    with pytest.raises(Failure, match="there is no account s-nobody-has on this VM"):
        units.texts(units.Job("x", ("y",), "s-nobody-has", "03:10", 5))


@needs_systemd
@pytest.mark.parametrize("late", [-20, 0, 1, 20])
def test_vms_whose_clocks_differ_mean_the_same_time(late: int) -> None:
    assert claims.due(JOB.when, NIGHT + late) == "2026-11-30 03:10:00 UTC"


@needs_systemd
def test_the_due_time_is_one_of_the_vms_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert claims.due(JOB.when, NIGHT - 3600) == "2026-11-30 02:10:00 UTC"


@needs_systemd
@pytest.mark.parametrize(
    ("result", "hours", "expected"),
    [
        ("success", 1, (0, "It ended well at")),
        ("success", 37, (1, "it should run every 24.0 h")),
        ("exec-condition", 1, (0, "Another VM ran it at")),
        ("exit-code", 1, (2, "It failed with code 3 at")),
        ("timeout", 1, (2, "It was ended after 600 s at")),
        ("signal", 1, (2, "by signal 3")),
        ("oom-kill", 1, (2, "It ran out of memory at")),
        ("", 1, (2, "failed (nobody knows why)")),
    ],
)
def test_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: str, hours: int, expected: tuple[int, str]
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(results, "METRICS", tmp_path / "jobs.prom")
    monkeypatch.setattr(results, "properties", lambda _unit, name: {name: "0"})
    monkeypatch.setenv("TZ", "UTC")
    results.keep(JOB, {"SERVICE_RESULT": result, "EXIT_STATUS": "3"}, NIGHT)
    status, sentence = results.check(JOB, NIGHT + 3600 * hours)
    assert status == expected[0]
    assert expected[1] in sentence
    results.publish({"invoices": JOB})
    good = NIGHT if status < 2 else 0
    assert (
        f'ringmaster_job_success_timestamp_seconds{{job="invoices"}} {good}\n' in (tmp_path / "jobs.prom").read_text()
    )


@needs_systemd
def test_a_failure_keeps_when_it_was_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(results, "properties", lambda _unit, name: {name: "0"})
    assert results.check(JOB, NIGHT - 60)[1].startswith("It has not run yet; the next time is 2026-11-30 03:10:00 UTC")
    results.keep(JOB, {"SERVICE_RESULT": "success"}, NIGHT)
    results.keep(JOB, {"SERVICE_RESULT": "exit-code", "EXIT_STATUS": "1"}, NIGHT + 86400)
    assert results.read("invoices")["good"] == NIGHT


def test_no_credentials_no_run(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="redis does not say who runs x at t: no credentials here"):
        claims.claim("x", "redis", "t", tmp_path)


@needs_systemd
def test_a_calendar_that_ends_is_never_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = units.Job("last", ("true",), USER, "2026-11-30 03:10", 60)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(results, "properties", lambda _unit, name: {name: "0"})
    assert results.check(once, NIGHT + 60)[1] == "It has not run yet; the next time is never."
    results.keep(once, {"SERVICE_RESULT": "success"}, NIGHT)
    assert results.check(once, NIGHT + 10**7)[0] == 0
    with pytest.raises(Failure, match="is no time of now"):
        claims.due(once.when, NIGHT + 60)
