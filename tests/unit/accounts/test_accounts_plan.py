# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key's way from the roster into a plan, without a machine."""

from __future__ import annotations

import pytest
from accounts_samples import ALICE, BOB, SYSTEM, TODAY, key, roster
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.comparison import Comparison
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.facts import Current, FileState
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.model import Options
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.plan import make_plan
from ansible_collections.ringmaster.hosting.plugins.module_utils.accounts.view import changes

KEPT = {"alice": FileState(key("alice") + "\n")}
KEYS = {
    "new": (BOB, {}, {"bob": key("bob") + "\n"}),
    "as wanted": (BOB, {"bob": FileState(key("bob") + "\n")}, {}),
    "another": (BOB, {"bob": FileState(key("other") + "\n")}, {"bob": key("bob") + "\n"}),
    "another mode": (BOB, {"bob": FileState(key("bob") + "\n", mode=0o666)}, {"bob": key("bob") + "\n"}),
    "a link": (BOB, {"bob": FileState("", kind="other")}, {"bob": key("bob") + "\n"}),
    "two": (BOB | {"ssh_keys": [key("a"), key("b")]}, {}, {"bob": f"{key('a')}\n{key('b')}\n"}),
    "none any more": (BOB | {"ssh_keys": []}, {"bob": FileState(key("bob") + "\n")}, {"bob": None}),
    "no login": (BOB | {"permissions": ["stats"]}, {"bob": FileState(key("bob") + "\n")}, {"bob": None}),
    "locked": (BOB | {"state": "locked"}, {"bob": FileState(key("bob") + "\n")}, {"bob": None}),
    "of nobody": (BOB | {"ssh_keys": []}, {"mallory": FileState("x")}, {"mallory": None}),
    "of the system": (BOB | {"ssh_keys": []}, {"root": FileState("x"), "operator": FileState("x")}, {}),
}


@pytest.mark.parametrize("case", KEYS)
def test_keys_are_put_changed_and_taken(case):
    bob, found, planned = KEYS[case]
    comparison = Comparison(Current(SYSTEM, keys=KEPT | found), roster(ALICE, bob), Options(), TODAY)
    assert make_plan(comparison).keys == planned


def test_a_comparison_can_be_asked_again():
    comparison = Comparison(Current(SYSTEM, keys=KEPT), roster(ALICE, BOB), Options(), TODAY)
    plan = make_plan(comparison)
    told = changes(comparison, plan)
    assert told and changes(comparison, plan) == told
    assert make_plan(comparison) == plan
    assert comparison.before.render() == SYSTEM
