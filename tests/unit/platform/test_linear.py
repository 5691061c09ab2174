# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work grows with what there is, not with its square: counted in calls and lines that run, not in seconds."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import allocation, cache, placement
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import load


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


def test_a_word_that_stands_often_is_looked_at_once(monkeypatch) -> None:
    """YAML compares each word with every kind of value that a word may be."""
    asked = Counter()
    resolve = load._Loader.resolve

    def counting(self, kind, value, implicit):
        asked[value if isinstance(value, str) else kind] += 1
        return resolve(self, kind, value, implicit)

    monkeypatch.setattr(load._Loader, "resolve", counting)
    monkeypatch.setattr(load.Loader, "_tags", {})
    text = "\n".join(f"name{number}: {{cores: 2, state: yes, size: '2'}}" for number in range(100))
    root = load.read(Path("x.yml"), text).root
    assert {asked[word] for word in ("cores", "state", "yes")} == {1}
    assert asked["2"] == 2  # as a number, and in quotes as a word
    (cores, state, size) = (value for _key, value in root.value[99][1].value)
    assert [node.tag.rpartition(":")[2] for node in (cores, state, size)] == ["int", "bool", "str"]


def test_words_that_are_remembered_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(load.Loader, "_tags", {})
    monkeypatch.setattr(load, "MOST_WORDS", 50)
    load.read(Path("x.yml"), "\n".join(f"name{number}: {number}" for number in range(200)) + f"\n{'k' * 100}: x\n")
    assert len(load.Loader._tags) <= 50
    assert not any(len(word) > load.LONGEST_WORD for word, _implicit in load.Loader._tags)


def test_the_collector_of_cycles_rests_while_an_inventory_is_made(platform, tmp_path: Path) -> None:
    """Between reading and building it would walk all that was read, which is a fifth of a cold inventory."""
    platform.allocate()
    generations = []

    def note(phase, info):
        generations.append(info["generation"])

    threshold = gc.get_threshold()
    gc.callbacks.append(note)
    gc.set_threshold(20, 10_000, 10_000)
    try:
        generations.clear()
        data = cache.resolve(platform.options, tmp_path / "cache")
        during = len(generations)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(note)
    assert data["hosts"]
    assert gc.isenabled() and during <= 4  # begin and end of one, when it is let go
