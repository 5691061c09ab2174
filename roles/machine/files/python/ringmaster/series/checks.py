# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of who makes series without an end."""

from __future__ import annotations

import json
import time
from pathlib import Path

from ringmaster.core.checks import CRITICAL, OK, WARNING
from ringmaster.core.report import counted

LATE = 600
SHOWN = 5


def machines(path: str) -> tuple[int, str]:
    """Machines that Prometheus does not read because they make series without an end."""
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return WARNING, "Nobody counts the series of machines: ringmaster-series.service has not run yet."
    cut = told["cut"]
    if cut:
        parts = [
            f"{name} ({one['series']:,} series, until {time.strftime('%Y-%m-%d %H:%M', time.localtime(one['until']))})"
            for name, one in list(cut.items())[:SHOWN]
        ]
        more = f" and {counted(len(cut) - SHOWN, 'more machine')}" if len(cut) > SHOWN else ""
        return CRITICAL, (
            f"Prometheus does not read {', '.join(parts)}{more}: more than {told['limit']:,} series within three hours."
        )
    late = time.time() - told["at"]
    if late > LATE:
        return (
            WARNING,
            f"Series of machines were counted {late / 60:.0f} minutes ago; ringmaster-series.service is late.",
        )
    return OK, f"No machine makes more than {told['limit']:,} series within three hours."
