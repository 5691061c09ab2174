# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a change is taken back: by verbs that do the opposite, as long as the description says what was written.

What cannot be taken back has no undo: a disk does not shrink, ids are used up, and who was removed stays so. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..platform.language.errors import DescriptionError
from ..platform.language.ssh_keys import fingerprint
from ..platform.model import Description

Change = tuple[str, Mapping[str, Any]]
_BACK = ("memory", "memory_max", "cores", "frontend_ipv4", "protected", "production", "comment")
"""What ``change_vm`` sets, and sets back."""


def of(
    before: Description, after: Callable[[], Description], changes: Sequence[Change], subjects: Sequence[str]
) -> dict[str, Any] | None:
    """Return the request that takes changes back, and what it expects to find; None where there is none."""
    wanted: list[dict[str, Any]] = []
    expect: list[dict[str, Any]] = []
    try:
        found = after()
    except DescriptionError:
        return None
    for (verb, arguments), subject in reversed(list(zip(changes, subjects, strict=True))):
        rule = _RULES.get(verb)
        taken = rule(before, found, arguments, subject) if rule else None
        if taken is None:
            return None
        (back, given), places = taken
        wanted.append({"verb": back, "arguments": given})
        expect += [{"file": file, "path": path, "value": value} for file, path, value in places]
    return {"changes": wanted, "expect": expect} if wanted else None


Taken = tuple[tuple[str, dict[str, Any]], list[tuple[str, list[str], Any]]]
_Rule = Callable[[Description, Description, Mapping[str, Any], str], "Taken | None"]


def _ordered(_before: Description, found: Description, arguments: Mapping[str, Any], subject: str) -> Taken | None:
    return (("retire_vm", {"vm": subject}), []) if subject in found.vms else None


def _retired(_before: Description, _found: Description, arguments: Mapping[str, Any], _subject: str) -> Taken | None:
    return None if arguments.get("undo") else (("retire_vm", {"vm": arguments["vm"], "undo": True}), [])


def _opposite(verb: str) -> _Rule:
    def rule(_before: Description, _found: Description, arguments: Mapping[str, Any], _subject: str) -> Taken | None:
        return (verb, dict(arguments)), []

    return rule


def _permissions(before: Description, found: Description, arguments: Mapping[str, Any], _subject: str) -> Taken | None:
    project, user = arguments["project"], arguments["user"]
    had = before.projects[project]["permissions"] or {}
    has = found.projects[project]["permissions"] or {}
    given = {"project": project, "user": user, "permissions": list(had.get(user, []))}
    now = list(has[user]) if user in has else None
    return ("set_permissions", given), [(f"projects/{project}.yml", ["permissions", user], now)]


def _changed(before: Description, found: Description, arguments: Mapping[str, Any], _subject: str) -> Taken | None:
    """Set sizes and such back; components and addresses have data or ids behind them."""
    name = arguments["vm"]
    if not {"vm", *_BACK} >= set(arguments):
        return None
    old, new = before.vms.get(name), found.vms.get(name)
    if old is None or new is None:
        return None
    given: dict[str, Any] = {"vm": name}
    for key in set(arguments) - {"vm"}:
        value = getattr(old, f"{key}_mib" if key.startswith("memory") else key)
        given[key] = f"{value}MiB" if key.startswith("memory") else value
    return ("change_vm", dict(sorted(given.items()))), []


def _added_key(_before: Description, _found: Description, arguments: Mapping[str, Any], _subject: str) -> Taken | None:
    return ("revoke_key", {"user": arguments["user"], "ssh_key": fingerprint(str(arguments["ssh_key"]))}), []


_RULES: Mapping[str, _Rule] = {
    "order_vm": _ordered,
    "retire_vm": _retired,
    "stop_vm": _opposite("start_vm"),
    "start_vm": _opposite("stop_vm"),
    "set_permissions": _permissions,
    "change_vm": _changed,
    "add_ssh_key": _added_key,
    "add_service_user": _opposite("remove_service_user"),
    "remove_service_user": _opposite("add_service_user"),
    "lock_user": _opposite("unlock_user"),
    "unlock_user": _opposite("lock_user"),
}
