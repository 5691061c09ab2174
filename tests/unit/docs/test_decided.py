# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page "Where is it decided?" leads to what is there: file, name in it, test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/decided.md"
HEAD = "| Rule | Decided in | Name there | Test |"
ROW = re.compile(
    r"\| (?P<rule>[^|]+) \| \[(?P<short>[^]]+)\]\((?P<file>[^)]+)\) \| `(?P<name>\w+)` "
    r"\| \[`(?P<test>test_\w+)`\]\((?P<test_file>[^)]+)\) \|"
)
LINES = [
    line for line in PAGE.read_text().splitlines() if line.startswith("|") and line not in (HEAD, "|---|---|---|---|")
]


def test_there_are_rules_and_each_stands_once() -> None:
    rules = [line.split("|")[1].strip() for line in LINES]
    assert len(rules) > 30
    assert len(rules) == len(set(rules))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split("|")[1].strip())
def test_a_row_names_a_file_with_the_rule_and_a_test(line: str) -> None:
    row = ROW.fullmatch(line)
    assert row, "a row is: rule, link to a file, name in it, link to a test"
    file, test_file = (PAGE.parent / row["file"]).resolve(), (PAGE.parent / row["test_file"]).resolve()
    assert file.is_file(), f"there is no {row['file']}"
    assert re.search(rf"\b{row['name']}\b", file.read_text()), f"{row['file']} has no {row['name']}"
    assert test_file.is_file(), f"there is no {row['test_file']}"
    assert f"def {row['test']}(" in test_file.read_text(), f"{row['test_file']} has no {row['test']}"
    abbreviation, _slash, rest = row["short"].partition("/")
    assert row["file"].endswith(rest if abbreviation in ("U", "M") else row["short"])
