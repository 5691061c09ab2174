# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs about people who are not let in yet: each returns patches of files. Pure.

What somebody is invited with lies in the description from the beginning, as a person with ``state: pending`` and the
permissions that follow: a pending person gets no uid and is in no roster, so nothing of it counts before it is
accepted. The invitation itself, its mail and its code are the portal's, and so is whoever signs up without one: of what
reaches the description git keeps the history, and strangers' data should not stay for ever.
"""

from __future__ import annotations

from typing import Any

from ..language.errors import did_you_mean
from ..language.ssh_keys import key_blob
from ..model import Description
from .drafts import Draft, check_new_account, check_same
from .request import Request

_OF_PERSON = ("full_name", "email", "ssh_keys", "requested_by")


def invite_user(found: Description, request: Request) -> Draft:
    """Describe a person who is to be let in, with what that person may do in a project from then on."""
    name, project, wanted = (request.values[key] for key in ("user", "project", "permissions"))
    if not wanted:
        request.wrong("permissions: nobody is invited to nothing", allowed="what the person may do in the project")
    patch: dict[str, Any] = {}
    if name not in found.users:
        check_new_account(found, request, "user", name)
        patch = {key: request.texts[key] for key in _OF_PERSON if key in request.texts} | {"state": "pending"}
    elif found.users[name]["state"] != "pending":
        request.wrong(
            f"user: {name} needs no invitation",
            found=f"state: {found.users[name]['state']}",
            allowed="somebody who is not declared, or pending",
            hint="set_permissions says what a person may do in one more project",
        )
    else:
        others = ("user", "project", "permissions")
        check_same(request, found.users[name], others, f"the user {name}", "change_user")
    current = found.projects[project]["permissions"].get(name, []) if project in found.projects else []
    given = {} if set(current) == set(wanted) else {"permissions": {name: request.texts["permissions"]}}
    return Draft("users", name, patch, name, also=(Draft("projects", project, given, name),))


def accept_user(found: Description, request: Request) -> Draft:
    """Let a pending person in: there is an account from now on, with a uid, and permissions count."""
    name = request.values["user"]
    unchanged = Draft("users", name, {}, name)
    if not request.known("user", "person", found.users):
        return unchanged
    record = found.users[name]
    if record["state"] not in ("pending", "active"):
        request.wrong(
            f"user: {name} waits for nothing",
            found=f"state: {record['state']}",
            allowed="somebody with state: pending",
            hint="unlock_user lets in who was locked" if record["state"] == "locked" else "",
        )
        return unchanged
    known = {key_blob(key) for key in record["ssh_keys"]}
    new = [key for key in request.texts.get("ssh_keys", []) if key_blob(key) not in known]
    patch: dict[str, Any] = {"ssh_keys": [*record["ssh_keys"], *new]} if new else {}
    if record["state"] == "active":
        # Accepted before, by the same request; keys come to somebody who has an account by their own verb.
        if new:
            request.wrong(f"ssh_keys: {name} was accepted already, with other keys", hint="add_ssh_key adds a key")
        return unchanged
    confirmed = request.texts.get("email_verified_at")
    patch |= {"email_verified_at": confirmed} if confirmed else {}
    return Draft("users", name, {**patch, "state": "active"}, name)


def decline_user(found: Description, request: Request) -> Draft:
    """Take a pending person out of the description, with all that was promised: the name is free again."""
    name = request.values["user"]
    if name not in found.users:
        if name in found.ledger.uids:
            request.wrong(f"user: {name} had an account", found=name, allowed="somebody with state: pending")
        hint = did_you_mean(name, [one for one, record in found.users.items() if record["state"] == "pending"])
        note = f"{name} is not in the description, so there is nothing to decline" + (f"; {hint}" if hint else "")
        return Draft("users", name, {}, name, notes=(note,))
    state = found.users[name]["state"]
    if state != "pending" or name in found.ledger.uids:
        request.wrong(
            f"user: {name} was let in before",
            found=f"state: {state}" + (f", uid {found.ledger.uids[name]}" if name in found.ledger.uids else ""),
            allowed="somebody with state: pending who never had an account",
            hint="remove_user takes an account away; lock_user lets nobody log in with it",
        )
    promised = tuple(
        Draft("projects", project, {"permissions": {name: None}}, name)
        for project, record in found.projects.items()
        if name in record["permissions"]
    )
    return Draft("users", name, {}, name, gone=True, also=promised)
