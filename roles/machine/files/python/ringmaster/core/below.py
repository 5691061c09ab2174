# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How root works below folders that somebody else can write: a service account, a service user, a person.

Whoever may write a folder can put a link, a second name of another file, a FIFO or a tree without end where root
expects a file, and exchange it between the look and the use. So a folder is opened once (``opened``), everything in it
is done by the descriptor and one name, and what a name stands for is judged after it was opened.
What needs more than that is done as the account itself: ``as_account``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ringmaster.core.report import Failure

LIMIT = 1024 * 1024
LINKS = 10
DEPTH = 20
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: A FIFO is opened without waiting for its other end, and refused then.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Refused(Failure):
    """What lies at a place is not what it should be; ``why`` says it without the place."""

    def __init__(self, place: Path, why: str) -> None:
        """Say ``<place>: <why>``."""
        super().__init__(f"{place}: {why}")
        self.place = place
        self.why = why


class Folder:
    """An open folder. Names are single names in it; no link is followed, and nothing outside of it is touched.

    Methods raise Refused for what is not as it should be, and OSError otherwise. ``path`` is for messages only.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        """Take over a descriptor, which is closed with this."""
        self.descriptor = descriptor
        self.path = path

    def __enter__(self) -> Folder:
        """Return itself."""
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)

    def names(self) -> list[str]:
        """Return what is in it, sorted."""
        return sorted(os.listdir(self.descriptor))  # noqa: PTH208 (by descriptor)

    def status(self, name: str) -> os.stat_result | None:
        """Return the status of an entry itself, never of what a link names; None when there is none."""
        try:
            return os.stat(self._own(name), dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def folder(self, name: str) -> Folder:
        """Open a folder in it."""
        try:
            return Folder(os.open(self._own(name), FOLDER, dir_fd=self.descriptor), self.path / name)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise Refused(self.path / name, "it is a link or no folder, which is not followed") from error
            raise

    def down(self, *names: str, make: bool = False) -> Folder:
        """Open a folder further down, step by step; ``make`` makes those that are missing, for root alone."""
        here = Folder(os.dup(self.descriptor), self.path)
        for name in names:
            with here as above:
                try:
                    here = above.folder(name)
                except FileNotFoundError:
                    if not make:
                        raise
                    here = above.make(name)
        return here

    def entries(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield names and the status of each entry itself, however many there are; what vanishes is left out."""
        with os.scandir(self.descriptor) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False)

    def stream(self, name: str, owner: int | None = None, *, names: int | None = 1) -> BufferedReader:
        """Open a regular file to be read: of the ``owner`` if one is given, with so many ``names`` (None: any)."""
        try:
            descriptor = os.open(self._own(name), READ, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
                raise Refused(self.path / name, "it is a link or no file") from error
            raise
        try:
            self._judge(name, os.fstat(descriptor), owner, names)
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise

    def _judge(self, name: str, status: os.stat_result, owner: int | None, names: int | None) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise Refused(self.path / name, "it is not a regular file")
        if names is not None and status.st_nlink > names:
            raise Refused(self.path / name, "it has a second name (hard link)")
        if owner is not None and status.st_uid != owner:
            raise Refused(self.path / name, f"it belongs to another account (number {status.st_uid})")

    def read(self, name: str, limit: int = LIMIT, owner: int | None = None) -> bytes:
        """Return what a file holds, which must be at most ``limit`` bytes, however large it says that it is."""
        with self.stream(name, owner) as stream:
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise Refused(self.path / name, f"it is larger than {limit // 1024} KiB")
        return content

    def text(self, name: str, limit: int = LIMIT, owner: int | None = None) -> str:
        """Return a file of UTF-8 text."""
        try:
            return self.read(name, limit, owner).decode()
        except UnicodeDecodeError as error:
            raise Refused(self.path / name, "it is not UTF-8 text") from error

    def write(
        self,
        name: str,
        content: str | bytes | BinaryIO,
        *,
        mode: int = 0o600,
        account: pwd.struct_passwd | None = None,
        like: os.stat_result | None = None,
    ) -> None:
        """Put a new file in place, never half of it, and give it to an account. Whatever had the name is replaced.

        ``like`` is the status of a file whose times it gets.
        """
        new = f".{self._own(name)[:200]}.{secrets.token_hex(6)}"
        descriptor = os.open(new, NEW, 0o600, dir_fd=self.descriptor)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                if isinstance(content, str | bytes):
                    stream.write(content.encode() if isinstance(content, str) else content)
                else:
                    shutil.copyfileobj(content, stream, LIMIT)
                stream.flush()
                if like is not None:
                    os.utime(descriptor, ns=(like.st_atime_ns, like.st_mtime_ns))
                _settle(descriptor, mode, account)
            os.rename(new, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new, dir_fd=self.descriptor)
            raise

    def make(self, name: str, *, mode: int = 0o700, account: pwd.struct_passwd | None = None) -> Folder:
        """Make a folder, which must not be there, give it to an account, and open it."""
        os.mkdir(self._own(name), 0o700, dir_fd=self.descriptor)
        made = self.folder(name)
        try:
            _settle(made.descriptor, mode, account)
        except BaseException:
            made.close()
            raise
        return made

    def give(self, name: str, account: pwd.struct_passwd, mode: int) -> None:
        """Give a regular file or a folder to an account."""
        status = self.status(name)
        if status is not None and stat.S_ISDIR(status.st_mode):
            with self.folder(name) as folder:
                _settle(folder.descriptor, mode, account)
            return
        with self.stream(name) as stream:
            _settle(stream.fileno(), mode, account)

    def move(self, name: str, to: Folder, new_name: str) -> None:
        """Move an entry into another folder, in one step."""
        os.rename(self._own(name), self._own(new_name), src_dir_fd=self.descriptor, dst_dir_fd=to.descriptor)

    def link(self, name: str, to: Folder, new_name: str) -> None:
        """Give an entry, itself and not what it names, a second name in another folder."""
        names = self._own(name), self._own(new_name)
        os.link(*names, src_dir_fd=self.descriptor, dst_dir_fd=to.descriptor, follow_symlinks=False)

    def empty(self, name: str) -> None:
        """Take away what is in a file, also for those who have it open."""
        descriptor = os.open(self._own(name), WRITE, dir_fd=self.descriptor)
        try:
            self._judge(name, os.fstat(descriptor), None, 1)
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def set_modes(self, name: str, mode: int, without: str) -> None:
        """Give a folder in it, and all folders below that, a mode; but not one named ``without`` right in it."""
        for parent, folders, _files, descriptor in os.fwalk(self._own(name), dir_fd=self.descriptor):
            if parent == name and without in folders:
                folders.remove(without)
            if parent.count("/") >= DEPTH:
                folders.clear()  # each level keeps a descriptor
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
                os.fchmod(descriptor, mode)

    def remove(self, name: str) -> None:
        """Remove an entry, and all that is below a folder, if it is there.

        By rm: it follows no link, whatever changes meanwhile, and has no limit of depth, as functions of Python have.
        """
        status = self.status(name)
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.descriptor)
            return
        self._run("removed", "rm", "-rf", "--one-file-system", "--", f"./{name}")

    def give_tree(self, name: str, account: pwd.struct_passwd) -> None:
        """Give a folder with all that is below it to an account, and no file that a link in it names."""
        self.folder(name).close()
        self._run("given", "chown", "-R", "-P", "-h", "--", f"{account.pw_uid}:{account.pw_gid}", f"./{name}")

    def find(self, *tests: str) -> list[tuple[float, float, int]]:
        """Return times of change (of status, of content) and size of each regular file below; ``tests`` are of find."""
        done = _tool(self.descriptor, "find", ".", "-xdev", "-type", "f", *tests, "-printf", "%C@ %T@ %s\n")
        words = (line.split() for line in done.stdout.splitlines())
        return [(float(status), float(content), int(size)) for status, content, size in words]

    def _run(self, what: str, *argv: str) -> None:
        """Let a program of coreutils work on an entry: these follow no link, and know no limit of depth."""
        done = _tool(self.descriptor, *argv)
        if done.returncode:
            raise Failure(f"{self.path / argv[-1]} cannot be {what}: {done.stderr.strip()[-200:]}")

    def _own(self, name: str) -> str:
        """Return a name that stays in this folder."""
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise Refused(self.path, f"{name[:80]!r} is not the name of something in it")
        return name


def _tool(folder: int, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=f"/proc/self/fd/{folder}",
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _settle(descriptor: int, mode: int, account: pwd.struct_passwd | None) -> None:
    if account is not None:
        os.fchown(descriptor, account.pw_uid, account.pw_gid)
    os.fchmod(descriptor, mode)


def opened(path: Path, links: int = LINKS) -> Folder:
    """Open a folder, step by step from ``/``. A link on the way is refused, unless root made it in a folder of root's.

    Raises FileNotFoundError, and Refused for a link of somebody else.
    """
    here = Folder(os.open("/", FOLDER), Path("/"))
    for number, name in enumerate(path.parts[1:], start=2):
        try:
            below = here.folder(name)
        except Refused:
            target = _link_of_root(here, name)
            if target is None or not links:
                raise
            place = Path(os.path.normpath(here.path / target))
            return opened(place.joinpath(*path.parts[number:]), links - 1)
        finally:
            here.close()
        here = below
    return here


def _link_of_root(folder: Folder, name: str) -> str | None:
    """Return where a link leads that only root can have made."""
    place = os.fstat(folder.descriptor)
    if place.st_uid != 0 or place.st_mode & 0o022:
        return None
    status = folder.status(name)
    if status is None or status.st_uid != 0 or not stat.S_ISLNK(status.st_mode):
        return None
    return os.readlink(name, dir_fd=folder.descriptor)


@contextlib.contextmanager
def parent_of(path: Path) -> Iterator[tuple[Folder, str]]:
    """Give the open folder in which something lies, and its name there."""
    with opened(path.parent) as folder:
        yield folder, path.name


def remove(path: Path) -> None:
    """Remove a file or a tree by its path, if it is there; see ``Folder.remove``."""
    with contextlib.suppress(FileNotFoundError), parent_of(path) as (folder, name):
        folder.remove(name)


def find(path: Path) -> list[tuple[float, float, int]]:
    """Return what ``Folder.find`` does, of all files below a folder; of a missing one, nothing."""
    try:
        with opened(path) as folder:
            return folder.find()
    except FileNotFoundError:
        return []


def identity(name: str) -> dict[str, Any]:
    """Return what subprocess needs to become an account, with no group but its own."""
    account = pwd.getpwnam(name)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def as_account(name: str, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program as an account: without root's rights, groups, environment and terminal.

    ``options`` are those of ``subprocess.run``, such as ``input``, ``timeout`` or further variables as ``env``.
    """
    home = pwd.getpwnam(name).pw_dir
    settings: dict[str, Any] = {"capture_output": True, "text": True, "errors": "replace", "umask": 0o077, "cwd": "/"}
    if "input" not in options:
        settings["stdin"] = subprocess.DEVNULL
    if "stdout" in options or "stderr" in options:
        del settings["capture_output"]
    settings |= options
    settings["env"] = {**ENVIRONMENT, "HOME": home, "USER": name, **options.get("env", {})}
    return subprocess.run(
        list(argv),
        **identity(name),
        start_new_session=True,
        check=False,
        **settings,
    )
