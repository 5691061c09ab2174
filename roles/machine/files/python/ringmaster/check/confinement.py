# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a check runs that the platform did not write: with its own processes, its own /tmp, and limits.

It is the second process of a namespace of process numbers. When it ends, or its time does, the kernel ends all that it
started, whatever that did to get away. It sees the machine's /proc, because checks ask what runs.
"""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 0x4000, 0x40000
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38

TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")
HIDDEN = ("/etc/ringmaster/monitoring",)
"""Credentials of the platform's own checks and exporters. File modes keep them as well."""
MIB = 1024**2
TEMPORARY_SIZE = "64m"
LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_DATA: 1024 * MIB,
    resource.RLIMIT_FSIZE: 64 * MIB,
    resource.RLIMIT_NOFILE: 1024,
    resource.RLIMIT_MEMLOCK: 64 * 1024,
    resource.RLIMIT_MSGQUEUE: 0,
    resource.RLIMIT_NICE: 0,
    resource.RLIMIT_RTPRIO: 0,
}
# So many processes more than the account has anyway, since the kernel counts by account.
PROCESSES = 64

_LIBC = ctypes.CDLL(None, use_errno=True)


def enter(temporary: tuple[str, ...] = TEMPORARY, hidden: tuple[str, ...] = HIDDEN) -> None:
    """Go on in a process of its own namespaces; the caller's one waits for it and ends as it did. Needs root.

    Raises OSError where that is not possible; then nothing may run.
    """
    _call("unshare", CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID)
    _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    options = f"size={TEMPORARY_SIZE},nr_inodes=4096,mode=1777".encode()
    for place in temporary:
        if Path(place).is_dir():
            _call("mount", b"tmpfs", place.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, options)
    for place in hidden:
        if Path(place).is_dir():
            _call("mount", b"tmpfs", place.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, b"size=4k,nr_inodes=1,mode=0000")
    _follow(os.fork())  # the first process of the namespace
    _follow(os.fork())  # the second, for which signals are what they are everywhere


def limit(user: int, seconds: int) -> None:
    """Take the limits on, before the account is changed. ``seconds`` is what it may compute in all."""
    own = {resource.RLIMIT_CPU: max(1, seconds), resource.RLIMIT_NPROC: PROCESSES + _tasks_of(user)}
    for what, value in {**LIMITS, **own}.items():
        _soft, hard = resource.getrlimit(what)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (most, most))


def keep_rights_down() -> None:
    """Make that no program gives more rights, and that other processes of the account cannot look into this one."""
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def _follow(child: int) -> None:
    """In the child, go on; in its parent, wait for it and end as it did, by its status or by its signal."""
    if child == 0:
        return
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):  # the reader sees the end of the output when the check has ended
        os.dup2(null, stream)
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _tasks_of(user: int) -> int:
    """Count the threads of an account, as far as /proc tells."""
    found = 0
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                if place.stat().st_uid == user:
                    found += sum(1 for _task in (place / "task").iterdir())
            except OSError:
                continue
    return found


def _call(name: str, *arguments: int | bytes | None) -> None:
    # All whole numbers as long as a register, as prctl and the flags of mount want them.
    words = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in arguments]
    if getattr(_LIBC, name)(*words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
