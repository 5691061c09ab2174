# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate that reminds of versions whose support ends."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import yaml
from programs import load

ROOT = Path(__file__).parents[3]
GATE = load(ROOT / "tests/gates/supported.py")
ONE = "- {what: Python, version: '3.99', until: 2030-02%s}\n"


@pytest.mark.parametrize(
    ("month", "day"), [("2028-02", "2028-02-29"), ("2026-11", "2026-11-30"), ("2026-12", "2026-12-31")]
)
def test_the_last_day_of_a_month(month: str, day: str) -> None:
    assert str(GATE.end_of(month)) == day


@pytest.mark.parametrize(
    ("today", "kept", "soon", "ended"),
    [
        ("2029-08-31", "", [], []),
        ("2029-09-01", "", ["Python 3.99 ends in 180 days, on 2030-02-28"], []),
        ("2030-02-28", "", ["Python 3.99 ends in 0 days, on 2030-02-28"], []),
        ("2030-03-01", "", [], ["Python 3.99 has ended on 2030-02-28: drop it"]),
        ("2030-03-01", ", kept: 2031-01", [], []),
        ("2031-02-01", ", kept: 2031-01", [], ["Python 3.99 has ended on 2031-01-31: drop it"]),
    ],
)
def test_what_is_said(today: str, kept: str, soon: list[str], ended: list[str]) -> None:
    found = GATE.judge(yaml.safe_load(ONE % kept), datetime.date.fromisoformat(today))
    assert found[0] == soon
    assert [sentence.partition(",")[0] for sentence in found[1]] == ended


@pytest.mark.parametrize(("words", "code"), [([], 1), (["--tell"], 0)])
def test_only_who_works_on_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
) -> None:
    data = tmp_path / "supported.yml"
    data.write_text(ONE.replace("2030", "2020") % "")
    monkeypatch.setattr(GATE, "DATA", data)
    assert GATE.main(words) == code
    assert capsys.readouterr().out.startswith("NOTICE: Python 3.99 has ended on 2020-02-29: drop it, or say in ")


def test_what_is_kept_longer_has_a_reason() -> None:
    rows = yaml.safe_load(GATE.DATA.read_text())
    assert [row["version"] for row in rows if "kept" in row and not row.get("note")] == []
    assert all(GATE.end_of(row.get("kept", row["until"])) >= GATE.end_of(row["until"]) for row in rows)
