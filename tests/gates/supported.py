# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remind of what is supported and ends soon; fail when something has ended (``--tell``: only say so).

A date alone must not break CI, so there it only tells; whoever works on the code finds `make check` red.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

DATA = Path(__file__).resolve().parents[2] / "docs/reference/supported.yml"
SOON = 180
"""Days before its end from which on something is mentioned."""


def end_of(month: str) -> datetime.date:
    """Return the last day of a month that is written as 2027-05."""
    year, number = (int(word) for word in month.split("-"))
    return datetime.date(year + number // 12, number % 12 + 1, 1) - datetime.timedelta(days=1)


def judge(entries: Iterable[Mapping[str, str]], today: datetime.date) -> tuple[list[str], list[str]]:
    """Return a sentence for each entry that ends soon, and one for each that has ended."""
    ends_soon, ended = [], []
    for entry in entries:
        end = end_of(entry.get("kept", entry["until"]))
        days = (end - today).days
        name = f"{entry['what']} {entry['version']}"
        if days < 0:
            ended.append(f"{name} has ended on {end}: drop it, or say in {DATA.name} until when it is kept, and why")
        elif days <= SOON:
            ends_soon.append(f"{name} ends in {days} days, on {end}")
    return ends_soon, ended


def main(words: list[str]) -> int:
    """Print the sentences as notices, which tests/run repeats at its end; return 1 when something has ended."""
    entries = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    ends_soon, ended = judge(entries, datetime.datetime.now(tz=datetime.UTC).date())
    for sentence in [*ended, *ends_soon]:
        print(f"NOTICE: {sentence}")
    if not ended:
        print(f"{len(entries)} versions are supported, {len(ends_soon)} of them end soon")
    return 1 if ended and words != ["--tell"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
