# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restart what service users run: their managers come back with their services, everything else ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import facts
from .model import Account, AccountsError, Paths
from .sessions import GRACE_SECONDS, KILL_SECONDS, has_systemd

OF_ROOT = "system.slice"
STARTS_FOR_OTHERS = ("cron.service", "atd.service", "ssh.service")


def restart(paths: Paths, accounts: Sequence[Account]) -> None:
    """Stop the managers of service users, end what they have running elsewhere, and start the managers again.

    A unit of the system that runs as a service user is root's, and stays.
    """
    if not accounts or not has_systemd(paths):
        return
    uids = {account.uid for account in accounts}
    managers = [f"user@{uid}.service" for uid in sorted(uids)]
    _systemctl("stop", *managers)
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        end = time.monotonic() + seconds
        while (left := strays(uids)) and time.monotonic() < end:
            for pid in left:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
            time.sleep(0.1)
    _systemctl("reset-failed", *managers)
    _systemctl("start", *managers)
    if left:
        names = ", ".join(sorted(account.name for account in accounts))
        raise AccountsError(
            f"Processes of {names} do not end (pids {', '.join(map(str, left))}); their managers run again. "
            "Look at the processes: they wait for a device or are traced. Then run again."
        )


def strays(uids: set[int]) -> list[int]:
    """Return the processes of service users that no unit of the system has started."""
    return [pid for pid, uid in facts.processes(Paths()) if uid in uids and not _is_of_a_unit(pid)]


def _is_of_a_unit(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return is_of_a_unit(text)


def is_of_a_unit(text: str) -> bool:
    """Tell by a process's control groups whether a unit of the system started it, and not for somebody else."""
    groups = [line.split(":", 2) for line in text.splitlines() if line.count(":") >= 2]
    own = [path for _number, kinds, path in groups if kinds in ("", "name=systemd")]
    parts = max((path.strip("/").split("/") for path in own), key=len, default=[])
    if OF_ROOT not in parts:
        return False
    return not set(parts[parts.index(OF_ROOT) :]) & set(STARTS_FOR_OTHERS)


def _systemctl(verb: str, *units: str) -> None:
    subprocess.run(["systemctl", verb, *units], capture_output=True, check=False)
