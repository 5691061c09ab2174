# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control group per lab machine: gives nspawn its own subtree, and finds every process of a machine again."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """Return the roots in which a machine needs a group: the unified one, and systemd's own on a hybrid host."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [path for path in (CGROUPS / "systemd", CGROUPS / "unified") if path.is_dir()]


def folders(group: str) -> list[Path]:
    """Return the folder of `group` (such as ringmaster/lab/hv0) in each hierarchy."""
    return [root / group for root in hierarchies()]


def create(group: str) -> None:
    """Create the folders of `group`; raise OSError when this machine or container does not let us.

    Raises FileNotFoundError when no hierarchy is there at all.
    """
    if not hierarchies():
        raise FileNotFoundError(f"no control groups are mounted at {CGROUPS}")
    for folder in folders(group):
        folder.mkdir(parents=True, exist_ok=True)


def processes(group: str) -> set[int]:
    """Return the ids of all living processes in `group` and below."""
    found: set[int] = set()
    for folder in folders(group):
        # os.walk passes over groups that vanish meanwhile, as they do while a machine shuts down.
        for path, _folders, _files in os.walk(folder):
            try:
                found.update(int(line) for line in Path(path, "cgroup.procs").read_text(encoding="ascii").split())
            except OSError:
                continue
    return {pid for pid in found if lives(pid)}


def lives(pid: int) -> bool:
    """Tell whether a process is there and is no zombie."""
    return _stat(pid)[0] != "Z"


def parent(pid: int) -> int:
    """Return the id of a process's parent, 0 when there is none."""
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    """Return what follows the program's name in /proc/<pid>/stat; the fields of a zombie for one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ["Z", "0"]


def kill(group: str, patience: float = 10.0) -> None:
    """Kill every process of `group`; raise TimeoutError when some are still there after `patience` seconds."""
    deadline = time.monotonic() + patience
    while left := processes(group):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {sorted(left)} of {group} do not end")
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.1)


def remove(group: str) -> None:
    """Remove the empty folders of `group`, depth first, and its parent when nothing else is in it."""
    for folder in folders(group):
        for path, _folders, _files in os.walk(folder, topdown=False):
            _rmdir(Path(path))
        _rmdir(folder.parent)
        _rmdir(folder.parent.parent)


def _rmdir(path: Path) -> None:
    if path in hierarchies():
        return
    try:
        path.rmdir()
    except OSError:
        return
