# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Home directories: made whole or not at all, repaired without following links."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from .facts import PENDING_SUFFIX
from .model import AccountsError, Paths
from .work import HomeWork

SKELETON = "/etc/skel"


@dataclass(frozen=True)
class Piece:
    """A folder, file or link of the skeleton, its path relative to the home."""

    path: str
    kind: str
    mode: int
    data: bytes = b""


def read_skeleton(paths: Paths) -> list[Piece]:
    """Read /etc/skel once: 1,000 new homes are then written without reading it 1,000 times."""
    base = paths.at(SKELETON)
    pieces = []
    for folder, folders, files in os.walk(base):
        for name in sorted([*folders, *files]):
            path = Path(folder, name)
            relative, status = str(path.relative_to(base)), path.lstat()
            mode = stat.S_IMODE(status.st_mode) & 0o777
            if stat.S_ISLNK(status.st_mode):
                pieces.append(Piece(relative, "link", mode, os.fsencode(path.readlink())))
            elif stat.S_ISDIR(status.st_mode):
                pieces.append(Piece(relative, "folder", mode))
            elif stat.S_ISREG(status.st_mode):
                pieces.append(Piece(relative, "file", mode, path.read_bytes()))
    return pieces


def prepare(paths: Paths, work: HomeWork, skeleton: list[Piece]) -> None:
    """Make a home from the skeleton, or repair owner and mode of the folder itself.

    A new home is complete before it gets its name.
    """
    home = paths.at(work.path)
    if not work.create:
        _own(home, work.uid, work.gid, work.mode)
        return
    home.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    pending = home.parent / f".{home.name}{PENDING_SUFFIX}"
    if pending.exists():
        shutil.rmtree(pending)
    pending.mkdir(mode=0o700)
    for piece in skeleton:
        path = pending / piece.path
        if piece.kind == "link":
            path.symlink_to(os.fsdecode(piece.data))
            os.lchown(path, work.uid, work.gid)
        elif piece.kind == "folder":
            path.mkdir(piece.mode)
            os.lchown(path, work.uid, work.gid)
        else:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, piece.data)
                os.fchown(descriptor, work.uid, work.gid)
                os.fchmod(descriptor, piece.mode)
            finally:
                os.close(descriptor)
    _own(pending, work.uid, work.gid, work.mode)
    pending.rename(home)


def purge(paths: Paths, home: str) -> None:
    """Delete the home of somebody who is gone for longer than the retention time."""
    path = paths.at(home)
    if path.parent != paths.at("/home"):
        raise AccountsError(f"{home} is not below /home, it is not deleted.")
    # A mount below the home would be emptied as well: that is for an operator to decide.
    device = path.parent.stat().st_dev
    for folder, folders, _files in os.walk(path):
        for name in folders:
            if Path(folder, name).lstat().st_dev != device:
                raise AccountsError(f"{folder}/{name} is a mount below {home}, which is not deleted.")
    shutil.rmtree(path)


def _own(path: Path, uid: int, gid: int, mode: int | None) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchown(descriptor, uid, gid)
        if mode is not None:
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
