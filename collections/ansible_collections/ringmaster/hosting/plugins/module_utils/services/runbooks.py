# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where people read what to do: places on the page of checks and alerts (docs/reference/checks.md, checks.html)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

try:
    import yaml
except ImportError:  # sanity tests import module_utils without third-party libraries
    yaml = None  # type: ignore[assignment]

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


def alert_rules(roles: str, page: str) -> dict[str, str]:
    """Return role -> text of its ``files/checks.rules.yml``; roles without one are left out.

    :param roles: the folder of all roles.
    :param page: URL of the page with all checks; each alert is given the link to its place there.
    """
    found = sorted(Path(roles).resolve().glob("*/files/checks.rules.yml"))
    return {path.parents[1].name: _linked(path.read_text(encoding="utf-8"), page) for path in found}


def _linked(text: str, page: str) -> str:
    content = yaml.safe_load(text)
    for rule in (rule for group in content["groups"] for rule in group["rules"] if "alert" in rule):
        rule["annotations"]["runbook_url"] = f"{page}#{place(rule)}"
    return str(yaml.safe_dump(content, sort_keys=False, width=1000, allow_unicode=True))
