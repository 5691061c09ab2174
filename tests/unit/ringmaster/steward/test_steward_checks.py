# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the steward writes down, as checks and figures."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from ringmaster.steward import checks, figures


@pytest.fixture
def health(tmp_path: Path) -> Path:
    return tmp_path / "health.json"


def say(health: Path, **more: Any) -> None:
    now = int(time.time())
    said = {"at": now, "queue_at": now, "description": "", "open": 1, "regular": {"accounts": ""}}
    health.write_text(json.dumps({**said, **more}))


def test_all_is_well(health: Path) -> None:
    say(health)
    assert checks.works(180, health) == (0, "The steward is at work; 1 request is open.")
    assert checks.queue(120, 600, health)[0] == 0
    assert checks.description(health) == (0, "The description can be read.")
    assert checks.regular(health) == (0, "Regular runs go as they should: accounts.")


def test_a_steward_that_says_nothing_is_missed(health: Path) -> None:
    assert checks.works(180, health)[0] == checks.queue(120, 600, health)[0] == 2
    say(health, at=int(time.time()) - 200)
    assert checks.works(180, health)[0] == 2


@pytest.mark.parametrize(("ago", "level"), [(10, 0), (200, 1), (700, 2)])
def test_a_queue_that_is_away_is_told_by_how_long(health: Path, ago: int, level: int) -> None:
    say(health, queue_at=int(time.time()) - ago)
    assert checks.queue(120, 600, health)[0] == level


def test_mistakes_and_runs_that_did_not_happen_are_named(health: Path) -> None:
    late = "site has not gone well since 2026-11-29 02:30 UTC"
    say(health, description="platform.yml:3: no such key", regular={"accounts": "", "site": late})
    assert checks.description(health)[0] == 2
    assert "platform.yml:3" in checks.description(health)[1]
    assert checks.regular(health) == (2, f"{late}.")
    lines = list(figures.metrics(health))
    assert 'ringmaster_steward_run_overdue{run="accounts"} 0' in lines
    assert 'ringmaster_steward_run_overdue{run="site"} 1' in lines


def test_notices_that_do_not_leave_are_told(health: Path) -> None:
    say(health)
    assert checks.notices(path=health) == (0, "0 notices to people wait.")
    say(health, notices={"waiting": 1, "since": time.time() - 60})
    assert checks.notices(path=health) == (0, "1 notice to people waits.")
    say(health, notices={"waiting": 2, "since": time.time() - 3 * 3600})
    assert checks.notices(path=health)[0] == 1


def test_without_a_word_there_are_no_figures(health: Path) -> None:
    assert list(figures.metrics(health)) == []
    health.write_text("{")
    assert list(figures.metrics(health)) == []
