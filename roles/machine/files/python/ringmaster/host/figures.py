# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What service users take of what they may have, from the control groups in which systemd bounds them."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from ringmaster.core.figures import metric

GROUPS = Path("/sys/fs/cgroup/user.slice")
PROC = Path("/proc")
PREFIX = "s-"
"""What names of service users begin with."""
MICROSECONDS = 1e6
NAME = "ringmaster_service_user"


def metrics(groups: Path = GROUPS, proc: Path = PROC) -> Iterator[str]:
    """Yield memory, CPU time and tasks of each service user that has processes, and its limits.

    A limit that nobody set is what the machine has.
    """
    memory = float((proc / "meminfo").read_text().split()[1]) * 1024
    tasks = float((proc / "sys/kernel/threads-max").read_text())
    used: dict[str, dict[str, float]] = {}
    for account in pwd.getpwall():
        folder = groups / f"user-{account.pw_uid}.slice"
        if account.pw_name.startswith(PREFIX) and folder.is_dir():
            for figure, value in _of_group(folder, memory, tasks).items():
                used.setdefault(figure, {})[account.pw_name] = value
    for figure, values in used.items():
        yield from metric(f"{NAME}_{figure}", "counter" if figure.endswith("_total") else "gauge", values, "user")


def _of_group(folder: Path, memory: float, tasks: float) -> dict[str, float]:
    def number(name: str, without: float = 0.0) -> float:
        try:
            text = (folder / name).read_text().split()[0]
        except (OSError, IndexError):  # it has ended, or the kernel counts no such thing
            return without
        return without if text == "max" else float(text)

    def entry(name: str, key: str) -> float:
        try:
            lines = dict(line.split() for line in (folder / name).read_text().splitlines())
        except (OSError, ValueError):
            return 0.0
        return float(lines.get(key, 0))

    # What only caches files goes when somebody needs the memory.
    taken = max(0.0, number("memory.current") - entry("memory.stat", "inactive_file"))
    return {
        "memory_bytes": taken,
        "memory_bytes_limit": min(memory, number("memory.max", memory), number("memory.high", memory)),
        "cpu_seconds_total": entry("cpu.stat", "usage_usec") / MICROSECONDS,
        "cpu_cores_limit": _cores(folder),
        "tasks": number("pids.current"),
        "tasks_limit": number("pids.max", tasks),
    }


def _cores(folder: Path) -> float:
    cores = float(os.cpu_count() or 1)
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return cores if quota == "max" else min(cores, float(quota) / float(period))
    except (OSError, ValueError, ZeroDivisionError):
        return cores
