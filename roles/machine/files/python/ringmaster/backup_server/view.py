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
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ringmaster.backup_server import process
from ringmaster.backup_server.process import Failure
from ringmaster.backup_server.repositories import Repository
from ringmaster.core import below

#: Beside the repositories, because names for the same file must lie on the same disk.
WORK = ".work"


def work(repository: Repository) -> below.Folder:
    """Open the folder for views, closed to everybody but the server's user; make it if it is missing."""
    with repository.beside() as top:
        try:
            return top.folder(WORK)
        except FileNotFoundError:
            return top.make(WORK, account=user())


def user() -> pwd.struct_passwd:
    """Return the server's user."""
    return pwd.getpwnam(process.USER)


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
    name = f"{repository.name}-{secrets.token_hex(6)}"
    with work(repository) as folder:
        try:
            seen = replace(repository, path=folder.path / name)
            with folder.make(name, account=user()) as place, repository.opened() as top:
                _furnish(place, repository, has_packs=packs is not None)
                top.link("config", place, "config")
            repository.link(seen, "data", packs or ())
            repository.link(seen, "keys", [key])
            repository.link(seen, "snapshots", snapshots)
            repository.link(seen, "index", index)
            yield seen
        finally:
            _remove(folder, name)


def _furnish(place: below.Folder, repository: Repository, *, has_packs: bool) -> None:
    """Make the folders of a view."""
    for kind in ("index", "keys", "locks", "snapshots"):
        place.make(kind, account=user()).close()
    if not has_packs:
        # Followed by restic, as the server's user.
        os.symlink(repository.path / "data", "data", dir_fd=place.descriptor)
        return
    with place.make("data", account=user()) as data:
        for number in range(256):
            data.make(f"{number:02x}", account=user()).close()


def sweep(repository: Repository) -> None:
    """Remove views that a maintenance left which was ended by force."""
    with work(repository) as folder:
        for name in folder.names():
            if name.startswith(f"{repository.name}-"):
                _remove(folder, name)


def _remove(folder: below.Folder, name: str) -> None:
    with contextlib.suppress(OSError, Failure):
        folder.remove(name)
