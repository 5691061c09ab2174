# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk with a process whose other end may be an enemy: bounded in bytes and in time, whatever it does.

Ansible's own connection over ssh reads until nothing comes any more, and writes until all is taken.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

PIECE = 256 * 1024
LINGER = 0.05
"""Seconds between looks for the end of a process that has closed its output: ssh leaves a part of itself behind that
holds the errors' end open, so that its closing says nothing."""
PATIENCE = 5
"""Seconds that a process has to end after it was asked to."""


class Exceeded(Exception):
    """The other end said too much, or took too long; the text says which."""


class Gate(Protocol):
    """What must happen before data is sent, such as the answer to a question for a password."""

    def passed(self, talk: Talk) -> bool:
        """Look at what came since the last call, answer if asked, and say whether data may be sent."""


@dataclass
class Limits:
    """What the other end may say at most, both outputs together, and how long all may take."""

    size: int
    seconds: float


@dataclass
class Talk:
    """One exchange with a process."""

    process: subprocess.Popen[bytes]
    stdin: int
    """Where to write: a pipe or the master of a terminal. Closed after the data."""
    limits: Limits
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    begun: float = field(default_factory=time.monotonic)

    def run(self, data: bytes | None, gate: Gate | None = None) -> tuple[bytes, bytes]:
        """Send the data, once the gate is passed, and return both outputs when the process has ended.

        Raises Exceeded after ending the process, and anything that the gate raises.
        """
        with selectors.DefaultSelector() as selector:
            try:
                self._converse(selector, data or b"", gate)
            except BaseException:
                self.end()
                raise
            finally:
                self.close()
        return bytes(self.stdout), bytes(self.stderr)

    def close(self) -> None:
        """Close all ends, whatever is left in them."""
        self.close_input()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def close_input(self) -> None:
        """Close what is written to."""
        if self.stdin >= 0:
            with contextlib.suppress(OSError):
                os.close(self.stdin)
            self.stdin = -1

    def write(self, text: bytes) -> None:
        """Write something short before the data, such as a password."""
        os.write(self.stdin, text)

    def end(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _converse(self, selector: selectors.BaseSelector, data: bytes, gate: Gate | None) -> None:
        pairs = ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr))
        outputs = {stream: into for stream, into in pairs if stream is not None}
        for stream in outputs:
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
        rest = memoryview(data)
        sending = gate is None and self._begin(selector, data)
        while True:
            ended = self.process.poll() is not None
            left = self.limits.seconds - (time.monotonic() - self.begun)
            if left <= 0:
                raise Exceeded(f"has not ended within {_duration(self.limits.seconds)}")
            speaking = self.process.stdout in selector.get_map()
            events = selector.select(0 if ended else min(left, 1) if speaking else LINGER)
            for key, _event in events:
                if key.fd == self.stdin:
                    rest = self._send(selector, rest)
                elif not self._read(key.fd, outputs[key.fileobj]):  # type: ignore[index]
                    selector.unregister(key.fileobj)
            if gate is not None and not sending and gate.passed(self):
                sending, gate = self._begin(selector, data), None
            if ended and not [key for key, _event in events if key.fd != self.stdin]:
                return

    def _begin(self, selector: selectors.BaseSelector, data: bytes) -> bool:
        if data:
            os.set_blocking(self.stdin, False)
            selector.register(self.stdin, selectors.EVENT_WRITE)
        return True

    def _send(self, selector: selectors.BaseSelector, rest: memoryview) -> memoryview:
        try:
            rest = rest[os.write(self.stdin, rest[:PIECE]) :]
        except BlockingIOError:
            return rest
        except OSError:
            rest = rest[:0]  # it has ended, and its errors say why
        if not rest:
            selector.unregister(self.stdin)
            self.close_input()
        return rest

    def _read(self, descriptor: int, into: bytearray) -> bool:
        """Read one piece; False at the end."""
        try:
            piece = os.read(descriptor, PIECE)
        except BlockingIOError:
            return True
        into += piece
        if len(self.stdout) + len(self.stderr) > self.limits.size:
            raise Exceeded(f"answered more than {_size(self.limits.size)}")
        return bool(piece)


def start(argv: list[bytes], *, terminal: bool, **options: object) -> tuple[subprocess.Popen[bytes], int]:
    """Start a program with pipes, and with a terminal as its input where that is asked for and can be had.

    Returns the process and the descriptor to write to.
    """
    popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0, **options}
    if terminal:
        with contextlib.suppress(OSError):
            master, slave = os.openpty()
            try:
                return popen(argv, stdin=slave, **pipes), master
            except OSError:
                os.close(master)
            finally:
                os.close(slave)
    reader, writer = os.pipe()
    try:
        return popen(argv, stdin=reader, **pipes), writer
    except OSError:
        os.close(writer)
        raise
    finally:
        os.close(reader)


def _size(size: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024 or size % 1024:
            return f"{size} {unit}"
        size //= 1024
    return f"{size} GiB"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 120 and not seconds % 60 else f"{seconds:g} seconds"
