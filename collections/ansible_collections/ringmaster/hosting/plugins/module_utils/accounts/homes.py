# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Home directories: made whole or not at all, repaired without following links."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .facts import PENDING_SUFFIX
from .model import AccountsError, Paths
from .plan import HomeWork

SKELETON = "/etc/skel"


def prepare(paths: Paths, work: HomeWork) -> None:
    """Make a home from /etc/skel, or repair owner and mode of the folder itself."""
    home = paths.at(work.path)
    if not work.create:
        _own(home, work.uid, work.gid, work.mode)
        return
    home.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    pending = home.parent / f".{home.name}{PENDING_SUFFIX}"
    if pending.exists():
        shutil.rmtree(pending)
    skeleton = paths.at(SKELETON)
    if skeleton.is_dir():
        shutil.copytree(skeleton, pending, symlinks=True)
    else:
        pending.mkdir()
    pending.chmod(0o700)
    for folder, folders, files in os.walk(pending):
        for name in [*folders, *files]:
            os.lchown(Path(folder, name), work.uid, work.gid)
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
