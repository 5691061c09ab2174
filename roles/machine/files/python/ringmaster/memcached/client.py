# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""memcached's text protocol, as far as the component needs it (doc/protocol.txt of memcached 1.6)."""

from __future__ import annotations

import socket
from types import TracebackType

PORT = 11211
LONGEST = 65536
"""Bytes of one answer."""


class MemcachedError(Exception):
    """It answered something else than was expected; the text is what it said."""


class Client:
    """A connection to an address and port, or to the path of a socket. Raises OSError."""

    def __init__(self, place: tuple[str, int] | str, timeout: float = 3) -> None:
        """Connect; ``timeout`` is seconds for each answer."""
        if isinstance(place, str):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(timeout)
            self._socket.connect(place)
        else:
            self._socket = socket.create_connection(place, timeout)
        self._stream = self._socket.makefile("rwb")

    def __enter__(self) -> Client:
        """Return itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._stream.close()
        self._socket.close()

    def say(self, words: str) -> str:
        """Send a line, or lines, and return the first line of the answer."""
        self._stream.write(words.encode() + b"\r\n")
        self._stream.flush()
        return self._line()

    def _line(self) -> str:
        line = self._stream.readline(LONGEST)
        if not line.endswith(b"\n"):
            raise MemcachedError("it ended the connection")
        return line.decode(errors="replace").rstrip("\r\n")

    def stats(self, kind: str = "") -> dict[str, str]:
        """Return figures by name; ``settings`` is a kind."""
        found = {}
        line = self.say(f"stats {kind}".strip())
        while line.startswith("STAT "):
            _stat, name, *rest = line.split(" ", 2)
            found[name] = rest[0] if rest else ""
            line = self._line()
        if line != "END":
            raise MemcachedError(line)
        return found

    def set(self, key: str, value: str, seconds: int) -> None:
        """Keep a value for so many seconds."""
        answer = self.say(f"set {key} 0 {seconds} {len(value.encode())}\r\n{value}")
        if answer != "STORED":
            raise MemcachedError(answer)

    def get(self, key: str) -> str | None:
        """Return a value; None where there is none."""
        line = self.say(f"get {key}")
        if line == "END":
            return None
        if not line.startswith(f"VALUE {key} "):
            raise MemcachedError(line)
        value, end = self._line(), self._line()
        if end != "END":
            raise MemcachedError(end)
        return value

    def limit(self, mib: int) -> None:
        """Set how much memory values may take."""
        answer = self.say(f"cache_memlimit {mib}")
        if answer != "OK":
            raise MemcachedError(answer)
