# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a project wants to be done before and after work on its VM: programs in /etc/local/maintenance.

Each runs as its owner, a service user; root opens none of them. 69 puts the work off to the next window, 75 asks for a
little more time, what else goes wrong is told and holds nothing up.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/etc/local/maintenance")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SECONDS = 300
MOST = 20
POSTPONE, RETRY = os.EX_UNAVAILABLE, os.EX_TEMPFAIL
SHOWN = 200


@dataclass(frozen=True)
class Hook:
    """A program, and who runs it."""

    path: Path
    account: pwd.struct_passwd


def find(moment: str, folder: Path = FOLDER) -> tuple[list[Hook], list[str]]:
    """Return the hooks of ``enter`` or ``leave`` in the order of their names, and why others are left out."""
    place = folder / f"{moment}.d"
    hooks: list[Hook] = []
    left_out: list[str] = []
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return [], []
    try:
        for name in sorted(os.listdir(descriptor)):  # noqa: PTH208 (by descriptor: the folder cannot be exchanged)
            if name == "README" or not NAME.fullmatch(name):
                continue
            reason = _problem(os.stat(name, dir_fd=descriptor, follow_symlinks=False))
            if isinstance(reason, str):
                left_out.append(f"{name}: {reason}")
            elif len(hooks) < MOST:
                hooks.append(Hook(place / name, reason))
    finally:
        os.close(descriptor)
    return hooks, left_out


def _problem(status: os.stat_result) -> pwd.struct_passwd | str:
    """Return who runs a file, or why nobody does."""
    if not stat.S_ISREG(status.st_mode):
        return "it is no file"
    if status.st_mode & 0o022:
        return "others than its owner may write it (chmod go-w)"
    if not status.st_mode & 0o100:
        return "it is not executable (chmod u+x)"
    with contextlib.suppress(KeyError):
        account = pwd.getpwuid(status.st_uid)
        if account.pw_uid and grp.getgrgid(account.pw_gid).gr_name == "service":
            return account
    return "it belongs to no service user"


def run(moment: str, *, reboot: bool, seconds: float = SECONDS, folder: Path = FOLDER) -> tuple[str, str]:
    """Run the hooks, one after the other; return ``go``, ``retry`` or ``postpone``, and a sentence."""
    hooks, left_out = find(moment, folder)
    for line in left_out:
        print(f"<4>{moment}.d/{line}", file=sys.stderr)
    for hook in hooks:
        code = _execute(hook, {"MAINTENANCE": moment, "MAINTENANCE_REBOOT": str(int(reboot))}, seconds)
        if code in (POSTPONE, RETRY) and moment == "enter":
            return (
                "postpone" if code == POSTPONE else "retry",
                f"{hook.path.name} of {hook.account.pw_name} asks for it",
            )
        if code:
            print(f"<4>{hook.path.name} of {hook.account.pw_name} ended with {code}", file=sys.stderr)
    return "go", ""


def _execute(hook: Hook, more: dict[str, str], seconds: float) -> int:
    """Run one as its owner, in a session of its own that ends with it; return its exit code."""
    account = hook.account
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "XDG_RUNTIME_DIR": f"/run/user/{account.pw_uid}",
        **more,
    }
    try:
        process = subprocess.Popen(
            [str(hook.path)],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=os.getgrouplist(account.pw_name, account.pw_gid),
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o077,
        )
    except OSError as error:
        print(f"<4>{hook.path.name}: {error.strerror}", file=sys.stderr)
        return 1
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        print(f"<4>{hook.path.name} of {account.pw_name} did not end within {seconds:.0f} s", file=sys.stderr)
        return 1
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
