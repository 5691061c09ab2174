# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of what is supported until when, from supported.yml beside it."""

from __future__ import annotations

from pathlib import Path

import yaml

PAGE = "supported.md"
DATA = Path(__file__).with_name("supported.yml")
HEAD = """<!-- Made by docs/reference/generate from supported.yml: changes made here will be overwritten. -->
# What is supported, until when

Until the end of the month that is named, it gets fixes from those who make it.
What is kept longer has the reason beside it.
`make check` says what ends within half a year, and fails when something has ended.
`make test` only says so: CI does not fail because of a date.
Then drop it, or write into `docs/reference/supported.yml` until when it is kept, and why.

| What | Version | Fixes until | Kept until | Gates | |
|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    rows = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return HEAD + "".join(
        f"| {row['what']} | {row['version']} | {row['until']} | {row.get('kept', row['until'])} "
        f"| {row.get('gates', 'none')} | {row.get('note', '')} |\n"
        for row in rows
    )
