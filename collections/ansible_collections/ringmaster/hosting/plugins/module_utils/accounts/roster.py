# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and check a roster; every mistake in it is reported at once."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence

from .model import PERMISSIONS, STATES, UID_FIRST, UID_LAST, Account, AccountsError, Roster

FORMAT = 1
PERSON_NAME = re.compile(r"[a-z][a-z0-9]{0,30}(-[a-z0-9]+)*")
SERVICE_NAME = re.compile(r"s-[a-z0-9-]{1,29}")
CONTROL = re.compile(r"[\x00-\x1f]")
KEY_TYPES = frozenset(
    [
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    ]
)


def parse(raw: object) -> Roster:
    """Turn the roster's dictionary into accounts, or raise AccountsError with every mistake."""
    if not isinstance(raw, Mapping):
        raise AccountsError(f"The roster must be a dictionary, found {type(raw).__name__}.")
    if raw.get("format") != FORMAT:
        raise AccountsError(
            f"The roster has format {raw.get('format')!r}, this code reads format {FORMAT}: update the collection."
        )
    mistakes: list[str] = []
    project, generation = raw.get("project"), raw.get("generation")
    if not isinstance(project, str) or not project:
        mistakes.append("project must be a name")
    if not isinstance(generation, int) or isinstance(generation, bool) or generation < 0:
        mistakes.append(f"generation must be a whole number from 0, found {generation!r}")
    accounts: dict[str, Account] = {}
    uids: dict[int, str] = {}
    for section, service in (("people", False), ("service_users", True)):
        for number, item in enumerate(_list(raw.get(section, []), section, mistakes)):
            account = _account(item, f"{section}[{number}]", service, mistakes)
            if account is None:
                continue
            if account.name in accounts:
                mistakes.append(f"{account.name}: named twice")
            elif account.uid in uids:
                mistakes.append(f"{account.name}: uid {account.uid} is also the one of {uids[account.uid]}")
            accounts[account.name] = account
            uids[account.uid] = account.name
    if mistakes:
        raise AccountsError("The roster is not valid; nothing was changed:\n- " + "\n- ".join(mistakes))
    return Roster(str(project), int(str(generation)), accounts, json.loads(json.dumps(raw)))


def _list(value: object, what: str, mistakes: list[str]) -> Sequence[object]:
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return value
    mistakes.append(f"{what} must be a list, found {type(value).__name__}")
    return []


def _account(item: object, where: str, service: bool, mistakes: list[str]) -> Account | None:
    if not isinstance(item, Mapping):
        mistakes.append(f"{where} must be a dictionary, found {type(item).__name__}")
        return None
    name, uid = item.get("name"), item.get("uid")
    rule = SERVICE_NAME if service else PERSON_NAME
    if not isinstance(name, str) or not rule.fullmatch(name) or len(name) > 31:
        mistakes.append(f"{where}: {name!r} is not a name for a {'service user' if service else 'person'}")
        return None
    if not service and name.startswith("s-"):
        mistakes.append(f"{name}: names that begin with s- are for service users")
    if not isinstance(uid, int) or isinstance(uid, bool) or not UID_FIRST <= uid <= UID_LAST:
        mistakes.append(f"{name}: uid must be a number from {UID_FIRST} to {UID_LAST}, found {uid!r}")
        return None
    if service:
        return Account(name, uid, full_name=f"Service user {name}", service=True)
    state = item.get("state", "active")
    if state not in STATES:
        mistakes.append(f"{name}: state {state!r} is not one of {', '.join(STATES)}")
    permissions = [str(each) for each in _list(item.get("permissions", []), f"{name}: permissions", mistakes)]
    for unknown in sorted(set(permissions) - set(PERMISSIONS)):
        mistakes.append(f"{name}: permission {unknown!r} is not one of {', '.join(PERMISSIONS)}")
    keys: list[str] = []
    for key in _list(item.get("ssh_keys", []), f"{name}: ssh_keys", mistakes):
        problem = key_problem(key)
        if problem:
            mistakes.append(f"{name}: {problem}")
        elif isinstance(key, str) and key.strip() not in keys:
            keys.append(key.strip())
    full_name = str(item.get("full_name", "") or "")
    if ":" in full_name or CONTROL.search(full_name):
        mistakes.append(f"{name}: full_name must not contain a colon or control characters")
    # A comma separates the parts of the GECOS field, so it cannot be part of a name there.
    return Account(
        name,
        uid,
        full_name=" ".join(full_name.replace(",", " ").split()),
        state=str(state),
        permissions=tuple(each for each in PERMISSIONS if each in permissions),
        keys=tuple(keys),
    )


def key_problem(key: object) -> str | None:
    """Say what is wrong with a public key: plain `type base64 comment` only, never options in front."""
    if not isinstance(key, str) or CONTROL.search(key.strip()):
        return "an SSH key must be one line of text"
    parts = key.split(None, 2)
    if len(parts) < 2 or parts[0] not in KEY_TYPES:
        found = parts[0][:40] if parts else "nothing"
        return f"an SSH key must begin with one of {', '.join(sorted(KEY_TYPES))}, found {found!r}"
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        return f"the {parts[0]} key {parts[1][:16]!r}… is not base64"
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != parts[0].encode():
        return f"the SSH key {parts[1][:16]!r}… does not hold a key of type {parts[0]}"
    return None
