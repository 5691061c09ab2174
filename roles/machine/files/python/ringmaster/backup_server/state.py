# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the maintenance remembers: JSON files that are written as a whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STATE = Path("/var/lib/ringmaster/backup-server.json")


def read_state(path: Path | None = None) -> dict[str, Any]:
    """Return what was written last, by default by the newest maintenance; empty when nothing was."""
    try:
        found = json.loads((path or STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_state(state: dict[str, Any], path: Path | None = None) -> None:
    """Write the state as a whole or not at all."""
    path = path or STATE
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    temporary.chmod(0o644)
    temporary.replace(path)
