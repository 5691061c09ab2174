# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which key of a repository is the server's, and whether it is known to open with the newest password.

A machine can add keys: so many that restic gives up before it comes to the right one, or such that ask for all memory.
So only one key is ever tried where it is known, in a view that has no other, and keys of strangers are put in the bin.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from ringmaster.backup_server import bins
from ringmaster.backup_server.repositories import Failure, Repository, WrongPassword, readable
from ringmaster.backup_server.state import read_state, write_state
from ringmaster.backup_server.view import view

KNOWN = Path("/var/lib/ringmaster/backup-server-passwords.json")
#: So many keys are tried where the server's is not known yet, by the time of their arrival: its own was the first.
TRIED = 32
#: A key that takes longer to open is not the server's.
SECONDS = 60


def is_known(repository: Repository) -> bool:
    """Whether the repository was seen to open with its password. To try costs a second of computing."""
    entry = read_state(KNOWN).get(repository.name)
    return isinstance(entry, dict) and entry.get("password") == _digest(repository)


def remember(repository: Repository, key: str) -> None:
    """Remember that this key opens with the repository's password."""
    write_state({**read_state(KNOWN), repository.name: {"password": _digest(repository), "key": key}}, KNOWN)


def key_of(repository: Repository) -> str:
    """Return the name of the key that the password opens; raises WrongPassword, or another Failure."""
    present = list(repository.files("keys"))
    entry = read_state(KNOWN).get(repository.name)
    known = [str(entry["key"])] if isinstance(entry, dict) and entry["key"] in present else []
    if known and is_known(repository):
        return known[0]
    failure: Failure | None = None
    # The one that was the server's is so still, or was given another password: nobody else's matters.
    for name in known or present[:TRIED]:
        try:
            with view(repository, name) as seen:
                seen.restic("cat", "config", "--no-lock", seconds=SECONDS)
        except WrongPassword as error:
            failure = error
        except Failure as error:  # a key of a stranger may be broken, or ask for all memory
            failure = failure or error
        else:
            remember(repository, name)
            return name
    raise failure or WrongPassword(f"{repository.name}: there is no key")


def opens(repository: Repository) -> bool:
    """Whether the password opens the repository; raises Failure when that cannot be found out."""
    try:
        key_of(repository)
    except WrongPassword:
        return False
    return True


def put_others_away(repository: Repository, key: str) -> int:
    """Put all keys but the server's into the bin, and return how many there were."""
    others = [name for name in repository.files("keys") if name != key]
    bins.put(repository, bins.TRASH, {"keys": others})
    return len(others)


def take_password(repository: Repository) -> bool:
    """Let the password be the only one that opens the repository; return whether it was not. Raises Failure.

    The data keep their key: whoever has copied both the repository and an older password can read that copy.
    """
    if opens(repository):
        return False
    for old in repository.older:
        earlier = replace(repository, password=old)
        try:
            key = key_of(earlier)
        except WrongPassword:
            continue
        put_others_away(repository, key)
        with readable(repository.password) as place:
            earlier.restic("--key-hint", key, "key", "add", "--new-password-file", place)
        (current,) = [one["id"] for one in json.loads(repository.restic("key", "list", "--json")) if one["current"]]
        (new,) = [name for name in repository.files("keys") if name.startswith(current)]
        repository.restic("--key-hint", new, "key", "remove", key)
        remember(repository, new)
        return True
    raise Failure(f"{repository.name}: neither the password nor an older one opens the repository")


def _digest(repository: Repository) -> str:
    """Return what tells a password from others, and gives nothing away of one that has 190 bits by chance."""
    return hashlib.sha256(repository.password.encode()).hexdigest()
