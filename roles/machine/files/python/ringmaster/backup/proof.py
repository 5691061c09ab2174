# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The weekly proof: restore from the newest backup, and check whether it is what it should be.

It runs on the machine itself: only there are the programs of its components in their versions, and only so the whole
way is proven that a restore takes: network, certificate, password, repository. What the machine cannot prove of itself,
the server does: it reads every repository in turn (``ringmaster backup-server maintain``).
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ringmaster.backup import configuration, state
from ringmaster.backup.configuration import DUMPS, SCRATCH, Configuration, Definition, Failure
from ringmaster.backup.nightly import execute
from ringmaster.backup.restic import Restic, wait_until_reachable
from ringmaster.core import below

PROVE_TIMEOUT = 4 * 3600
MIB = 1024 * 1024
#: Never fill the disk for the sake of a proof.
LEAVE_FREE = 0.1


def run(settings: Configuration, say: Callable[[str], None], folder: Path = SCRATCH) -> bool:
    """Prove the newest backup and remember how it went; return whether it is good. Raises Failure when one runs."""
    with state.locked("proof"):
        started = time.time()
        report: dict[str, Any] = {"started": started, "result": "failed", "errors": [], "components": {}}
        try:
            wait_until_reachable(settings.access, settings.tries, settings.pause, say)
            restic = Restic(settings.access)
            snapshot = restic.snapshot("latest")
            report["snapshot"] = snapshot["id"]
            report["snapshot_time"] = snapshot["time"]
            _empty(folder)
            _attempt(report, "files", lambda: prove_files(restic, snapshot, settings, folder), say)
            present = {entry["name"] for entry in restic.ls(snapshot["id"], str(DUMPS))}
            for definition in configuration.definitions()[0]:
                if definition.prove:
                    _attempt(
                        report["components"],
                        definition.component,
                        partial(prove_component, restic, snapshot, definition, present, folder),
                        say,
                    )
            report["errors"] += [
                one["error"] for one in (report["files"], *report["components"].values()) if "error" in one
            ]
            report["result"] = "failed" if report["errors"] else "ok"
        except Failure as failure:
            report["errors"].append(str(failure))
            say(str(failure))
        finally:
            below.remove(folder)
            report["seconds"] = round(time.time() - started, 3)
            changes: dict[str, Any] = {"proof": report}
            if report["result"] == "ok":
                changes["last_proof"] = started
            state.update(changes)
        return report["result"] == "ok"


def _attempt(into: dict[str, Any], name: str, prove: Callable[[], str], say: Callable[[str], None]) -> None:
    """Keep the sentence of one part of the proof, or why it failed, and how long it took."""
    began = time.monotonic()
    result: dict[str, Any]
    try:
        result = {"sentence": prove()}
    except Failure as failure:
        result = {"error": f"{name}: {failure}"}
    result["seconds"] = round(time.monotonic() - began, 3)
    into[name] = result
    say(f"{name}: {result.get('sentence') or result['error']} ({result['seconds']:.1f} s)")


def _empty(folder: Path) -> None:
    below.remove(folder)
    # A component's own user must reach its dump below; what lies there has the modes it was backed up with.
    folder.mkdir(mode=0o711, parents=True)
    folder.chmod(0o711)


def prove_files(restic: Restic, snapshot: dict[str, Any], settings: Configuration, folder: Path) -> str:
    """Restore a service user's home, or a part of it; compare with the snapshot's hashes and the live files."""
    place = choose_home(restic, snapshot["id"])
    if place is None:
        return "no home is backed up yet"
    files = [entry for entry in restic.ls(snapshot["id"], place, "--recursive") if entry["type"] == "file"]
    chosen, is_part = sample(files, settings.proof_limit_mib * MIB)
    _leave_room(sum(entry.get("size", 0) for entry in chosen), folder)
    target = folder / "files"
    target.mkdir(mode=0o700)
    words = ["restore", f"{snapshot['id']}:{place}", "--target", str(target), "--verify"]
    if is_part:
        patterns = folder / "patterns"
        # In a file, unlike on the command line, restic replaces variables.
        lines = [pattern(place, entry["path"]).replace("$", "$$") for entry in chosen]
        patterns.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        words.append(f"--include-file={patterns}")
    restic.run(*words)  # --verify: every restored file is read again and compared with the hashes in the snapshot
    restored = list(files_of(target))
    if len(restored) < len(chosen):
        raise Failure(f"{place}: {len(restored)} of {len(chosen)} files came back")
    same = sum(compare(path, Path(place) / path.relative_to(target)) for path in restored)
    part = f" of {len(files)}" if is_part else ""
    size = sum(path.stat().st_size for path in restored) / MIB
    noun, verb = ("file", "is as it was") if len(files) == 1 else ("files", "are as they were")
    return f"{len(restored)}{part} {noun} of {place} ({size:.1f} MiB) {verb} backed up, {same} of them here, too"


def choose_home(restic: Restic, snapshot: str) -> str | None:
    """Return a service user's home in the snapshot, by chance; a person's where there is none."""
    for parent, prefix in (("/srv", "s-"), ("/home", "")):
        try:
            found = [
                entry["path"]
                for entry in restic.ls(snapshot, parent)
                if entry["type"] == "dir" and entry["path"] != parent and entry["name"].startswith(prefix)
            ]
        except Failure:
            continue
        if found:
            return random.choice(found)
    return None


def sample(files: list[dict[str, Any]], limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Return all files, or so many of them by chance as fit into ``limit`` bytes, and whether it is a part."""
    if sum(entry.get("size", 0) for entry in files) <= limit:
        return files, False
    usable = [entry for entry in files if "\n" not in entry["path"]]
    chosen: list[dict[str, Any]] = []
    total = 0
    for entry in random.sample(usable, len(usable)):
        if total + entry.get("size", 0) <= limit:
            chosen.append(entry)
            total += entry.get("size", 0)
    return chosen, True


def pattern(place: str, path: str) -> str:
    """Return an include pattern that means exactly ``path`` below ``place``: restic's patterns know globs."""
    relative = "/" + path.removeprefix(place).lstrip("/")
    return "".join(f"[{sign}]" if sign in "*?[" else "\\\\" if sign == "\\" else sign for sign in relative)


def compare(restored: Path, live: Path) -> bool:
    """Tell whether the live file is the same; raises Failure when it has the same size and time but another content."""
    try:
        status = live.lstat()
    except OSError:
        return False
    ours = restored.lstat()
    if not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != (ours.st_size, ours.st_mtime_ns):
        return False
    try:
        if _digest(restored) == _digest(live):
            return True
    except (OSError, below.Refused):
        return False  # it was exchanged meanwhile
    again = live.lstat()
    if (again.st_size, again.st_mtime_ns, again.st_ctime_ns) != (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    ):
        return False  # it was changed while we read
    raise Failure(f"{live} has the size and time it was backed up with, but another content: is the disk failing?")


def _digest(path: Path) -> str:
    """Return the hash of a file that its owner may exchange for anything meanwhile."""
    with below.opened(path.parent) as folder, folder.stream(path.name, names=None) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_of(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder of root's, however deep it is."""
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)


def _leave_room(size: int, folder: Path) -> None:
    usage = shutil.disk_usage(folder)
    if size > usage.free - LEAVE_FREE * usage.total:
        raise Failure(f"{size / MIB:.0f} MiB do not fit: {usage.free / MIB:.0f} MiB are free below {folder}")


def prove_component(
    restic: Restic, snapshot: dict[str, Any], definition: Definition, present: set[str], folder: Path
) -> str:
    """Restore a component's newest dump and let its own program bring it to life in a scratch place."""
    if definition.component not in present:
        raise Failure("the newest backup holds no dump of it")
    target = folder / definition.component
    size = sum(entry.get("size", 0) for entry in restic.ls(snapshot["id"], str(definition.folder), "--recursive"))
    # The scratch instance holds the data once more.
    _leave_room(3 * size, folder)
    target.mkdir(mode=0o700)
    restic.run("restore", f"{snapshot['id']}:{definition.folder}", "--target", str(target), "--verify")
    figures = execute(definition, "prove", target, PROVE_TIMEOUT)
    below.remove(target)
    return str(figures.get("sentence") or "the dump was restored and checked")
