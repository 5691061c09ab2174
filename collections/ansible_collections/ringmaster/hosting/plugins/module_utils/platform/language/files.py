# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How files of a platform are read and written: everything goes through here.

What is read is a file, of a size, among a number of others; it never waits for a FIFO or a device. What is written
keeps what the file was: its line ends, its byte-order mark, its mode and owner, and the link that leads to it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST = 8 * 2**20
"""Bytes of a file that people write."""
LARGEST_WRITTEN = 64 * 2**20
"""Bytes of a file that Ringmaster writes: ledger, known hosts, cache."""
MOST = 20_000
"""Entries of a folder."""
BOM = "\ufeff"
_KINDS = {
    stat.S_IFIFO: "a named pipe (FIFO)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_LEFT_BEHIND = re.compile(r"\.(.+\.(yml|yaml|json)|known_hosts)\.[a-z0-9_]{8}")


class UnfitFileError(OSError):
    """A file that is not read; ``strerror`` says why."""

    def __init__(self, why: str) -> None:
        super().__init__(0, why)


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """Return what is in a file; raises OSError when it cannot be read, is no file, or is too large."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except ValueError:
        raise UnfitFileError("has a name that no file can have") from None
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise UnfitFileError("Is a directory")
        if not stat.S_ISREG(found.st_mode):
            raise UnfitFileError(f"is {_KINDS.get(stat.S_IFMT(found.st_mode), 'something else')}, and no file")
        raw = os.read(descriptor, min(found.st_size, largest) + 1)
        # A file that grows meanwhile, or one in /proc, which says that it has nothing.
        while len(raw) > found.st_size and len(raw) <= largest and (more := os.read(descriptor, 2**16)):
            raw += more
    finally:
        os.close(descriptor)
    if len(raw) > largest:
        raise UnfitFileError(f"is larger than {largest // 2**20} MiB")
    return raw


def read_text(path: Path, largest: int = LARGEST_WRITTEN) -> str:
    """Return the text of a file that a program of ours wrote; what is no UTF-8 becomes signs that are not."""
    return read_bytes(path, largest).decode("utf-8", "replace")


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder; raises OSError for one that has too much in it."""
    found = []
    for path in folder.iterdir():
        found.append(path)
        if len(found) > MOST:
            raise UnfitFileError(f"has more than {MOST} entries")
    return found


@dataclass(frozen=True)
class Form:
    """How a text is written: with a byte-order mark, and with which line ends."""

    has_mark: bool = False
    has_returns: bool = False

    @classmethod
    def of(cls, text: str) -> Form:
        """Return the form of a text; line ends that are mixed stay as they are."""
        returns = text.count("\r\n")
        return cls(text.startswith(BOM), bool(returns) and returns == text.count("\n"))

    def plain(self, text: str) -> str:
        """Return a text of this form without mark and returns."""
        text = text.removeprefix(BOM) if self.has_mark else text
        return text.replace("\r\n", "\n") if self.has_returns else text

    def written(self, text: str) -> str:
        """Return a plain text in this form; the inverse of ``plain``."""
        text = text.replace("\n", "\r\n") if self.has_returns else text
        return BOM + text if self.has_mark else text


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file so that a crash at any moment leaves the old or the new one, whole.

    A link stays, and what it leads to is replaced; a file that is there keeps its mode and its owner.
    """
    place = path.resolve()
    before = place.stat() if place.exists() else None
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    # Held while it is written: what nobody holds was left behind by a run that was killed.
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as handle:
            handle.write(text)
            handle.flush()
            if before and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                with contextlib.suppress(PermissionError):
                    os.fchown(handle.fileno(), before.st_uid, before.st_gid)
            os.fchmod(handle.fileno(), stat.S_IMODE(before.st_mode) if before else mode)
            os.fsync(handle.fileno())
            Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sweep(*folders: Path) -> None:
    """Take away what killed runs left half written in folders."""
    for path in _left_behind(folders):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def _left_behind(folders: tuple[Path, ...]) -> Iterator[Path]:
    for folder in folders:
        with contextlib.suppress(OSError):
            for path in folder.iterdir():
                if _LEFT_BEHIND.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                    yield path
