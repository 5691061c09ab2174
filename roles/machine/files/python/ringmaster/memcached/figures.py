# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of memcached, for which Debian has no exporter.

Whoever holds the port while memcached is away may answer anything: what comes is bounded in time and in length.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator

from ringmaster.core.figures import metric
from ringmaster.memcached.client import PORT

SECONDS = 2.0
LIMIT = 65536
LINE = re.compile(rb"^STAT ([a-z_]{1,40}) ([0-9]{1,18})\r?$", re.MULTILINE)
NAMES = {
    "bytes": ("bytes", "gauge"),
    "limit_maxbytes": ("bytes_limit", "gauge"),
    "curr_connections": ("connections", "gauge"),
    "max_connections": ("connections_limit", "gauge"),
    "get_hits": ("hits_total", "counter"),
    "get_misses": ("misses_total", "counter"),
    "evictions": ("evictions_total", "counter"),
}
"""What memcached calls a figure, and what it is called here."""


def metrics(address: tuple[str, int] = ("127.0.0.1", PORT)) -> Iterator[str]:
    """Yield the figures; none while memcached does not answer, which is the matter of its checks."""
    try:
        found = {name.decode(): float(value) for name, value in LINE.findall(_asked(address))}
    except OSError:
        return
    for name, (figure, kind) in NAMES.items():
        if name in found:
            yield from metric(f"ringmaster_memcached_{figure}", kind, {"": found[name]})


def _asked(address: tuple[str, int]) -> bytes:
    deadline = time.monotonic() + SECONDS
    received = b""
    with socket.create_connection(address, SECONDS) as connection:
        connection.sendall(b"stats\r\nquit\r\n")
        while len(received) < LIMIT and (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            piece = connection.recv(LIMIT - len(received))
            if not piece:
                break
            received += piece
    return received
