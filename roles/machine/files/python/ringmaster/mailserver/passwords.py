# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords that people change themselves: data of this machine, which wins over the declared hashes."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ringmaster.core import files
from ringmaster.core.report import Failure
from ringmaster.mailserver.places import Places, run

MINIMUM = 10


def changed(places: Places) -> dict[str, dict[str, Any]]:
    """Return the changed passwords: address to hash and time of change."""
    try:
        return json.loads(places.passwords.read_text())
    except FileNotFoundError:
        return {}


def change(places: Places, address: str, password: str) -> None:
    """Keep a new password. The caller has made sure who asks. Raises Failure."""
    if len(password) < MINIMUM:
        raise Failure(f"the new password must have at least {MINIMUM} characters")
    if any(ord(sign) < 32 for sign in password):
        raise Failure("the new password has control characters")
    digest = run("doveadm", "pw", "-s", "ARGON2ID", given=f"{password}\n{password}\n").strip().splitlines()[-1]
    with _locked(places) as content:
        content[address] = {"password_hash": digest, "changed": round(time.time())}


def reset(places: Places, address: str) -> bool:
    """Forget a changed password, so that the declared one counts again; return whether there was one."""
    with _locked(places) as content:
        return content.pop(address, None) is not None


@contextmanager
def _locked(places: Places) -> Iterator[dict[str, dict[str, Any]]]:
    """Give the changed passwords to be changed; write them at the end."""
    places.data.mkdir(mode=0o755, parents=True, exist_ok=True)
    with os.fdopen(os.open(places.data / ".passwords.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        content = changed(places)
        yield content
        files.replace(places.passwords, json.dumps(content, indent=1, sort_keys=True) + "\n", mode=0o600)
