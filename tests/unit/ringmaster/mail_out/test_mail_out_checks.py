# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks and figures of mail that leaves, from what the judge and Postfix say."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from ringmaster.mail_out import checks, figures


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let messages wait, by their minutes."""
    minutes: list[float] = []

    def run(argv: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        lines = [json.dumps({"queue_id": "x", "arrival_time": int(time.time() - one * 60)}) for one in minutes]
        return subprocess.CompletedProcess(argv, 0, "\n".join(lines), "")

    monkeypatch.setattr(checks.subprocess, "run", run)
    return minutes


@pytest.mark.parametrize(
    ("minutes", "status", "said"),
    [
        ([], 0, "No message waits."),
        ([1], 0, "1 message waits, the oldest for 1 min: mailq says why."),
        ([1, 2, 3], 1, "3 messages wait, the oldest for 3 min: mailq says why."),
        ([1] * 6, 2, "6 messages wait, the oldest for 1 min: mailq says why."),
        ([31], 1, "1 message waits, the oldest for 31 min: mailq says why."),
        ([2, 240], 2, "2 messages wait, the oldest for 240 min: mailq says why."),
    ],
)
def test_the_queue_is_red_when_it_is_long_or_old(
    queued: list[float], minutes: list[float], status: int, said: str
) -> None:
    queued.extend(minutes)
    assert checks.queue(3, 6, 30, 240) == (status, said)


def written(path: Path, recent: dict[str, object]) -> Path:
    counts = {"receivers": {"app00": 3, 'a"b': 1}, "refused": {}, "limited": {"app00": 2}}
    path.write_text(json.dumps({**counts, "recent": recent}))
    return path


def test_who_was_refused_within_the_hour_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    recent = {"app00": [now - 60, "more than\n3"], "old00": [now - 4000, "x"], "a b": [now, "x"]}
    path = written(tmp_path / "state.json", recent)
    monkeypatch.setattr(checks.state, "__defaults__", (path,))
    assert checks.refused() == (1, "1 machine was refused or slowed down: app00: more than?3.")
    path.unlink()
    assert checks.refused() == (0, "Nobody was refused within the last hour.")


def test_figures_have_names_of_machines_only(tmp_path: Path, queued: list[float]) -> None:
    queued.append(1)
    lines = list(figures.metrics(written(tmp_path / "state.json", {})))
    assert "ringmaster_mail_out_waiting 1" in lines
    assert [line for line in lines if "machine=" in line] == [
        'ringmaster_mail_out_receivers_total{machine="app00"} 3',
        'ringmaster_mail_out_limited_total{machine="app00"} 2',
    ]
