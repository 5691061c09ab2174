# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page "On the wire": each subject that peers ask for has a test of ours that exists, or a reason for none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/reference/wire.md"
PEERS = {"docker-mailserver", "Mail-in-a-Box", "nginx-proxy", "ingress-nginx"}
HEAD = ("| Subject | Asked by | Ours is tested by |", "|---|---|---|")
LINK = re.compile(r"\[`(test_\w+)`\]\(([^)]+)\)")
ROWS = [
    tuple(part.strip() for part in line.strip("|").split("|"))
    for line in PAGE.read_text().splitlines()
    if line.startswith("|") and line not in HEAD
]


def test_there_are_subjects_of_every_peer_and_each_stands_once() -> None:
    subjects = [row[0] for row in ROWS]
    assert len(subjects) > 50
    assert len(subjects) == len(set(subjects))
    assert {peer for row in ROWS for peer in row[1].split(", ")} == PEERS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_subject_has_a_test_that_exists_or_a_reason(row: tuple[str, ...]) -> None:
    assert len(row) == 3, "a row is: subject, peers, links to tests or a sentence"
    tests = LINK.findall(row[2])
    rest = LINK.sub("", row[2]).strip(" ,")
    assert tests or re.match(r"Not (here|on the wire): .+\.$", rest), "without a test it says why there is none"
    for name, file in tests:
        path = (PAGE.parent / file).resolve()
        assert path.is_file(), f"there is no {file}"
        assert f"def {name}(" in path.read_text(), f"{file} has no {name}"


def test_what_is_asked_on_the_wire_is_asked_of_real_daemons() -> None:
    """Most tests are of scenarios; those of rules stand beside them."""
    files = [file for row in ROWS for _name, file in LINK.findall(row[2])]
    assert sum("molecule/" in file for file in files) > len(files) / 2
