# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of a repository: other names for some of its files, in a folder that no machine can reach.

restic works on a view. It finds there one key, the files that were chosen and no others, and what arrives meanwhile is
not in it. What restic removes or adds in a view changes nothing in the repository.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ringmaster.backup_server import process
from ringmaster.backup_server.repositories import Repository

#: Beside the repositories, because names for the same file must lie on the same disk.
WORK = ".work"


def folder_of(repository: Repository) -> Path:
    """Return the folder for views, closed to everybody but the server's user; make it if it is missing."""
    folder = repository.path.parent / WORK
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        own(folder)
    return folder


def own(path: Path) -> None:
    """Give a path that was just made to the server's user."""
    account = pwd.getpwnam(process.USER)
    os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


@contextlib.contextmanager
def view(
    repository: Repository,
    key: str,
    *,
    index: Iterable[str] = (),
    snapshots: Iterable[str] = (),
    packs: Iterable[str] | None = None,
) -> Iterator[Repository]:
    """Give a view for as long as the context lasts. With ``packs`` it has those, else it reads all of the repository.

    Files that vanish meanwhile are left out.
    """
    place = Path(tempfile.mkdtemp(prefix=f"{repository.name}-", dir=folder_of(repository)))
    try:
        own(place)
        seen = replace(repository, path=place)
        for kind in ("index", "keys", "locks", "snapshots"):
            (place / kind).mkdir(mode=0o700)
            own(place / kind)
        if packs is None:
            (place / "data").symlink_to(repository.path / "data")
        else:
            for folder in (place / "data", *(place / f"data/{number:02x}" for number in range(256))):
                folder.mkdir(mode=0o700)
                own(folder)
            _link(repository, seen, "data", packs)
        os.link(repository.path / "config", place / "config")
        _link(repository, seen, "keys", [key])
        _link(repository, seen, "snapshots", snapshots)
        _link(repository, seen, "index", index)
        yield seen
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _link(repository: Repository, seen: Repository, kind: str, names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            os.link(repository.place(kind, name), seen.place(kind, name))


def sweep(repository: Repository) -> None:
    """Remove views that a maintenance left which was ended by force."""
    for one in folder_of(repository).glob(f"{repository.name}-*"):
        shutil.rmtree(one, ignore_errors=True)
