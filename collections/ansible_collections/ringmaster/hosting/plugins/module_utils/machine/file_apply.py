# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a plan for files: validate all, swap all, verify, run commands; or put everything back."""

from __future__ import annotations

import errno
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
LEFT_PREFIX = ".rm-left-"
# What Python keeps beside programs that run, for itself: nothing is lost with it. ``find`` goes by descriptors, so that
# nobody can lead it elsewhere.
ATTEMPTS = 3
CACHES = (
    *("-xdev", "-depth", "(", "-path", "*/__pycache__/*.pyc*", "-type", "f"),
    *("-o", "-name", "__pycache__", "-type", "d", ")", "-delete"),
)


def run_command(command: str, path: str = "") -> str:
    """Run ``command`` without a shell, %s being ``path``; return "" if it succeeds, else what it said."""
    argv = [word.replace("%s", path) for word in shlex.split(command)]
    try:
        done = subprocess.run(
            argv, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
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
        self._left: list[str] = []
        self._stay: set[Path] = set()
        self._has_begun = False

    def stage(self, changes: Sequence[Change]) -> None:
        """Make folders and temporary files, and run each validator. Raises FilesError."""
        refusals = []
        for index, change in enumerate(changes):
            if change.action == "directory":
                Path(change.path).mkdir(mode=0o700)
                self._undo.append(partial(self._take_away, Path(change.path)))
                _set_attributes(Path(change.path), change.after)
            elif change.action == "write":
                self.staged[index] = _stage(Path(change.path).parent, change.after)
                if change.validate:
                    refusals += _validate(change, self.staged[index])
        if refusals:
            raise FilesError(refusals)

    def commit(self, changes: Sequence[Change]) -> None:
        """Swap everything in, in order."""
        self._has_begun = True
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
        self._undo.append(partial(self._bring_back, aside, path))

    def _put(self, change: Change, temporary: Path) -> None:
        """Rename a temporary file or link over the path; the old one stays reachable for the undo."""
        path = Path(change.path)
        if change.before.kind == "absent":
            temporary.rename(path)
            self._undo.append(partial(path.unlink, missing_ok=True))
            return
        aside = _free_name(path, OLD_PREFIX)
        os.link(path, aside, follow_symlinks=False)
        self._trash.append(aside)
        temporary.rename(path)
        self._undo.append(partial(self._bring_back, aside, path))

    def _bring_back(self, aside: Path, path: Path) -> None:
        """Put back what was moved aside; what something else has made in its place meanwhile is kept beside it."""
        try:
            aside.rename(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR):
                raise
            left = _free_name(path, LEFT_PREFIX)
            path.rename(left)
            aside.rename(path)
            self._left.append(f"{path}: what something else made there meanwhile is kept as {left}.")

    def _take_away(self, folder: Path) -> None:
        """Remove a folder that was made; it stays if something else has put more than caches of Python into it."""
        for _attempt in range(ATTEMPTS):
            subprocess.run(["find", str(folder), *CACHES], check=False, capture_output=True, stdin=subprocess.DEVNULL)
            try:
                folder.rmdir()
            except FileNotFoundError:
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
                    raise
            else:
                return
        found = sorted(folder.iterdir())
        others = [
            path.name if path.name.isprintable() else ascii(path.name) for path in found if path not in self._stay
        ]
        self._stay.add(folder)
        if others or not found:
            what = ", ".join([*others[:3], *(["…"] if others[3:] else [])]) or "a file system"
            self._left.append(
                f"{folder}: the new folder stays, because something else has put {what} into it meanwhile."
            )

    def roll_back(self) -> list[str]:
        """Undo all, newest first; return how it went, in sentences."""
        failures = []
        self._drop_staged()
        for undo in reversed(self._undo):
            try:
                undo()
            except OSError as error:
                where = error.filename2 or error.filename
                old = f" (as it was: {error.filename})" if error.filename2 else ""
                failures.append(f"{where} could not be put back: {error.strerror}{old}")
            except FilesError as error:
                failures += [f"could not be put back: {problem}" for problem in error.problems]
        if failures:
            return ["Not everything could be put back.", *failures, *self._left]
        self._empty_trash()
        return ["All files were put back." if self._has_begun else "Nothing was changed.", *self._left]

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
            if not aside.is_dir() or aside.is_symlink():
                aside.unlink(missing_ok=True)
                continue
            for _attempt in range(ATTEMPTS):
                # A program that still runs in the folder may fill it meanwhile.
                shutil.rmtree(aside, ignore_errors=True)
                if not aside.exists():
                    break
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
            raise FilesError([f"With all files in place {said}"])
        for command in commands:
            started.append(command)
            said = run_command(command)
            if said:
                raise FilesError([said])
    except OSError as error:
        told = transaction.roll_back()
        place = error.filename2 or error.filename or "a file"
        raise FilesError([f"{place}: {error.strerror}", *told]) from error
    except FilesError as error:
        told = transaction.roll_back() if changes else []
        if changes:
            told += [f"afterwards {said}" for said in map(run_command, started) if said]
        raise FilesError([*error.problems, *told]) from error
    except BaseException:
        transaction.roll_back()
        raise
    transaction.finish()
