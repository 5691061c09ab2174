# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VMs a run visits: those that are something else than described, and each day the seventh whose day it is.

What a VM says of itself decides about nobody else. One that says nothing is visited, one that lies within a week.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import convergence

DAYS = 7
NAMED = 20
"""So many VMs are named in a sentence; of more, only the number is said."""
REASONS = {
    "all": "because all are asked for",
    "created": "created in this run",
    "moving": "with addresses that have not arrived yet",
    "silent": "that do not say what they were converged with",
    "behind": "something else than described",
    "turn": "whose day it is",
}


@dataclass
class Visits:
    """VMs in the order of the inventory, why each is visited, how many are left alone, and all of it in a sentence."""

    vms: list[str] = field(default_factory=list)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    left: int = 0

    def sentence(self) -> str:
        """Say who is visited and why."""
        whom = [
            f"{len(names)} {REASONS[reason]}" + (f" ({', '.join(names)})" if len(names) <= NAMED else "")
            for reason, names in self.reasons.items()
        ]
        left = f"; {self.left} are as described and left alone, unless you say -e full=true" if self.left else ""
        return f"VMs to visit: {len(self.vms)}{': ' if whom else ''}{', '.join(whom)}{left}"


def choose(
    vms: Iterable[Mapping[str, Any]],
    said: Mapping[str, str],
    day: int,
    *,
    full: bool | None = None,
    created: Collection[str] = (),
) -> Visits:
    """Return whom a run visits.

    :param vms: host variables of all VMs, each with ``inventory_hostname``.
    :param said: what VMs say they were converged with.
    :param day: number of the day; it chooses a seventh of all.
    :param full: all of them, or without the seventh; by default those behind, and the seventh.
    """
    result = Visits()
    fresh = frozenset(created)
    for vm in vms:
        name = str(vm["inventory_hostname"])
        reason = (
            "all"
            if full
            else _reason(vm, said.get(name, ""), fresh) or ("turn" if full is None and turn(name) == day % DAYS else "")
        )
        if reason:
            result.vms.append(name)
            result.reasons.setdefault(reason, []).append(name)
        else:
            result.left += 1
    return result


def _reason(vm: Mapping[str, Any], said: str, created: Collection[str]) -> str:
    if vm["inventory_hostname"] in created:
        return "created"
    if vm.get("ringmaster_next_host"):
        return "moving"
    wanted = convergence.wanted(vm)
    if not said or not wanted:
        return "silent"
    return "behind" if said != wanted else ""


def turn(name: str) -> int:
    """Return the day of seven on which a VM is visited whatever it says."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % DAYS


def kept(text: Any) -> str:
    """Return the digest that a machine keeps, of its files ``wanted`` and ``reached`` one after the other.

    Anything else than a complete record of what was begun says nothing: the machine is visited.
    """
    begun, _newline, record = str(text or "").partition("\n")
    try:
        digest = json.loads(record)["digest"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return digest if isinstance(digest, str) and digest == begun.strip() else ""
