# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restic as a function: secrets by the environment, JSON out, and one sentence for everything that can go wrong."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ringmaster.backup.configuration import CACHE, Access, Failure

#: Exit codes of restic 0.17 and later (its manual, "Exit status codes").
INCOMPLETE = 3
REASONS = {
    10: "there is no repository; playbook backup.yml makes it on the backup machine",
    11: "the repository is locked by another process for too long",
    12: "the repository does not open with this machine's password; playbook backup.yml writes the right one",
    130: "restic was interrupted",
}


class Unreachable(Failure):
    """The backup machine does not answer; trying again later may help."""


class Restic:
    """One repository."""

    def __init__(self, access: Access) -> None:
        """Remember how to reach it."""
        self.access = access

    def environment(self) -> dict[str, str]:
        """Return restic's environment. Only root can read that of a process of root."""
        CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "RESTIC_REPOSITORY": self.access.repository,
            "RESTIC_REST_USERNAME": self.access.username,
            "RESTIC_REST_PASSWORD": self.access.access_password,
            "RESTIC_PASSWORD": self.access.password,
            "RESTIC_CACERT": self.access.ca,
            "RESTIC_CACHE_DIR": str(CACHE),
        }

    def run(
        self, *words: str, accept: Sequence[int] = (0,), retry_lock: str = "30m"
    ) -> subprocess.CompletedProcess[str]:
        """Run restic; raises Failure with a sentence unless the exit code is accepted."""
        argv = ["restic", "--json", "--retry-lock", retry_lock, "--cleanup-cache", *words]
        try:
            done = subprocess.run(
                argv,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except FileNotFoundError as error:
            raise Failure("restic is not installed") from error
        if done.returncode not in accept:
            raise Failure(self.explain(done.returncode, done.stderr or done.stdout))
        return done

    def explain(self, code: int, text: str) -> str:
        """Return a sentence for an exit code and what restic said."""
        message = _last_message(text)
        if "401 Unauthorized" in text:
            return "the backup machine refuses this machine's password (401); playbook backup.yml hands it out again"
        if "507 Insufficient Storage" in text or "500 Internal Server Error" in text:
            return f"the backup machine cannot write what it gets; see its check backup_server/disk: {message}"
        if "x509:" in text:
            return f"the backup machine's certificate is not accepted: {message}"
        for sign in ("ciphertext verification failed", "is damaged", "invalid data returned", "does not exist"):
            if sign in text and code not in REASONS:
                return f"the repository is damaged: {message}"
        return f"{REASONS[code]} ({message})" if code in REASONS else f"restic failed with code {code}: {message}"

    def snapshots(self, *words: str) -> list[dict[str, Any]]:
        """Return snapshots, oldest first."""
        found = json.loads(self.run("snapshots", "--no-lock", *words).stdout or "null") or []
        return sorted(found, key=lambda one: one["time"])

    def past_snapshots(self) -> list[dict[str, Any]]:
        """Return snapshots without those of the future: a lie or a broken clock, which would be the newest for long."""
        limit = time.time() + 3600
        return [one for one in self.snapshots() if datetime.fromisoformat(one["time"]).timestamp() < limit]

    def snapshot(self, wanted: str) -> dict[str, Any]:
        """Return one snapshot by (the beginning of) its id, or the newest one for ``latest``."""
        found = self.past_snapshots() if wanted == "latest" else self.snapshots()
        if wanted != "latest":
            found = [one for one in found if one["id"].startswith(wanted)] if wanted else []
        if not found:
            what = "no snapshot yet" if wanted == "latest" else f"no snapshot '{wanted}'"
            raise Failure(f"{self.access.username} has {what}; playbook list_backups.yml shows them")
        if wanted != "latest" and len(found) > 1:
            raise Failure(f"'{wanted}' is the beginning of {len(found)} snapshots; give more of its id")
        return found[-1]

    def ls(self, snapshot: str, *words: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a snapshot, as restic describes them."""
        for line in self.run("ls", "--no-lock", snapshot, *words).stdout.splitlines():
            entry = json.loads(line)
            if entry.get("struct_type") == "node" or entry.get("message_type") == "node":
                yield entry


def wait_until_reachable(access: Access, tries: int, pause: float, say: Callable[[str], None]) -> int:
    """Knock until the backup machine opens; return the tries. restic alone would ask for 15 minutes, silently."""
    address = urlsplit(access.repository.removeprefix("rest:"))
    if not address.hostname:
        return 1  # a folder
    context = ssl.create_default_context(cafile=access.ca)
    for number in range(1, tries + 1):
        try:
            with (
                socket.create_connection((address.hostname, address.port or 443), timeout=10) as plain,
                context.wrap_socket(plain, server_hostname=address.hostname),
            ):
                return number
        except ssl.SSLCertVerificationError as error:
            raise Failure(f"the backup machine's certificate is not accepted: {error.verify_message}") from error
        except OSError as error:
            reason = f"the backup machine {address.hostname}:{address.port} does not answer: {error.strerror or error}"
            if number == tries:
                raise Unreachable(f"{reason} (tried {number} time{'s' * (number != 1)})") from error
            say(f"{reason}; trying again in {pause:g} s")
            time.sleep(pause)
    raise AssertionError("tries is at least 1")


def _last_message(text: str) -> str:
    """Return what restic said at last, from JSON or plain lines, in one line."""
    message = ""
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError:
            found = line
        if isinstance(found, dict):
            error = found.get("error")
            found = found.get("message") or (error.get("message") if isinstance(error, dict) else error) or ""
        if found and not str(found).startswith(("Is there a repository", "rest:")):
            message = str(found)
    return " ".join(message.removeprefix("Fatal: ").split())[:300] or os.strerror(5)
