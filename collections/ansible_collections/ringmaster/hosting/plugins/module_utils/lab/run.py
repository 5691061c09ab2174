# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the host's tools: one place for argv lists, errors and the network namespace."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PATIENCE = 5.0
"""Seconds for which processes may take to end by themselves."""


class LabError(Exception):
    """Something on this machine keeps the lab from being what was asked for; the text says what and the remedy."""


def namespace_path(lab: str) -> Path:
    """Return the file that holds the lab's network namespace open."""
    return Path("/run/netns") / lab


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a lab's state folder, so that what a killed run left running does not meet the next run."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(argv: list[str], *, lab: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run argv, inside the network namespace of `lab` where one is named.

    Raises LabError with the command and its error output when it fails and `check` is set.
    """
    if lab is not None:
        argv = ["nsenter", f"--net={namespace_path(lab)}", *argv]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed; 'make up' installs it from system-packages.txt") from error
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()} (exit {done.returncode})")
    return done


def end_all(listing: Callable[[], list[int]]) -> None:
    """End the processes that `listing` returns, after PATIENCE by force; raise LabError when some do not end."""
    begin = time.monotonic()
    while pids := listing():
        elapsed = time.monotonic() - begin
        if elapsed > 2 * PATIENCE:
            raise LabError(f"processes {sorted(pids)} do not end")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if elapsed > PATIENCE else signal.SIGTERM)
        time.sleep(0.05)
