# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put files back: first all of them beside their place, verified; only then into it, by renaming.

So the network may break, the disk may fill, or we may be killed: what was there is untouched, or whole files were
exchanged. Those whose files these are may write into the folders, so no path of theirs is followed: places are opened
step by step without following links, and the files arrive in a folder that only root can write.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ringmaster.backup.configuration import Failure
from ringmaster.backup.proof import pattern
from ringmaster.backup.restic import Restic
from ringmaster.core import below

STAGING = ".ringmaster-restore-"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Report:
    """What was put where. ``kept`` are live files that are newer than the backup and were left alone."""

    place: str
    snapshot: str
    files: int = 0
    bytes: int = 0
    kept: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; of many kept files the first ones."""
        return {**vars(self), "kept": self.kept[:20], "kept_files": len(self.kept)}


def restore(
    restic: Restic,
    snapshot: dict[str, Any],
    path: str,
    *,
    to: str | None = None,
    in_place: bool = False,
    over: str = "older",
) -> Report:
    """Restore one file or folder.

    By default into ``<path>.restored-<time of the backup>``; with ``to`` into that folder; with ``in_place`` where it
    was. ``over`` says which files it may then replace: "nothing", "older" or "everything".
    Raises Failure, and then nothing was put anywhere.
    """
    began = time.monotonic()
    wanted = _absolute(path)
    _find(restic, snapshot, wanted)
    if in_place:
        target = wanted
    elif to is not None:
        target = _absolute(to) / wanted.name
    else:
        target = wanted.with_name(f"{wanted.name}.restored-{_moment(snapshot['time'])}")
    with _opened(target.parent) as parent:
        if not in_place and _lstat(target.name, parent) is not None:
            raise Failure(f"{target} is there already; remove it, or name another folder")
        with _staging(target) as staging:
            _room(size(restic, snapshot, wanted), wanted, staging)
            words = ["restore", f"{snapshot['id']}:{wanted.parent}", "--target", str(staging), "--verify"]
            restic.run(*words, "--include", pattern("/", f"/{wanted.name}"))
            report = Report(str(target), snapshot["short_id"])
            _count(staging / wanted.name, report)
            with _opened(staging) as source:
                _merge(source, parent, wanted.name, target.name, over=over, shown=str(target), report=report)
    report.seconds = round(time.monotonic() - began, 3)
    return report


def _absolute(path: str) -> Path:
    found = Path(os.path.normpath(path))
    if not found.is_absolute() or str(found) == "/" or "\n" in path:
        raise Failure(f"'{path}' is not an absolute path of a file or folder")
    return found


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y%m%dT%H%M%S")


def _find(restic: Restic, snapshot: dict[str, Any], wanted: Path) -> None:
    if any(entry["path"] == str(wanted) for entry in restic.ls(snapshot["id"], str(wanted))):
        return
    raise Failure(f"the backup of {snapshot['time'][:16]} ({snapshot['short_id']}) holds no {wanted}")


def size(restic: Restic, snapshot: dict[str, Any], wanted: Path) -> int:
    """Return the bytes of a file, or of all files below a folder, in a snapshot."""
    return sum(one.get("size", 0) for one in restic.ls(snapshot["id"], str(wanted), "--recursive"))


def _room(needed: int, wanted: Path, staging: Path) -> None:
    free = shutil.disk_usage(staging).free
    if needed > free:
        raise Failure(f"{wanted} needs {needed >> 20} MiB, and {free >> 20} MiB are free at {staging.parent}")


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open a folder step by step; a link on the way is refused, unless it is root's own, such as /var/run."""
    try:
        found = below.opened(folder)
    except below.Refused as error:
        raise Failure(f"{folder}: '{error.place.name}' is a link or no folder, which is not followed") from error
    except FileNotFoundError as error:
        raise Failure(f"{folder} does not exist; restore a folder above it") from error
    with found:
        yield found.descriptor


@contextlib.contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Make a folder on the target's file system in which nobody but root can do anything, and remove it in the end."""
    start = target if target.is_dir() and not target.is_symlink() else target.parent
    device = start.stat().st_dev
    safe = None
    for folder in reversed((start, *start.parents)):
        status = folder.lstat()
        is_writable = status.st_mode & 0o022
        if (
            not stat.S_ISDIR(status.st_mode)
            or status.st_uid != 0
            or (is_writable and not status.st_mode & stat.S_ISVTX)
        ):
            break  # what lies below may be exchanged
        if status.st_dev == device and not is_writable:
            safe = folder
            break
    if safe is None:
        raise Failure(f"no folder of root's lies on the file system of {target}, where files could arrive safely")
    for old in safe.glob(f"{STAGING}*"):
        below.remove(old)  # of a restore that was killed
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=safe))
    try:
        yield staging
    finally:
        below.remove(staging)


def _count(place: Path, report: Report) -> None:
    if not os.path.lexists(place):
        raise Failure(f"restic restored no {place.name}")
    if not place.is_dir() or place.is_symlink():
        report.files, report.bytes = 1, place.lstat().st_size
        return
    sizes = [size for *_moments, size in below.find(place)]
    report.files, report.bytes = len(sizes), sum(sizes)


def _lstat(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _merge(source: int, target: int, name: str, new_name: str, *, over: str, shown: str, report: Report) -> None:
    """Move an entry of one folder into another; folders that are there are kept and their contents merged."""
    ours = os.stat(name, dir_fd=source, follow_symlinks=False)
    theirs = _lstat(new_name, target)
    if theirs is not None and stat.S_ISDIR(ours.st_mode) and stat.S_ISDIR(theirs.st_mode):
        with _child(source, name) as inner, _child(target, new_name) as outer:
            for child in os.listdir(inner):  # noqa: PTH208 (by descriptor: the folder cannot be exchanged)
                _merge(inner, outer, child, child, over=over, shown=f"{shown}/{child}", report=report)
            if _may_replace(theirs, ours, over):
                os.fchown(outer, ours.st_uid, ours.st_gid)
                os.fchmod(outer, stat.S_IMODE(ours.st_mode))
        return
    # Where the backup has a file, a folder is never replaced: what it holds would be lost.
    if theirs is not None and (stat.S_ISDIR(theirs.st_mode) or not _may_replace(theirs, ours, over)):
        report.kept.append(shown)
        return
    if theirs is not None and stat.S_ISDIR(ours.st_mode):
        os.unlink(new_name, dir_fd=target)
    os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=target)


def _may_replace(theirs: os.stat_result, ours: os.stat_result, over: str) -> bool:
    return over == "everything" or (over == "older" and theirs.st_mtime_ns <= ours.st_mtime_ns)


@contextlib.contextmanager
def _child(folder: int, name: str) -> Iterator[int]:
    descriptor = os.open(name, FOLDER, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
