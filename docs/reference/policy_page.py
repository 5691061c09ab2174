# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/policy.md: who may do what by a verb, and who sees what of a project."""

from __future__ import annotations

from pathlib import Path

import tables
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import people
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.common import PERMISSIONS
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import policy, table

PAGE = Path(__file__).resolve().parents[1] / "policy.md"
_WHO = {policy.SELF: "everybody for oneself", policy.INVITER: "who invited the person"}


def renew(text: str) -> str:
    """Return the page with its tables as they are now."""
    return tables.renew(text, {"verbs": verbs(), "operators": operators(), "sees": sees()})


def verbs() -> str:
    """Return the table of verbs."""
    rows = []
    for verb in table.VERBS:
        rule = policy.RULES.get(verb, policy.Rule())
        who = [_WHO.get(word, f"`{word}`") for word in rule.may]
        more = [(condition.__doc__ or "").partition("\n")[0] for condition in (*rule.conditions, *rule.limits)]
        rows.append([f"`{verb}`", ", ".join(who) or "nobody", " ".join(more) or "none"])
    return tables.table(["Verb", "Beside operators", "Rule"], rows)


def operators() -> str:
    """Return the table of what only operators say."""
    rows = [[f"`{argument}`", meaning] for argument, meaning in policy.OPERATORS_ONLY.items()]
    return tables.table(["Argument", "It says"], rows)


def sees() -> str:
    """Return the table of parts of a project."""
    rows = [
        [part.replace("_", " "), *("yes" if word in shown else "no" for word in PERMISSIONS)]
        for part, shown in people.PARTS.items()
    ]
    return tables.table(["Part", *(f"`{word}`" for word in PERMISSIONS)], rows)
