# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bins: what was taken out of a repository lies beside it for a while, and can be put back.

``.trash`` has what maintenance forgot or pruned, until it is older than the declared days. ``.aside`` has what an
operator took out after a break-in, until somebody removes it by hand. No machine can reach either: a machine reaches
the folder of its own name only.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ringmaster.backup_server.process import Failure
from ringmaster.backup_server.repositories import Repository, places
from ringmaster.core import below

TRASH, ASIDE = ".trash", ".aside"
KINDS = ("data", "index", "snapshots", "keys")
STAMP = "%Y-%m-%dT%H%M%SZ"
DAY = 86400


def folder_of(repository: Repository, bin_: str) -> Path:
    """Return where the bin of a repository lies."""
    return repository.path.parent / bin_ / repository.name


def put(repository: Repository, bin_: str, files: Mapping[str, Iterable[str]]) -> None:
    """Move files (names by kind) into a bin, in the given order of kinds. Times stay as they are."""
    stamp = time.strftime(STAMP, time.gmtime())
    for kind, names in files.items():
        for place, some in places(kind, names).items():
            with (
                contextlib.suppress(FileNotFoundError),
                repository.beside(bin_, repository.name, stamp, kind, make=True) as target,
                repository.opened(*place) as source,
            ):
                for name in some:
                    with contextlib.suppress(FileNotFoundError):
                        source.move(name, target, name)


def stamps(repository: Repository, bin_: str) -> list[str]:
    """Return the times at which something was put into a bin, oldest first."""
    with contextlib.suppress(FileNotFoundError), repository.beside(bin_, repository.name) as place:
        return [one for one in place.names() if _time(one) is not None]
    return []


def size(repository: Repository, bin_: str) -> int:
    """Return the bytes of all files in a bin."""
    return sum(size for *_moments, size in below.find(folder_of(repository, bin_)))


def expire(repository: Repository, days: float, now: float) -> None:
    """Remove from the trash what was put there more than so many days ago."""
    for stamp in stamps(repository, TRASH):
        if (_time(stamp) or now) < now - days * DAY:
            with contextlib.suppress(OSError, Failure), repository.beside(TRASH, repository.name) as place:
                place.remove(stamp)


def put_back(repository: Repository, bin_: str, since: str = "") -> int:
    """Move back what was put into a bin at ``since`` or later, and return how many files these were.

    Data come first and backups last, so that whoever reads meanwhile finds everything that a backup speaks of. Keys
    stay where they are: an older password must not open the repository again.
    """
    back = 0
    for stamp in stamps(repository, bin_):
        if stamp < since:
            continue
        with repository.beside(bin_, repository.name) as bin_folder:
            with bin_folder.folder(stamp) as place:
                kinds = [kind for kind in KINDS[:3] if place.status(kind) is not None]
                back += sum(_move_back(repository, place, kind) for kind in kinds)
                is_empty = not place.find()
            if is_empty:
                with contextlib.suppress(OSError, Failure):
                    bin_folder.remove(stamp)
    return back


def _move_back(repository: Repository, place: below.Folder, kind: str) -> int:
    back = 0
    with place.folder(kind) as source:
        for where, names in places(kind, source.names()).items():
            with repository.opened(*where) as target:
                for name in names:
                    if target.status(name) is not None:
                        source.remove(name)  # of the same name, so of the same content
                    else:
                        source.move(name, target, name)
                        back += 1
    return back


def _time(stamp: str) -> float | None:
    try:
        return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
