# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``alert_rules``: the alert rules that lie beside each role, with the link to what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import runbooks


def alert_rules(roles: str, page: str) -> dict[str, str]:
    """Return role -> text of its ``files/checks.rules.yml``; roles without one are left out.

    :param page: URL of the page with all checks; each alert is given the link to its place there.
    """
    found = sorted(Path(roles).resolve().glob("*/files/checks.rules.yml"))
    return {path.parents[1].name: _linked(path.read_text(encoding="utf-8"), page) for path in found}


def _linked(text: str, page: str) -> str:
    content = yaml.safe_load(text)
    for rule in (rule for group in content["groups"] for rule in group["rules"] if "alert" in rule):
        rule["annotations"]["runbook_url"] = f"{page}#{runbooks.place(rule)}"
    return yaml.safe_dump(content, sort_keys=False, width=1000, allow_unicode=True)


class FilterModule:
    """Filters of the collection for alerts."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"alert_rules": alert_rules}
