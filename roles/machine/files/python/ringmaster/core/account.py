# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs as the account of a service, and a work folder that the account cannot turn against root.

What lies below a folder that a service account can write is read, written, moved and removed by that account: whatever
links it lays there lead it to what it may do anyway.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringmaster.core import below
from ringmaster.core.report import Failure


def run(account: str, *words: str, stdin: Any = subprocess.DEVNULL, stdout: Any = subprocess.PIPE) -> bytes:
    """Run a program as an account; return what it printed. Raises Failure with what it complained about."""
    plain: dict[str, Any] = {"text": False, "errors": None}
    done: Any = below.as_account(account, words, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, **plain)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise Failure(f"{account}: {said or f'{words[0]} ended with code {done.returncode}'}")
    return done.stdout or b""


def remove(account: str, *paths: Path) -> None:
    """Remove files and folders below a folder of the account's; what is not there is no mistake."""
    run(account, "rm", "--recursive", "--force", "--one-file-system", "--", *map(str, paths))


def size(account: str, folder: Path) -> int:
    """Return the bytes of all files below a folder of the account's."""
    return int(run(account, "du", "--bytes", "--summarize", "--", str(folder)).split()[0])


@dataclass(frozen=True)
class Work:
    """A folder of root's which the account can read, and in it ``own``, where the account can write.

    Configuration and logs lie in ``folder``, so that root opens nothing that lies below ``own``.
    """

    account: str
    folder: Path

    @property
    def own(self) -> Path:
        """The account's folder, mode 0700."""
        return self.folder / "own"

    @property
    def log(self) -> Path:
        """A file of root's for what a program prints."""
        return self.folder / "log"

    def write(self, name: str, text: str) -> Path:
        """Make a file of root's that the account can read; return it."""
        path = self.folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640), "w") as stream:
            os.fchown(stream.fileno(), -1, pwd.getpwnam(self.account).pw_gid)
            os.fchmod(stream.fileno(), 0o640)
            stream.write(text)
        return path

    def start(self, words: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program as the account, which prints into the log; ``options`` are further ones of Popen."""
        with self.log.open("xb") as log:
            return subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **{"cwd": "/", **below.identity(self.account), **options},
            )

    def said(self) -> list[str]:
        """Return the lines of the log."""
        return self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []


def sweep(account: str, prefix: str, parent: Path, how: signal.Signals) -> None:
    """Remove work folders that were left behind by who was killed, and end what still runs there; a lock says who does.

    A program runs there if one of its words names the folder.
    """
    user = pwd.getpwnam(account)
    for path in parent.glob(f"{prefix}*"):
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                words = (process / "cmdline").read_bytes()
                if process.stat().st_uid == user.pw_uid and f"{path}/own/".encode() in words:
                    os.kill(int(process.name), how)
        below.remove(path)


@contextmanager
def work(account: str, prefix: str, parent: Path) -> Iterator[Work]:
    """Make a work folder in a folder of root's; take it away at the end."""
    user = pwd.getpwnam(account)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        made = Work(account, folder)
        # Nobody but root can exchange what lies in the folder, so that these are the folders that were made.
        made.own.mkdir(mode=0o700)
        os.chown(made.own, user.pw_uid, user.pw_gid)
        os.chown(folder, -1, user.pw_gid)
        folder.chmod(0o750)
        yield made
    finally:
        below.remove(folder)
