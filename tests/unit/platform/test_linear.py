# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work grows with what there is, not with its square: counted in calls and lines that run, not in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import allocation, placement


def steps(what: Callable[[], Any]) -> int:
    """Return how many lines of Python run in a call, generators included."""
    count = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        what()
    finally:
        sys.settrace(before)
    return count


def test_records_are_compared_with_those_of_their_name_only(platform) -> None:
    def lines(number: int) -> int:
        records = [{"name": f"r{one}", "type": "A", "values": "198.51.100.1"} for one in range(number)]
        platform.edit("platform.yml", lambda data: data.update(dns_records=records))
        assert not platform.mistakes()
        return steps(platform.mistakes)

    none, some, more = (lines(number) for number in (0, 100, 400))
    assert (more - none) < 5 * (some - none)


def test_a_file_is_cut_into_lines_once_however_many_mistakes_it_has(platform) -> None:
    source = platform.read().sources["platform.yml"]
    assert source.lines() is source.lines()


def test_choosing_among_many_hypervisors_looks_at_few(platform) -> None:
    found = platform.read()
    [vm, *_others] = found.vms.values()

    def lines(number: int) -> int:
        rooms = {f"hv{one}": placement.Room(f"hv{one}", 10**6, 10**9) for one in range(number)}
        chooser = placement.Chooser(rooms)
        chooser.choose(vm)

        def choose() -> None:
            for _one in range(20):
                room = chooser.choose(vm)
                assert room
                room.add(vm)

        return steps(choose)

    assert lines(200) < 2 * lines(20)
    assert allocation.plan(found).ledger.placements
