# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who moves a request from where to where, and that no end is left again."""

from __future__ import annotations

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import states
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward.states import MoveError, move
from hypothesis import given
from hypothesis import strategies as st

ANY = st.sampled_from(states.STATES)
BY = st.sampled_from((states.STEWARD, states.PERSON, states.CLOCK))


@pytest.mark.parametrize(
    "way",
    [
        "submitted queued described applying applied",
        "submitted waiting queued described applying failed",
        "submitted refused",
        "submitted waiting expired",
        "submitted queued cancelled",
        "submitted waiting cancelled",
        "submitted described applied",
        "submitted applied",
    ],
)
def test_ways_that_the_steward_goes(way: str) -> None:
    first, *others = way.split()
    for state in others:
        first = move(first, state, states.STEWARD)


@pytest.mark.parametrize(
    ("state", "to", "by"),
    [
        ("described", "refused", "steward"),
        ("described", "cancelled", "steward"),
        ("applying", "queued", "steward"),
        ("waiting", "cancelled", "person"),
        ("submitted", "applied", "person"),
        ("described", "cancelled", "person"),
        ("waiting", "expired", "clock"),
        ("submitted", "refused", "clock"),
    ],
)
def test_what_nobody_does(state: str, to: str, by: str) -> None:
    with pytest.raises(MoveError, match=f"{state} is not made {to} by the {by}"):
        move(state, to, by)


@given(st.lists(st.tuples(ANY, BY), max_size=30))
def test_an_end_is_an_end_and_what_is_described_stays_so(wishes: list[tuple[str, str]]) -> None:
    state, seen = states.SUBMITTED, [states.SUBMITTED]
    for to, by in wishes:
        try:
            state = move(state, to, by)
        except MoveError:
            continue
        seen.append(state)
    ends = [n for n, one in enumerate(seen) if one in states.FINAL]
    assert not ends or set(seen[ends[0] :]) == {seen[ends[0]]}
    described = [n for n, one in enumerate(seen) if one == states.DESCRIBED]
    assert not described or set(seen[described[0] :]) <= states.WRITTEN
