# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a plan for files: validate all, swap all, verify, run commands; or put everything back."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_plan import Change, FilesError, Node

TEMPORARY_PREFIX = ".rm-new-"
OLD_PREFIX = ".rm-old-"


def run_command(command: str, path: str = "") -> str:
    """Run ``command`` without a shell, %s being ``path``; return "" if it succeeds, else what it said."""
    argv = [word.replace("%s", path) for word in shlex.split(command)]
    try:
        done = subprocess.run(
            argv, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except FileNotFoundError:
        return f"'{command}' cannot be run: {argv[0]} is not installed"
    except OSError as error:
        return f"'{command}' cannot be run: {error.strerror}"
    if done.returncode == 0:
        return ""
    said = done.stdout.decode(errors="replace").strip()
    return f"'{command}' failed (exit {done.returncode})" + (f": {said}" if said else "")


def _stage(folder: Path, node: Node) -> Path:
    """Write a regular file's content and attributes beside its place; return the temporary path."""
    descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(node.content or b"")
            handle.flush()
            os.fsync(handle.fileno())
        _set_attributes(temporary, node)
    except BaseException:
        temporary.unlink()
        raise
    return temporary


def _free_name(path: Path, prefix: str) -> Path:
    """Return an unused name beside ``path``. Only root-owned folders are written to, so it stays unused."""
    return path.with_name(prefix + os.urandom(8).hex())


def _set_attributes(path: Path, node: Node) -> None:
    """Set owner and mode of what lies there, by descriptor: where others may write, the name could be exchanged."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        info = os.fstat(descriptor)
        is_kind = stat.S_ISDIR(info.st_mode) if node.kind == "directory" else stat.S_ISREG(info.st_mode)
        if not is_kind:
            raise FilesError([f"{path}: is no {node.kind} any more"])
        if (info.st_uid, info.st_gid) != (node.uid, node.gid):
            os.fchown(descriptor, node.uid, node.gid)
        os.fchmod(descriptor, node.mode)  # after chown, which clears set-id bits
    finally:
        os.close(descriptor)


def _validate(change: Change, temporary: Path) -> list[str]:
    """Return the refusal of a change's validator, in terms of the final path, or nothing."""
    said = run_command(change.validate, str(temporary))
    return [f"{change.path}: {said.replace(str(temporary), change.path)}"] if said else []


def check_validators(changes: Sequence[Change]) -> list[str]:
    """Run validators on copies in a private folder (for check mode); return the refusals."""
    refusals = []
    with tempfile.TemporaryDirectory(prefix="rm-check-") as folder:
        for change in changes:
            if change.action == "write" and change.validate:
                temporary = _stage(Path(folder), replace(change.after, uid=os.geteuid(), gid=os.getegid()))
                refusals += _validate(change, temporary)
    return refusals


class _Transaction:
    """Carries out changes and can take them back in reverse order."""

    def __init__(self) -> None:
        self.staged: dict[int, Path] = {}
        self._undo: list[Callable[[], object]] = []
        self._trash: list[Path] = []

    def stage(self, changes: Sequence[Change]) -> None:
        """Make folders and temporary files, and run each validator. Raises FilesError."""
        refusals = []
        for index, change in enumerate(changes):
            if change.action == "directory":
                Path(change.path).mkdir(mode=0o700)
                self._undo.append(Path(change.path).rmdir)
                _set_attributes(Path(change.path), change.after)
            elif change.action == "write":
                self.staged[index] = _stage(Path(change.path).parent, change.after)
                if change.validate:
                    refusals += _validate(change, self.staged[index])
        if refusals:
            raise FilesError([*refusals, "Nothing was changed."])

    def commit(self, changes: Sequence[Change]) -> None:
        """Swap everything in, in order."""
        for index, change in enumerate(changes):
            if change.action == "write":
                self._put(change, self.staged[index])
                del self.staged[index]
            elif change.action == "link":
                temporary = _free_name(Path(change.path), TEMPORARY_PREFIX)
                temporary.symlink_to(change.after.target)
                self._put(change, temporary)
            elif change.action == "attributes":
                _set_attributes(Path(change.path), change.after)
                self._undo.append(partial(_set_attributes, Path(change.path), change.before))
            elif change.action == "remove":
                self._keep(Path(change.path))

    def _keep(self, path: Path) -> None:
        """Move a path aside so that it can come back."""
        aside = _free_name(path, OLD_PREFIX)
        path.rename(aside)
        self._trash.append(aside)
        self._undo.append(partial(aside.rename, path))

    def _put(self, change: Change, temporary: Path) -> None:
        """Rename a temporary file or link over the path; the old one stays reachable for the undo."""
        path = Path(change.path)
        if change.before.kind == "absent":
            temporary.rename(path)
            self._undo.append(path.unlink)
            return
        aside = _free_name(path, OLD_PREFIX)
        os.link(path, aside, follow_symlinks=False)
        self._trash.append(aside)
        temporary.rename(path)
        self._undo.append(partial(aside.rename, path))

    def roll_back(self) -> list[str]:
        """Undo all, newest first; return what could not be undone."""
        failures = []
        self._drop_staged()
        for undo in reversed(self._undo):
            try:
                undo()
            except OSError as error:
                failures.append(f"could not be put back: {error}")
        if not failures:
            self._empty_trash()
        return failures

    def finish(self) -> None:
        """Forget how to undo."""
        self._drop_staged()
        self._empty_trash()

    def _drop_staged(self) -> None:
        for temporary in self.staged.values():
            temporary.unlink(missing_ok=True)
        self.staged.clear()

    def _empty_trash(self) -> None:
        for aside in self._trash:
            if aside.is_dir() and not aside.is_symlink():
                shutil.rmtree(aside)
            else:
                aside.unlink(missing_ok=True)
        self._trash.clear()


def apply(changes: Sequence[Change], verify: str = "", commands: Sequence[str] = ()) -> None:
    """Carry out the changes: validate all, swap all, run ``verify``, run ``commands``; or put all back.

    Commands that were run before a later one failed are run again once the old files are back.
    Raises FilesError with what was refused and whether everything is as before.
    """
    transaction = _Transaction()
    started: list[str] = []
    try:
        transaction.stage(changes)
        transaction.commit(changes)
        said = run_command(verify) if verify and changes else ""
        if said:
            raise FilesError([f"With all files in place {said}", "All files were put back."])
        for command in commands:
            started.append(command)
            said = run_command(command)
            if said:
                raise FilesError([said, *(["All files were put back."] if changes else [])])
    except OSError as error:
        failures = transaction.roll_back() or ["All files were put back."]
        place = error.filename2 or error.filename or "a file"
        raise FilesError([f"{place}: {error.strerror}", *failures]) from error
    except FilesError as error:
        failures = transaction.roll_back()
        if changes:
            failures += [f"afterwards {said}" for said in map(run_command, started) if said]
        raise FilesError([*error.problems, *failures]) from error
    except BaseException:
        transaction.roll_back()
        raise
    transaction.finish()
