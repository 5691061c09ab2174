# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``alert_rules``: the alerts that roles bring along."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def alert_rules(roles: str) -> dict[str, str]:
    """Return role -> text of its ``files/checks.rules.yml``; roles without one are left out."""
    found = Path(roles).resolve().glob("*/files/checks.rules.yml")
    return {path.parents[1].name: path.read_text(encoding="utf-8") for path in sorted(found)}


class FilterModule:
    """Filters of the collection for alerts."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"alert_rules": alert_rules}
