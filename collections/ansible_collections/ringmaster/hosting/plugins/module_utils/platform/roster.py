# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roster of a project: everybody who has an account on its VMs, as one JSON-able value."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .language.ssh_keys import key_blob
from .model import Description

FORMAT = 1


def keys_of(description: Description, name: str) -> list[str]:
    """Return a person's keys: the declared ones and those of a lab's key folder, each once."""
    declared = description.users[name].get("ssh_keys") or []
    keys = {key_blob(key): key for key in [*declared, *description.extra_keys.get(name, [])] if key}
    return list(keys.values())


def content(description: Description, project: str, uids: dict[str, int]) -> dict[str, Any]:
    """Return the roster without generation and hash. Who has no uid yet, or is pending, is left out."""
    record = description.projects[project]
    people = []
    for name in sorted(record["permissions"] or {}):
        user = description.users.get(name)
        if user is None or name not in uids or user["state"] == "pending":
            continue
        is_removed = user["state"] == "removed"
        people.append(
            {
                "name": name,
                "uid": uids[name],
                "full_name": user["full_name"],
                "state": user["state"],
                "permissions": [] if is_removed else sorted(record["permissions"][name]),
                "ssh_keys": [] if is_removed else keys_of(description, name),
            }
        )
    service_users = [
        {"name": name, "uid": uids[name]} for name in sorted(record["service_users"] or []) if name in uids
    ]
    return {"format": FORMAT, "project": project, "people": people, "service_users": service_users}


def digest(roster: dict[str, Any]) -> str:
    """Return the hash over a roster's content."""
    text = json.dumps(roster, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def build(description: Description, project: str) -> dict[str, Any]:
    """Return a project's roster with generation and hash."""
    roster = content(description, project, description.ledger.uids)
    sha256 = digest(roster)
    generation = description.ledger.roster_generation(project, sha256)
    return {**roster, "generation": generation, "hash": sha256}
