# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where VMs go that leave their hypervisor, and how the ledger takes it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit, moves
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs.request import RequestError


@pytest.fixture
def allocated(platform):
    """Three VMs on hv0, and two more hypervisors, of which hv2 has hardly any room."""
    platform.edit("projects/myapp.yml", lambda data: data["vms"].update(myapp01={"memory": "2GiB"}, myapp02={}))
    platform.allocate()

    def grow(data: dict[str, Any]) -> None:
        for name, memory in (("hv1", "4GiB"), ("hv2", "1GiB")):
            data["hypervisors"][name] = copy.deepcopy(data["hypervisors"]["hv0"])
            data["hypervisors"][name].update(memory=memory, address=f"10.77.0.1{name[-1]}")

    platform.edit("platform.yml", grow)
    return platform


def test_one_vm_goes_to_the_best_fit(allocated) -> None:
    assert moves.plan(allocated.read(), vm="myapp01") == [{"vm": "myapp01", "from": "hv0", "to": "hv1"}]
    assert moves.plan(allocated.read(), vm="myapp01", to="hv0") == []


def test_all_leave_and_what_one_takes_the_next_lacks(allocated) -> None:
    found = moves.plan(allocated.read(), hypervisor="hv0")
    assert [(one["vm"], one["to"]) for one in found] == [("myapp01", "hv1"), ("myapp00", "hv2"), ("myapp02", "hv1")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"vm": "myapp01", "to": "hv2"}, "myapp01 does not fit on hv2"),
        ({"hypervisor": "hv0", "to": "hv2"}, "does not fit on hv2"),
        ({"vm": "myapp01", "to": "hv9"}, "the hypervisor 'hv9' is not known"),
        ({"vm": "myap01"}, "did you mean"),
        ({"hypervisor": "svc0"}, "the hypervisor 'svc0' is not known"),
        ({}, "vm is missing"),
    ],
)
def test_what_cannot_be(allocated, arguments: dict[str, str], sentence: str) -> None:
    with pytest.raises(RequestError) as refused:
        moves.plan(allocated.read(), **arguments)
    assert sentence.lower() in str(refused.value).lower()


def test_one_that_is_placed_nowhere(platform) -> None:
    with pytest.raises(RequestError, match="on no hypervisor yet"):
        moves.plan(platform.read(), vm="myapp00")


def test_the_ledger_changes_and_the_description_where_it_has_the_place(allocated) -> None:
    allocated.edit("projects/myapp.yml", lambda data: data["vms"]["myapp01"].update(hypervisor="hv0"))
    before = allocated.ledger()
    outcome = edit.apply(allocated.options, "place_vm", {"vm": "myapp01", "hypervisor": "hv1"})
    assert outcome.allocated == ["placements myapp01: hv1"]
    after = allocated.ledger()
    assert after == {**before, "placements": {**before["placements"], "myapp01": "hv1"}}
    assert allocated.read().vms["myapp01"].hypervisor == "hv1"
    assert allocated.mistakes() == []
    assert edit.apply(allocated.options, "place_vm", {"vm": "myapp01", "hypervisor": "hv1"}).files == []
