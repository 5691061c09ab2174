# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace files so that a kill at any moment leaves every one of them whole.

All new files are written beside their places and brought to disk first; then they are renamed one by one.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .database import MODES, WIDTHS
from .facts import PENDING_SUFFIX
from .model import AccountsError, Paths

STAGE_DIRECTORY = "/etc/.ringmaster-accounts"
ACCOUNT_LOCK_SECONDS = 30
RUN_LOCK_SECONDS = 120


class Stage:
    """New contents waiting for their rename."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._pending: dict[str, Path] = {}

    def write(self, path: str, text: str, mode: int) -> Path:
        """Write the new content of a file beside it, owned by root; return where it lies until commit."""
        final = self._paths.at(path)
        final.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        pending = final.parent / f".{final.name}{PENDING_SUFFIX}"
        self._pending[path] = pending
        write_file(pending, text, mode)
        return pending

    def sync(self) -> None:
        """Bring everything written so far to disk."""
        devices: dict[int, Path] = {}
        for pending in self._pending.values():
            devices.setdefault(pending.parent.stat().st_dev, pending.parent)
        for directory in devices.values():
            sync_filesystem(directory)

    def commit(self, path: str) -> None:
        """Rename one file into its place."""
        final = self._paths.at(path)
        if final.is_dir() and not final.is_symlink():
            raise AccountsError(f"{path} is a directory where a file belongs; move it away, then run again.")
        self._pending.pop(path).replace(final)

    def abort(self) -> None:
        """Take away what was not committed."""
        for pending in self._pending.values():
            pending.unlink(missing_ok=True)
        self._pending.clear()


def write_file(path: Path, text: str, mode: int) -> None:
    """Make a new file owned by root, never through a link that somebody left at its name."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        os.fchmod(file.fileno(), mode)


def sync_filesystem(directory: Path) -> None:
    """Bring the file system of a directory to disk: one call instead of one fsync for each of 1,000 files."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs", str(directory))
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def run_lock(paths: Paths) -> Iterator[None]:
    """Let one run at a time work on this machine."""
    path = paths.at("/run/ringmaster-accounts.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _wait(
            lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
            RUN_LOCK_SECONDS,
            "Another run of the accounts module works on this machine",
        )
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def account_lock(paths: Paths) -> Iterator[None]:
    """Hold the lock of the account files.

    It is the record lock on /etc/.pwd.lock that libc's lckpwdf takes, and so useradd, passwd, vipw and
    systemd-sysusers. Taken here directly: lckpwdf works with an alarm signal, waits 15 seconds at most, and
    knows no other root directory.
    """
    descriptor = os.open(paths.at("/etc/.pwd.lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _wait(
            lambda: fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
            ACCOUNT_LOCK_SECONDS,
            "Another program (useradd, passwd, vipw …) holds the lock /etc/.pwd.lock",
        )
        yield
    finally:
        os.close(descriptor)


def _wait(attempt: Callable[[], None], seconds: int, sentence: str) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            attempt()
            return
        except (BlockingIOError, PermissionError):
            if time.monotonic() > deadline:
                raise AccountsError(f"{sentence}, for {seconds} seconds already; nothing was changed.") from None
            time.sleep(0.05)


class StagedDatabase:
    """The four account files, complete in a directory of their own, so that pwck and grpck can judge them."""

    def __init__(self, paths: Paths, texts: dict[str, str], changed: dict[str, str]) -> None:
        self._paths = paths
        self._old = texts
        self._changed = changed
        self._root = paths.at(STAGE_DIRECTORY)

    def write(self) -> None:
        """Write the files; those that do not change are there for the checks only."""
        self.remove()
        (self._root / "etc").mkdir(mode=0o700, parents=True)
        self._root.chmod(0o700)
        for name in WIDTHS:
            current = self._paths.at(f"/etc/{name}").stat()
            path = self._root / "etc" / name
            write_file(path, self._changed.get(name, self._old[name]), MODES[name])
            # Debian: shadow and gshadow belong to group shadow. Owner and group stay as they are.
            os.chown(path, current.st_uid, current.st_gid)

    def check(self) -> None:
        """Let pwck and grpck judge the new files; only what they did not say of the old ones counts."""
        new = self._judge()
        if not new:
            return
        other = StagedDatabase(self._paths, self._old, {})
        other._root = self._root.with_name(self._root.name + "-old")
        try:
            other.write()
            complaints = new - other._judge()
        finally:
            other.remove()
        if complaints:
            raise AccountsError(
                "The new account files were not put in place, because pwck or grpck refuses them: "
                + "; ".join(sorted(complaints))
            )

    def _judge(self) -> set[str]:
        complaints = set()
        for program, files in (("pwck", ("passwd", "shadow")), ("grpck", ("group", "gshadow"))):
            path = shutil.which(program, path="/usr/sbin:/sbin")
            if path is None:
                raise AccountsError(f"{program} is missing; install the package passwd.")
            argv = [path, "-r", "-R", str(self._root), *(f"/etc/{name}" for name in files)]
            run = subprocess.run(
                argv, capture_output=True, text=True, errors="replace", check=False, env={"LC_ALL": "C"}
            )
            lines = {line.strip() for line in (run.stdout + run.stderr).splitlines() if line.strip()}
            # The files stand alone in their directory: homes and shells are not there to be found.
            complaints |= {
                line for line in lines if not line.endswith("does not exist") and not line.endswith(": no changes")
            }
            # 2: one or more bad entries, told in the lines above; more than that is trouble of its own.
            if run.returncode not in (0, 2):
                complaints.add(f"{program} ends with {run.returncode}")
        return complaints

    def swap(self, order: tuple[str, ...]) -> None:
        """Rename the changed files into place; the old ones stay as passwd-, group- and so on."""
        for name in order:
            if name not in self._changed:
                continue
            final = self._paths.at(f"/etc/{name}")
            backup = final.with_name(f"{name}-")
            pending = final.with_name(f".{name}-{PENDING_SUFFIX}")
            pending.unlink(missing_ok=True)
            os.link(final, pending)
            pending.replace(backup)
            (self._root / "etc" / name).replace(final)

    def sync(self) -> None:
        """Bring the staged files, or after the swap the renames, to disk."""
        sync_filesystem(self._paths.at("/etc"))

    def remove(self) -> None:
        """Take the directory away."""
        shutil.rmtree(self._root, ignore_errors=True)
