# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events on disk: lines of JSON that are only ever added, each with the number after the last one's.

An event counts once it lies on the disk. One process has the file: a second one is refused.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ringmaster.maintenance_server.model import Event, State, fold


class LedgerError(Exception):
    """The file of events cannot be used; the text says why."""


def read(path: Path) -> Iterator[Event]:
    """Yield the events of a file. Of a last line that was cut off nothing counts; any other mistake is raised."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    whole = data[: data.rfind(b"\n") + 1]
    last = 0
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            event = json.loads(line)
            if int(event["n"]) != last + 1:
                raise ValueError(f"event {event['n']} comes after {last}")
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerError(f"{path}, line {number}: {error}") from error
        last = int(event["n"])
        yield event


class Ledger:
    """The file, held by this process, and the state that follows from it."""

    def __init__(self, path: Path) -> None:
        """Read it; raises LedgerError where another process has it, or it is broken."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise LedgerError(f"{path} is used by another process") from error
        self.state: State = fold(read(path))
        size = os.fstat(self._descriptor).st_size
        whole = path.read_bytes().rfind(b"\n") + 1
        if whole != size:  # a process was killed while it wrote
            os.ftruncate(self._descriptor, whole)
            print(f"<4>{size - whole} bytes of an event that was cut off are left out", file=sys.stderr)

    def add(self, events: Sequence[Event], now: float) -> list[Event]:
        """Write events to the disk, then take them in; return them with number and time.

        Raises OSError where they cannot be written; then none of them has happened.
        """
        if not events:
            return []
        numbered = [
            {"n": self.state.number + place, "at": round(now, 3), **event}
            for place, event in enumerate(events, start=1)
        ]
        data = "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in numbered).encode()
        size = os.fstat(self._descriptor).st_size
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise
        for event in numbered:
            self.state.apply(event)
        return numbered

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._descriptor)
