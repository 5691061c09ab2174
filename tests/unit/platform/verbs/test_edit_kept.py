# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of files between two readings: the same description comes out, and each file is read once."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import load
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit


def shown(found: Any) -> dict[str, Any]:
    return {
        "platform": found.platform,
        "users": found.users,
        "projects": found.projects,
        "incidents": found.incidents,
        "vms": found.vms,
        "ledger": found.ledger,
        "mistakes": {name: source.mistakes for name, source in found.sources.items()},
    }


@pytest.fixture
def with_options(platform):
    """Values that checking changes in place: names in Unicode, and options of components."""
    platform.edit(
        "projects/myapp.yml",
        lambda data: data["dns_records"].append(
            {"name": "bücher.myapp", "type": "CNAME", "values": ["bücher.example."]}
        ),
    )
    platform.allocate()
    return platform


def test_a_second_reading_says_the_same(with_options) -> None:
    kept = description.Kept()
    first, mistakes = description.read_description(with_options.options, kept=kept)
    again, mistakes_again = description.read_description(with_options.options, kept=kept)
    fresh, _mistakes = description.read_description(with_options.options)
    assert mistakes == mistakes_again == []
    assert shown(first) == shown(again) == shown(fresh)


def test_mistakes_of_the_first_reading_are_found_again_and_not_twice(with_options) -> None:
    with_options.edit("projects/myapp.yml", lambda data: data["permissions"].update({"nobody-we-know": ["login"]}))
    kept = description.Kept()
    _first, mistakes = description.read_description(with_options.options, kept=kept)
    _again, mistakes_again = description.read_description(with_options.options, kept=kept)
    assert len(mistakes) == 1 and mistakes == mistakes_again


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [("change_vm", {"vm": "myapp00", "comment": "x"}), ("lock_user", {"user": "bob"})],
)
def test_a_verb_reads_each_file_once(with_options, monkeypatch: pytest.MonkeyPatch, verb: str, arguments: Any) -> None:
    read: Counter[str] = Counter()
    real = load.read

    def counted(path: Any, proposed: Any = None, **more: Any) -> Any:
        read[path.name] += proposed is None
        return real(path, proposed, **more)

    monkeypatch.setattr(load, "read", counted)
    edit.apply(with_options.options, verb, arguments)
    assert {"platform.yml", "alice.yml", "bob.yml", "myapp.yml", "allocations.yml"} <= read.keys()
    assert {name: number for name, number in read.items() if number > 1} == {}


def test_what_was_read_is_gone_afterwards(with_options) -> None:
    """Python's collector of cycles would walk a million objects with 10,000 VMs, at the end of each verb."""

    def ask() -> None:
        edit.apply(with_options.options, "change_vm", {"vm": "myapp00", "comment": "other words"}, dry_run=True)

    ask()
    gc.collect()
    gc.disable()
    try:
        ask()
        assert gc.collect() < 200
    finally:
        gc.enable()
