# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the people's client is told of a platform: its name, its sealing key, and each verb with its arguments. Pure.

``ringctl`` makes its commands of it, so it knows what the platform knows, and nothing has to be kept in step.
"""

from __future__ import annotations

from typing import Any

from ..language.containers import ListOf, MapOf, Record
from ..language.types import Anything, Boolean, Integer, Type
from ..model import Description
from ..verbs import policy, signing, table

_HELP = {
    "restart_vm": "Restart a VM.",
    "snapshot_vm": "Take a snapshot of a VM's disks.",
    "backup_now": "Back a machine up at once.",
    "restore_files": "Bring files back from a backup.",
    "restore_component": "Bring a database, a mailbox or the like back from a backup.",
    "restore_vm": "Bring a whole VM back from a backup.",
}
"""What operations do, which have no function of their own that says it."""
_KINDS: tuple[tuple[tuple[type[Type], ...], str], ...] = (
    ((Boolean,), "boolean"),
    ((Integer,), "integer"),
    ((ListOf,), "list"),
    ((MapOf, Record, Anything), "map"),
)


def told(found: Description, version: str = "") -> dict[str, Any]:
    """Return what a client is told."""
    portal = found.platform.get("portal") or {}
    return {
        "host": portal.get("host") or "",
        "version": version,
        "sealing_key": found.platform.get("sealing_key") or "",
        "verbs": {name: _verb(name, verb) for name, verb in table.VERBS.items()},
    }


def _verb(name: str, verb: table.Verb) -> dict[str, Any]:
    made = (verb.make.__doc__ or "").partition("\n")[0] if verb.make else _HELP[name]
    may = policy.RULES[name].may
    return {
        "help": made,
        "signature": (signing.RULES[name].__doc__ or "").partition("\n")[0],
        # Everybody does it for himself, and only operators for others.
        "for_oneself": policy.SELF in may and policy.MANAGER not in may,
        "arguments": {
            argument: {
                "help": kind.describe(),
                "kind": next((word for types, word in _KINDS if isinstance(kind, types)), "text"),
                "required": argument in verb.required,
            }
            for argument, kind in verb.types.items()
        },
    }
