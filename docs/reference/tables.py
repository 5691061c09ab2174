# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables within pages that people write: each stands between two comments with its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence


def table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of ready-made cells."""
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *rows))


def renew(text: str, tables: Mapping[str, str]) -> str:
    """Return a page with its tables, by name, as they are now. Raises ValueError where a place is missing."""
    for name, made in tables.items():
        parts = re.split(rf"(?<=<!-- table {name} -->\n).*?(?=<!-- end -->)", text, flags=re.DOTALL)
        if len(parts) != 2:
            raise ValueError(f"the page has {len(parts) - 1} places for table {name}")
        text = f"\n{made}\n".join(parts)
    return text
