# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How measured seconds are shown."""

from __future__ import annotations

import json
from collections.abc import Iterable


def show(rows: Iterable[tuple[str, float]]) -> None:
    """Print a table of titles and seconds, and then all of it as JSON."""
    found = dict(rows)
    for title, seconds in found.items():
        print(f"{seconds:9.2f} s  {title}")
    print(json.dumps(found))
