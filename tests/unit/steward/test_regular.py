# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular runs: when they are due, that they are run once, and that somebody hears of one that did not happen."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import regular
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.regular import Past, Regular
from desks import Steward

NOON = datetime.datetime(2026, 11, 30, 12, 0, tzinfo=datetime.UTC)
OFTEN, NIGHTLY = Regular("accounts", datetime.timedelta(minutes=10)), Regular("site", at=(2, 30))


def ago(**more: float) -> datetime.datetime:
    return NOON - datetime.timedelta(**more)


def test_they_are_read() -> None:
    assert regular.read({"accounts": "10m", "site": "02:30"}) == [OFTEN, NIGHTLY]
    assert regular.read({"certificates": "6h"}) == [Regular("certificates", datetime.timedelta(hours=6))]


@pytest.mark.parametrize(
    "wrong", [["site"], {"evacuate": "10m"}, {"site": "25:00"}, {"site": "0m"}, {"site": "10m; x"}]
)
def test_what_is_no_plan_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="regular: "):
        regular.read(wrong)


@pytest.mark.parametrize(
    ("plan", "began", "due"),
    [
        (OFTEN, None, True),
        (OFTEN, ago(minutes=9), False),
        (OFTEN, ago(minutes=10), True),
        (NIGHTLY, None, False),
        (NIGHTLY, ago(hours=9), False),
        (NIGHTLY, ago(hours=10), True),
        (NIGHTLY, ago(days=3), True),
    ],
)
def test_when_it_is_time(plan: Regular, began: datetime.datetime | None, due: bool) -> None:
    assert plan.is_due(began, NOON) is due


def test_what_did_not_happen_is_told_with_the_reason() -> None:
    def said(**more: Any) -> dict[str, str]:
        return regular.problems([OFTEN, NIGHTLY], {"accounts": Past(**more), "site": Past(NOON.timestamp())}, NOON)

    old, new = ago(hours=2).timestamp(), ago(minutes=5).timestamp()
    assert said(since=old, began=new, went_well=new) == {"accounts": "", "site": ""}
    assert said(since=new) == {"accounts": "", "site": ""}
    late = "accounts has not gone well since 2026-11-30 10:00 UTC"
    assert said(since=old)["accounts"] == late, "it never happened"
    assert said(since=0.0, began=new, went_well=old, problem="hv0 failed")["accounts"] == f"{late}: hv0 failed"


def test_it_goes_through_the_lanes_and_is_noted(steward: Steward, people: Any) -> None:
    steward.journal.expect("accounts", 1.0)
    steward.journal.expect("accounts", 2.0)
    steward.journal.schedule(OFTEN.request, "accounts", OFTEN.run, 10.0)
    order = steward.hand_in(people["mara"].asked(("order_vm", {"project": "shop"})))
    steward.run()
    assert steward.entry(order).state == "applied"
    assert sorted(steward.runner.commands)[0] == "playbooks/accounts.yml"
    past = steward.journal.past()["accounts"]
    assert (past.since, past.began, past.went_well, past.problem) == (1.0, 10.0, 1e12, "")
    steward.runner.result = lambda _run: "hv0 could not be reached"
    steward.journal.schedule(OFTEN.request, "accounts", OFTEN.run, 20.0)
    steward.run()
    past = steward.journal.past()["accounts"]
    assert (past.began, past.went_well) == (20.0, 1e12)
    assert past.problem.startswith("hv0 could not be reached")
