# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine reaches at others, with answers of our own; molecule/firewall has real ones."""

from __future__ import annotations

from collections import Counter

import pytest
from ringmaster.reach import checks as reach

QUESTIONS = [
    {"vm": "myapp01", "address": "172.20.1.2", "open": [22, 443], "closed": [5432]},
    {"vm": "shop00", "address": "172.20.1.3", "open": [22], "closed": [5432]},
]
OPEN = {("172.20.1.2", 22), ("172.20.1.2", 443), ("172.20.1.3", 22)}


@pytest.mark.parametrize(
    ("changed", "times", "status", "said"),
    [
        ((), 9, 0, "5 answers of 2 VMs are as the description says."),
        ([("172.20.1.2", 5432)], 9, 1, "from here: myapp01 (172.20.1.2) port 5432 is open."),
        ([("172.20.1.2", 443)], 9, 1, "from here: myapp01 (172.20.1.2) port 443 is closed."),
        # One lost packet is no finding.
        ([("172.20.1.2", 443)], 1, 0, "5 answers"),
        # A VM that is down: nothing is said about its firewall.
        ([("172.20.1.3", 22)], 9, 0, "3 answers of 2 VMs are as the description says. 1 address does not answer."),
    ],
)
def test_what_is_said(
    changed: list[tuple[str, int]], times: int, status: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[tuple[str, int]] = Counter()

    def reached(place: tuple[str, int]) -> bool:
        asked[place] += 1
        return (place in OPEN) != (place in changed and asked[place] <= times)

    monkeypatch.setattr(reach, "reached", reached)
    found = reach.compare(QUESTIONS, 900)
    assert found[0] == status
    assert said in found[1]


def test_many_findings_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "reached", lambda place: True)
    questions = [{"vm": "myapp01", "address": "172.20.1.2", "open": [22], "closed": list(range(8000, 8010))}]
    assert reach.compare(questions, 900)[1].endswith(", and 5 more.")


def test_of_thousands_all_have_their_turn() -> None:
    questions = [{"vm": f"vm{number:04}", "address": "", "open": [], "closed": []} for number in range(601)]
    turns = [reach.turn(questions, number) for number in range(3)]
    assert [len(one) for one in turns] == [250, 250, 101]
    assert reach.turn(questions, 3) == turns[0]
    assert sorted(one["vm"] for turn in turns for one in turn) == [one["vm"] for one in questions]
    assert reach.turn(questions[:250], 7) == questions[:250]
