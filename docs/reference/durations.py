# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that lists what there is to test, and how long each item usually takes."""

from __future__ import annotations

import items

PAGE = "tests.md"
SETS = {
    "check": "needs no machine",
    "test": "what CI runs",
    "drill": "what takes longer: faults, real boots, restores, the long scenarios",
}
HEAD = """<!-- Made by docs/reference/generate: changes made here will be overwritten. -->
# What there is to test

Seconds on two processors that have nothing else to do, as `tests/run SET --keep` writes them into `tests/usual.json`.
Items of one lane run one after the other, the two lanes beside each other; those without a lane run in whichever has
nothing left.
Run some with `make test ONLY=redis`, or those that have not passed with `make test RESUME=1`.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for name, meaning in SETS.items():
        usual, every = items.usual(name), items.SETS[name]()
        rows = [f"| {each.title} | {lane(each)} | {in_words(usual.get(each.title))} |" for each in every]
        parts += [
            f"\n## make {name}: {meaning}\n\n",
            "| item | lane | usually |\n|---|---|---|\n",
            "\n".join(rows),
            "\n",
        ]
    return "".join(parts)


def lane(item: items.Item) -> str:
    """Return the number of an item's lane, from 1; "either" where it has none."""
    return "either" if item.lane == items.EITHER else str(item.lane + 1)


def in_words(usual: float | None) -> str:
    """Return a duration in words; nobody has measured it yet where there is none."""
    return "not known yet" if usual is None else f"{usual:.0f} s" if usual >= 10 else f"{usual:.1f} s"
