# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions, processes and lingering of the running system."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import facts
from .model import LINGER_DIRECTORY, Account, AccountsError, Paths

GRACE_SECONDS = 2.0
KILL_SECONDS = 15.0


def has_systemd(paths: Paths) -> bool:
    """Tell whether systemd runs this system (not so in a chroot or an image that is being built)."""
    return paths.live and Path("/run/systemd/system").is_dir()


def linger(paths: Paths, name: str, on: bool) -> None:
    """Start a user's manager at boot and at once, or no longer.

    The file is what logind reads at boot; it is enough where no logind runs.
    """
    file = paths.at(f"{LINGER_DIRECTORY}/{name}")
    if has_systemd(paths):
        # logind writes the file itself; when it fails, there is none, and the next run tries again.
        _run(["loginctl", "enable-linger" if on else "disable-linger", name], check=on)
    elif on:
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        file.touch(mode=0o644)
    if not on:
        file.unlink(missing_ok=True)


def end(paths: Paths, accounts: Sequence[Account]) -> None:
    """End all sessions and processes of accounts that are out, and make sure that none is left.

    Programs get a moment to save their files. Then the whole control group of each user goes at once, which
    no fork escapes and which holds also what was started from the session under another user, by sudo; what
    runs elsewhere under the uid (cron, at) is found by its uid.
    """
    if not paths.live or not accounts:
        return
    uids = {account.uid for account in accounts}
    slices: list[Path] = []
    # logind knows who has a session or a manager: of 1,000 people who go at once most have neither.
    known = [uid for uid in sorted(uids) if Path(f"/run/systemd/users/{uid}").exists()]
    for uid in known:
        slices.extend(_control_groups(f"user-{uid}.slice"))
        _run(["loginctl", "terminate-user", str(uid)], check=False)
    _signal(paths, uids, signal.SIGTERM)
    _wait_for_none(paths, uids, slices, GRACE_SECONDS)
    deadline = time.monotonic() + KILL_SECONDS
    while True:
        for group in _groups(slices):
            _kill_group(group)
        _signal(paths, uids, signal.SIGKILL)
        if _wait_for_none(paths, uids, slices, 0.2):
            break
        if time.monotonic() > deadline:
            left = [str(pid) for pid, uid in facts.processes(paths) if uid in uids]
            raise AccountsError(
                f"Processes of {', '.join(sorted(each.name for each in accounts))} do not end "
                f"(pids {', '.join(left) or 'in their slices'}); keys and groups are gone already. "
                "Look at the processes: they wait for a device or are traced. Then run again."
            )
    if known:
        units = [unit for uid in known for unit in (f"user-{uid}.slice", f"user@{uid}.service")]
        # Nothing runs in them any more, so this is quick; and a manager that was killed has not failed.
        _run(["systemctl", "stop", *units], check=False)
        _run(["systemctl", "reset-failed", *units], check=False)


def reload_systemd(paths: Paths) -> None:
    """Let systemd read its unit files again."""
    if has_systemd(paths):
        _run(["systemctl", "daemon-reload"], check=True)


def switch_unit(paths: Paths, unit: str, on: bool) -> None:
    """Start or stop a unit now, without waiting for it."""
    if has_systemd(paths):
        _run(["systemctl", "start" if on else "stop", "--no-block", unit], check=on)


def _wait_for_none(paths: Paths, uids: set[int], slices: list[Path], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        alive = any(uid in uids for _pid, uid in facts.processes(paths))
        if not alive and not any(facts.members_of(each) for each in _groups(slices)):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def _signal(paths: Paths, uids: set[int], number: signal.Signals) -> None:
    for pid, uid in facts.processes(paths):
        if uid in uids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _control_groups(unit: str) -> list[Path]:
    """Return where a unit's processes are: one place, or one of systemd's own in the older hierarchy."""
    shown = _run(["systemctl", "show", "--property=ControlGroup", "--value", unit], check=False).strip()
    if not shown:
        return []
    bases = [Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup/systemd")]
    places = [base / shown.lstrip("/") for base in bases]
    return [place for place in places if (place / "cgroup.procs").is_file()]


def _groups(slices: list[Path]) -> list[Path]:
    return [group for each in slices for group in facts.groups_of(each)]


def _kill_group(group: Path) -> None:
    switch = group / "cgroup.kill"
    try:
        if switch.exists():
            switch.write_text("1")
            return
    except OSError:
        pass
    for pid in facts.members_of(group):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _run(argv: list[str], check: bool) -> str:
    run = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    if check and run.returncode != 0:
        raise AccountsError(f"{' '.join(argv)} ends with {run.returncode}: {(run.stderr or run.stdout).strip()}")
    return run.stdout
