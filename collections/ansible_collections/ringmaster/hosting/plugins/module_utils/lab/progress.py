# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long commands that nobody takes for hung."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HEARTBEAT_SECONDS = 15


def watched(title: str, argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Run a command and pass its output on; a silent one is said to run still. Returns its exit status."""
    silence = _Heartbeat(title, time.monotonic())
    with subprocess.Popen(
        argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        silence.start()
        for line in process.stdout or ():
            silence.heard()
            sys.stdout.write(line)
            sys.stdout.flush()
    silence.stop()
    return process.returncode


class _Heartbeat(threading.Thread):
    """Says that a silent step still runs."""

    def __init__(self, title: str, begin: float) -> None:
        super().__init__(daemon=True)
        self._title, self._begin = title, begin
        self._last = begin
        self._stopped = threading.Event()

    def heard(self) -> None:
        self._last = time.monotonic()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.wait(1):
            now = time.monotonic()
            if now - self._last >= HEARTBEAT_SECONDS:
                self._last = now
                sys.stdout.write(f"   ... {self._title}: still running after {now - self._begin:.0f} s\n")
                sys.stdout.flush()
