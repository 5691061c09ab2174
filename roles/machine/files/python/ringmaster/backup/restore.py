# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore components from their dumps, and a whole machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ringmaster.backup import configuration, files, state
from ringmaster.backup.configuration import DUMPS, Definition, Failure
from ringmaster.backup.nightly import execute, machine_tag
from ringmaster.backup.restic import Restic
from ringmaster.core import below

FOLDER = Path("/var/lib/ringmaster/restore")
TIMEOUT = 12 * 3600
#: Where what the platform has written is right, and the backup fills in only what is missing.
PLATFORM_FIRST = ("/etc/ringmaster", "/root")


def component(
    restic: Restic, snapshot: dict[str, Any], name: str, *, replace: bool = False, extra: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Restore a component from its dump in a snapshot; its program refuses to touch live data without ``replace``."""
    definition = _definition(name)
    source = DUMPS / name
    if not any(entry["path"] == str(source) for entry in restic.ls(snapshot["id"], str(source))):
        raise Failure(f"the backup of {snapshot['time'][:16]} ({snapshot['short_id']}) holds no dump of {name}")
    _fit(restic, snapshot, [str(source)])
    with state.locked("restore"):
        below.remove(FOLDER)
        FOLDER.mkdir(mode=0o711, parents=True)
        FOLDER.chmod(0o711)
        target = FOLDER / name
        target.mkdir(mode=0o700)
        try:
            restic.run("restore", f"{snapshot['id']}:{source}", "--target", str(target), "--verify")
            words = [*extra, *(["--replace"] if replace else [])]
            figures = execute(definition, "restore", target, TIMEOUT, words)
        finally:
            below.remove(FOLDER)
    return {"component": name, "snapshot": snapshot["short_id"], **figures}


def _definition(name: str) -> Definition:
    found = {one.component: one for one in configuration.definitions()[0] if one.restore}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise Failure(f"this machine has no component '{name}' that can be restored; it has: {known}")
    return found[name]


def _fit(restic: Restic, snapshot: dict[str, Any], paths: list[str]) -> None:
    """Raise Failure unless all of these paths fit on the disks here, one after the other; nothing is written before.

    A dump arrives beside what becomes of it, which takes at least as much again.
    """
    free: dict[int, int] = {}
    for path in paths:
        is_dump = Path(path).is_relative_to(DUMPS)
        place = FOLDER if is_dump else Path(path)
        place = next(folder for folder in (place, *place.parents) if folder.exists())
        device = place.stat().st_dev
        left = free.setdefault(device, shutil.disk_usage(place).free)
        size = files.size(restic, snapshot, Path(path)) * (2 if is_dump else 1)
        if size > left:
            raise Failure(
                f"the disk is too small: {path} needs {size >> 20} MiB, and {left >> 20} MiB would be free at {place}; "
                "nothing was restored"
            )
        # Files of the backup take the places of those that are here.
        free[device] = left - max(0, size - (0 if is_dump else _live(Path(path))))


def _live(path: Path) -> int:
    if not path.is_dir():
        return path.lstat().st_size if path.exists() else 0
    return sum(size for *_moments, size in below.find(path))


def choose(restic: Restic, wanted: str) -> dict[str, Any]:
    """Return the snapshot for a whole machine: by default the newest one that an earlier machine of this name made.

    A machine that was recreated may already have backed up its own emptiness.
    """
    if wanted != "before":
        return restic.snapshot(wanted)
    found = [one for one in restic.past_snapshots() if machine_tag() not in (one.get("tags") or [])]
    if not found:
        raise Failure("all backups are of this very machine, and none of an earlier one; name the snapshot you want")
    return found[-1]


def machine(restic: Restic, snapshot: dict[str, Any], *, replace: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Restore everything a snapshot holds: files first, then each component.

    On a machine that has backups of its own this needs ``replace``: it has a life that would be overwritten.
    """
    if state.read().get("last_success") and not replace:
        raise Failure(
            "this machine has been backed up itself, so it holds data of its own; to overwrite it, say replace=true"
        )
    _fit(restic, snapshot, [*(path for path in snapshot["paths"] if Path(path) != DUMPS), str(DUMPS)])
    report: dict[str, Any] = {
        "snapshot": snapshot["short_id"],
        "time": snapshot["time"],
        "files": 0,
        "kept": [],
        "components": {},
    }
    for path in snapshot["paths"]:
        if Path(path) == DUMPS:
            continue
        is_platforms = path.startswith(PLATFORM_FIRST)
        done = files.restore(restic, snapshot, path, in_place=True, over="nothing" if is_platforms else "everything")
        report["files"] += done.files
        report["kept"] += [] if is_platforms else done.kept
        say(f"{path}: {done.files} file{'s' * (done.files != 1)} in {done.seconds:.1f} s")
    there = {entry["name"] for entry in restic.ls(snapshot["id"], str(DUMPS)) if entry["path"] != str(DUMPS)}
    for definition in configuration.definitions()[0]:
        if definition.restore and definition.component in there:
            report["components"][definition.component] = component(restic, snapshot, definition.component, replace=True)
            say(f"{definition.component}: restored")
    report["left"] = sorted(there - set(report["components"]))
    report["kept"] = report["kept"][:20]
    return report
