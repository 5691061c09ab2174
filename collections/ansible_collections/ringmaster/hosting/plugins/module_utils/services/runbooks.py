# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where people read what to do: places on the page of checks and alerts (docs/reference/checks.md, checks.html)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Checks that projects declare themselves have one place for all of them.
OWN_CHECKS = "project-checks"


def place(rule: Mapping[str, Any]) -> str:
    """Return the place for an alert: that of the check whose state it looks at, else one of its own.

    The place of a check holds labels, which Prometheus fills in.
    """
    expression = rule["expr"]
    if not expression.startswith("ringmaster_check_status{"):
        return str(rule["alert"])
    return OWN_CHECKS if "project|local" in expression else "{{ $labels.component }}-{{ $labels.check }}"
