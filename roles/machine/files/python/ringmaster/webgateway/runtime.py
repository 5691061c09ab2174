# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""haproxy's own sockets: figures for everybody who may look, commands for root."""

from __future__ import annotations

import csv
import io
import socket
from dataclasses import dataclass
from pathlib import Path

ADMIN = Path("/run/haproxy/admin.sock")
STATS = Path("/run/haproxy/stats.sock")
TIMEOUT = 5.0


class HaproxyError(Exception):
    """haproxy refused a command."""


@dataclass(frozen=True)
class Server:
    """A member as haproxy sees it."""

    backend: str
    name: str
    status: str
    sessions: int
    why: str


def ask(command: str, path: Path = STATS) -> str:
    """Send one command; return the answer. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(str(path))
        connection.sendall(f"{command}\n".encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode(errors="replace")


def servers(path: Path = STATS) -> list[Server]:
    """Return all members. Raises OSError."""
    rows = csv.DictReader(io.StringIO(ask("show stat -1 4 -1", path).removeprefix("# ")))
    return [
        Server(row["pxname"], row["svname"], row["status"], int(row["scur"] or 0), row.get("last_chk") or "")
        for row in rows
        if row.get("svname")
    ]
