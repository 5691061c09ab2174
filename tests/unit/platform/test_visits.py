# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a run visits: what a VM says decides about itself only, and not for longer than a week."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import convergence, visits

SECRET = "platform-secret-of-tests"


def vm(name: str, digest: str = "d" * 20, **more: Any) -> dict[str, Any]:
    return {"inventory_hostname": name, "platform_secret": SECRET, convergence.VARIABLE: digest, **more}


VMS = [vm(f"shop{number:02}") for number in range(70)]
TRUE = {one["inventory_hostname"]: convergence.wanted(one) for one in VMS}


def test_each_day_another_seventh_and_within_a_week_all() -> None:
    days = [visits.choose(VMS, TRUE, day).vms for day in range(20000, 20007)]
    assert sorted(name for day in days for name in day) == sorted(TRUE)
    assert all(3 <= len(day) <= 20 for day in days)
    assert visits.choose(VMS, TRUE, 20007).vms == days[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"digest": "e" * 20}, "behind"),
        ({"ringmaster_next_host": "172.20.0.9"}, "moving"),
        ({"platform_secret": "another-secret-of-tests"}, "behind"),
        ({"digest": ""}, "silent"),
    ],
)
def test_who_is_something_else_than_described(change, reason) -> None:
    others = [vm("shop00", **change), *VMS[1:]]
    found = visits.choose(others, TRUE, 0, full=False)
    assert (found.vms, found.reasons, found.left) == (["shop00"], {reason: ["shop00"]}, 69)


@pytest.mark.parametrize("said", ["", "d" * 20, TRUE["shop01"]], ids=["nothing", "the plain digest", "another VM's"])
def test_who_says_nothing_that_is_theirs_is_visited(said) -> None:
    assert visits.choose(VMS, {**TRUE, "shop00": said}, 0, full=False).vms == ["shop00"]


def test_a_new_vm_is_visited_whatever_its_name_said_before() -> None:
    found = visits.choose(VMS, TRUE, 0, full=False, created=["shop07"])
    assert found.reasons == {"created": ["shop07"]}


def test_all_of_them_when_asked() -> None:
    found = visits.choose(VMS, TRUE, 0, full=True)
    assert len(found.vms) == 70
    assert found.sentence() == "VMs to visit: 70: 70 because all are asked for"


def test_the_sentence_names_few_and_counts_many() -> None:
    assert visits.choose(VMS, TRUE, 0, full=False).sentence() == (
        "VMs to visit: 0; 70 are as described and left alone, unless you say -e full=true"
    )
    few = visits.choose(VMS, {**TRUE, "shop00": "f" * 20}, 0, full=False)
    assert "1 something else than described (shop00); 69 are" in few.sentence()
    assert visits.choose(VMS, {}, 0, full=False).sentence().startswith("VMs to visit: 70: 70 that do not say")


RECORD = json.dumps({"digest": "a" * 20, "commit": "", "at": 1})


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (f"{'a' * 20}\n{RECORD}\n", "a" * 20),
        (f"{'b' * 20}\n{RECORD}\n", ""),
        (f"{'a' * 20}\n", ""),
        (RECORD, ""),
        ("", ""),
        (None, ""),
        (["a"], ""),
        ("a\n[1]", ""),
        ('1\n{"digest": 1}', ""),
        ("a\n" + "[" * 100_000, ""),
        ("{{ lookup('pipe', 'id') }}\n{}", ""),
    ],
)
def test_what_a_machine_keeps_counts_only_as_a_whole(text, digest) -> None:
    assert visits.kept(text) == digest


@pytest.mark.parametrize(
    "lie",
    [TRUE["shop00"], TRUE["shop01"], "", "d" * 20, "x" * 1_000_000, "{{ lookup('pipe', 'id') }}", "shop01", "*"],
    ids=["its own, of which it has nothing", "another VM's", "nothing", "plain", "long", "template", "name", "star"],
)
def test_a_lie_costs_who_lies_and_is_found_within_a_week(lie) -> None:
    days = range(20000, 20007)
    others = [set(visits.choose(VMS, TRUE, day).vms) - {"shop00"} for day in days]
    found = [visits.choose(VMS, {**TRUE, "shop00": lie}, day).vms for day in days]
    assert [set(day) - {"shop00"} for day in found] == others
    assert any("shop00" in day for day in found)
