# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page about security: every flow across the border names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/security.md"
PRINCIPALS = ("Internet", "person", "service user", "VM", "service machine", "controller")
NAMES = "|".join(PRINCIPALS)
PAIR = re.compile(rf"({NAMES}) → ({NAMES})")
TEST = re.compile(r"\[`(?P<name>test_\w+)`\]\((?P<file>[^)]+)\)")


def rows(section: str) -> list[list[str]]:
    """Return the cells of the rows of all tables of a second-level section."""
    text = PAGE.read_text().split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("|") and not set(line) <= set("|- ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


FLOWS = [row for row in rows("What crosses") if row[0] != "From → to"]
NOTHING = [row for row in rows("What does not cross") if row[0] != "From → to"]
FINDINGS = [row for row in rows("The audit of November 2026") if row[0] != "Finding"]


def missing(cell: str) -> list[str]:
    """Return what is wrong with a cell of tests: none named, or one that is not there."""
    named = list(TEST.finditer(cell))
    if not named:
        return ["no test is named"]
    wrong = []
    for test in named:
        file = (PAGE.parent / test["file"]).resolve()
        if not file.is_file() or not re.search(rf"def {test['name']}\(", file.read_text()):
            wrong.append(f"{test['file']} has no {test['name']}")
    return wrong


@pytest.mark.parametrize("row", FLOWS, ids=lambda row: f"{row[0]}: {row[1]}" if len(row) > 1 else row[0])
def test_a_flow_names_its_pair_its_rule_and_tests_that_are_there(row: list[str]) -> None:
    assert len(row) == 4, "a row has four cells: from → to, what crosses, the rule, tests"
    assert PAIR.fullmatch(row[0]), f"'{row[0]}' is no pair of {', '.join(PRINCIPALS)}"
    assert row[1] and row[2]
    assert not missing(row[3])


def test_each_ordered_pair_has_a_row_or_says_why_there_is_none() -> None:
    flows, nothing = {row[0] for row in FLOWS}, [row[0] for row in NOTHING]
    pairs = {f"{one} → {other}" for one in PRINCIPALS for other in PRINCIPALS if one != other}
    assert pairs - flows == {*nothing}
    assert len(nothing) == len({*nothing})
    assert not [row for row in NOTHING if len(row) != 2 or len(row[1]) < 20]


@pytest.mark.parametrize("row", FINDINGS, ids=lambda row: row[0])
def test_a_finding_names_tests_that_are_there(row: list[str]) -> None:
    assert not missing(row[1])
