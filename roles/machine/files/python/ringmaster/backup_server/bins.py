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
import shutil
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ringmaster.backup_server.repositories import Repository

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
        for name in names:
            place = folder_of(repository, bin_) / stamp / kind
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                repository.place(kind, name).rename(place / name)


def stamps(repository: Repository, bin_: str) -> list[str]:
    """Return the times at which something was put into a bin, oldest first."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(one.name for one in folder_of(repository, bin_).iterdir() if _time(one.name) is not None)
    return []


def size(repository: Repository, bin_: str) -> int:
    """Return the bytes of all files in a bin."""
    return sum(one.lstat().st_size for one in folder_of(repository, bin_).glob("*/*/*"))


def expire(repository: Repository, days: float, now: float) -> None:
    """Remove from the trash what was put there more than so many days ago."""
    for stamp in stamps(repository, TRASH):
        if (_time(stamp) or now) < now - days * DAY:
            shutil.rmtree(folder_of(repository, TRASH) / stamp, ignore_errors=True)


def put_back(repository: Repository, bin_: str, since: str = "") -> int:
    """Move back what was put into a bin at ``since`` or later, and return how many files these were.

    Data come first and backups last, so that whoever reads meanwhile finds everything that a backup speaks of. Keys
    stay where they are: an older password must not open the repository again.
    """
    back = 0
    for stamp in stamps(repository, bin_):
        if stamp < since:
            continue
        for kind in KINDS[:3]:
            for path in sorted((folder_of(repository, bin_) / stamp / kind).glob("*")):
                place = repository.place(kind, path.name)
                if place.exists():
                    path.unlink()  # of the same name, so of the same content
                else:
                    path.rename(place)
                    back += 1
        if not any(one.is_file() for one in (folder_of(repository, bin_) / stamp).glob("*/*")):
            shutil.rmtree(folder_of(repository, bin_) / stamp, ignore_errors=True)
    return back


def _time(stamp: str) -> float | None:
    try:
        return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
