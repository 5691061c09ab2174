# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no change takes away unasked: a project's last manager or root, the last operator, a person's last way in.

The description before and the one that would result are compared, whatever verbs lie between them. Pure.

A way in is an SSH key or a passkey. No machine takes a passkey, but whoever has one signs in to the portal and adds a
key there; so the last key may go while a passkey is left, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..language.types import Boolean, Type
from ..model import Description
from ..people import is_active, operators
from .request import Request, read_one

CONFIRMATION = "even_if_last"
CONFIRMED: dict[str, Type] = {CONFIRMATION: Boolean()}
"""The argument of verbs that may take the last one away; operators set it, and nobody else's request may."""
LASTING = {"manager": "manager", "wheel": "person with root (wheel)"}


def losses(before: Description, after: Description) -> list[str]:
    """Return a sentence for each last one that is there before and is gone after."""
    found = []
    for project in before.projects:
        if project not in after.projects:
            continue
        for permission, called in LASTING.items():
            had, has = holders(before, project, permission), holders(after, project, permission)
            if had and not has:
                found.append(f"{' and '.join(sorted(had))}: the last {called} of the project {project} would be gone")
    operated = operators(before)
    if operated and not operators(after):
        found.append(f"{' and '.join(operated)}: the last operator of the platform would be gone")
    for name in before.users:
        if is_active(before, name) and is_active(after, name) and ways_in(before, name) and not ways_in(after, name):
            found.append(f"{name}: the last way in would be gone; nobody could log in with this account")
    return found


def notes(before: Description, after: Description) -> list[str]:
    """Return a sentence for each person whose last SSH key goes while a passkey is left."""
    return [
        f"{name} has no SSH key any more, and can log in to no machine; the passkey signs in to web pages only"
        for name in before.users
        if is_active(before, name)
        and is_active(after, name)
        and keys(before, name)
        and not keys(after, name)
        and ways_in(after, name)
    ]


def holders(found: Description, project: str, permission: str) -> set[str]:
    """Return the people with an account who have a permission in a project."""
    permissions = found.projects[project]["permissions"] or {}
    return {name for name, has in permissions.items() if permission in has and is_active(found, name)}


def keys(found: Description, name: str) -> int:
    """Return how many keys a person can log in to machines with, those of the key folder included."""
    return len(found.users[name]["ssh_keys"]) + len(found.extra_keys.get(name, []))


def ways_in(found: Description, name: str) -> int:
    """Return how many keys and passkeys a person has."""
    return keys(found, name) + len(found.users[name]["passkeys"])


def check(
    before: Description, after: Description, changes: Iterable[tuple[str, Mapping[str, Any]]], may: Iterable[str]
) -> None:
    """Raise RequestError for what would be lost, unless one of the changes says that it is meant.

    :param may: the verbs that take the confirmation.
    """
    lost = losses(before, after)
    if not lost:
        return
    known = set(may)
    verbs = [verb for verb, _arguments in changes if verb in known]
    for verb, arguments in changes:
        request = Request(verb)
        if verb in known and arguments.get(CONFIRMATION) not in (None, ""):
            read_one(request, CONFIRMATION, CONFIRMED[CONFIRMATION], arguments[CONFIRMATION])
            if request.values.get(CONFIRMATION):
                return
    request = Request(verbs[0] if verbs else "the change")
    meant = f", or say {CONFIRMATION}=true" if verbs else ""
    for sentence in lost:
        request.wrong(sentence, hint=f"see first that there is another one{meant}")
    request.refuse()
