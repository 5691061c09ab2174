# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs about passkeys and web passwords: each returns the patch of one file. Pure but for chance and the time."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import passwords

from ..language import passkeys
from ..language.errors import one_of
from ..model import Description
from .drafts import Draft, check_present
from .request import Request


def set_web_password(found: Description, request: Request) -> Draft:
    """Make a password for web pages of the platform. Who has one keeps it, unless another one is asked for."""
    name = request.values["user"]
    if not check_present(found, request):
        return Draft("users", name, {}, name)
    if found.users[name]["web_password_hash"] and not request.values.get("replace"):
        note = f"{name} has a web password already, which is kept; replace=true makes another one"
        return Draft("users", name, {}, name, notes=(note,))
    password = passwords.generate()
    patch = {"web_password_hash": passwords.crypt(password)}
    return Draft("users", name, patch, name, shown={"password": password})


def clear_web_password(found: Description, request: Request) -> Draft:
    """Take a person's web password away."""
    name = request.values["user"]
    if not request.known("user", "person", found.users):
        return Draft("users", name, {}, name)
    return Draft("users", name, {"web_password_hash": None} if found.users[name]["web_password_hash"] else {}, name)


def add_passkey(found: Description, request: Request) -> Draft:
    """Add a passkey to a person."""
    name = request.values["user"]
    unchanged = Draft("users", name, {}, name)
    if not check_present(found, request):
        return unchanged
    present = found.users[name]["passkeys"]
    new = {
        "name": request.texts["passkey"],
        "id": request.texts["passkey_id"],
        "key": request.texts["passkey_key"],
        "added": request.texts.get("added") or now(),
    }
    owner, other = _owner(found, new["id"])
    if owner == name and (other["name"], other["key"]) == (new["name"], new["key"]):
        return unchanged
    if owner:
        request.wrong(
            f"passkey_id: {owner} has a passkey with this id, called {other['name']}",
            found=new["id"],
            allowed="a passkey that nobody has",
        )
    elif any(one["name"] == new["name"] for one in present):
        request.wrong(
            f"passkey: {name} has another passkey called {new['name']}",
            found=new["name"],
            allowed="a name of its own",
            hint="remove_passkey takes the other one away",
        )
    elif len(present) >= passkeys.MOST:
        request.wrong(
            f"passkey: {name} has {len(present)} passkeys, and nobody has more",
            allowed=f"at most {passkeys.MOST}",
            hint="remove_passkey takes one away",
        )
    return Draft("users", name, {"passkeys": [*_written(found, name), new]}, name)


def remove_passkey(found: Description, request: Request) -> Draft:
    """Take a passkey from a person, by its name or by its id."""
    name, wanted = request.values["user"], request.values["passkey"]
    unchanged = Draft("users", name, {}, name)
    if not request.known("user", "person", found.users):
        return unchanged
    present = _written(found, name)
    kept = [one for one in present if wanted not in (one["name"], one["id"])]
    if len(kept) < len(present):
        return Draft("users", name, {"passkeys": kept}, name)
    owner, other = _owner(found, wanted)
    if owner or passkeys.credential_id(wanted):
        # A mistyped name must not look like a passkey that is out; an id that nobody has is.
        request.wrong(
            f"passkey: {name} has no such passkey" + (f", but {owner} has it, called {other['name']}" if owner else ""),
            found=wanted,
            allowed=one_of([one["name"] for one in present]) if present else f"nothing: {name} has no passkey",
        )
    return unchanged


def _written(found: Description, name: str) -> list[dict[str, Any]]:
    """Return a person's passkeys as the file has them: without what it does not say."""
    return [{key: value for key, value in one.items() if value} for one in found.users[name]["passkeys"]]


def _owner(found: Description, wanted: str) -> tuple[str, dict[str, Any]]:
    for name, record in found.users.items():
        for one in record["passkeys"]:
            if one["id"] == wanted:
                return name, one
    return "", {}


def now() -> str:
    """Return the time on the controller, as the description writes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
