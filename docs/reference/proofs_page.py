# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/reference/proofs.md: the kinds of statements, and which verbs need a signature of their own."""

from __future__ import annotations

from pathlib import Path

import tables
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.proofs import statements
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import signing

PAGE = Path(__file__).resolve().parent / "proofs.md"


def renew(text: str) -> str:
    """Return the page with its tables as they are now."""
    return tables.renew(text, {"kinds": kinds(), "verbs": verbs()})


def kinds() -> str:
    """Return the table of kinds."""
    rows = []
    for name, kind in statements.KINDS.items():
        hours = int(kind.longest.total_seconds() // 3600)
        lasts = f"{hours // 24} days" if hours > 48 else f"{hours} hours"
        rows.append([f"`{name}`", ", ".join(f"`{one}`" for one in kind.fields) or "none", lasts])
    return tables.table(["Kind", "Fields of its own", "Holds at most"], rows)


def verbs() -> str:
    """Return the table of verbs."""
    rows = [[f"`{verb}`", (rule.__doc__ or "").partition("\n")[0]] for verb, rule in signing.RULES.items()]
    return tables.table(["Verb", "A signature of its own"], rows)
