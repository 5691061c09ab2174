# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speak to a MariaDB server through its own client. No password goes through a command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOCKET = "/run/mysqld/mysqld.sock"


class MariaDbError(Exception):
    """The server or its client said no; the text is what it said. ``line`` is the statement's number, from 1."""

    def __init__(self, text: str, line: int = 0) -> None:
        """Keep both."""
        super().__init__(text)
        self.line = line


@dataclass(frozen=True)
class Login:
    """Who asks which server: root needs no password, since the kernel says who asks."""

    socket: str = SOCKET
    user: str = "root"
    password: str = ""

    @property
    def words(self) -> list[str]:
        """Return options of all clients; the password is in ``environment``. A socket needs no TLS."""
        return ["--no-defaults", f"--socket={self.socket}", f"--user={self.user}", "--skip-ssl"]

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a client."""
        return {**os.environ, "MYSQL_PWD": self.password}

    def client(self) -> Client:
        """Return the way to run statements."""
        words = ("mariadb", *self.words, f"--init-command={SESSION}", *_PLAIN)
        return Client(words, environment=self.environment)


@dataclass(frozen=True)
class Client:
    """A way to a server: ``words`` are options of the client."""

    words: tuple[str, ...]
    timeout: float = 60.0
    environment: Mapping[str, str] | None = None

    def run(self, statements: Iterable[str], database: str = "") -> list[list[str]]:
        """Run statements, one a line, until one fails; return all rows. Raises MariaDbError."""
        text = "".join(f"{statement};\n" for statement in statements)
        try:
            done = subprocess.run(
                [*self.words, *([database] if database else [])],
                input=text.encode(),
                capture_output=True,
                check=False,
                timeout=self.timeout,
                env=self.environment,
            )
        except subprocess.TimeoutExpired as error:
            raise MariaDbError(f"no answer within {self.timeout:.0f} s") from error
        if done.returncode:
            raise error_of(done.stderr.decode(errors="replace"))
        lines = done.stdout.decode(errors="replace").split("\n")
        return [[_plain(field) for field in line.split("\t")] for line in lines if line]

    def objects(self, *statements: str) -> list[dict[str, Any]]:
        """Run statements that each give rows of one JSON object."""
        return [json.loads(row[0]) for row in self.run(statements)]

    def one(self, statement: str) -> str:
        """Return the first value of a statement; empty when there is no row."""
        rows = self.run([statement])
        return rows[0][0] if rows else ""


def root(socket: str = SOCKET) -> Client:
    """Return root's way: the socket, where the kernel says who asks."""
    return Login(socket).client()


def ready(process: subprocess.Popen[bytes], socket: str, seconds: float) -> Client | None:
    """Return root's client of a server that starts as soon as it answers; None when it ended, or is not in time."""
    client, end = root(socket), time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        try:
            client.one("SELECT 1")
        except MariaDbError:
            time.sleep(0.05)
        else:
            return client
    return None


def by_file(options: Path, *words: str, timeout: float = 5.0) -> Client:
    """Return the way of an account whose name and password are in an option file."""
    return Client(
        ("mariadb", f"--defaults-file={options}", f"--connect-timeout={timeout:.0f}", *words, *_PLAIN), timeout
    )


# What a project sets for all sessions changes neither what our statements mean nor how long they may take.
SESSION = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES', SESSION max_statement_time = 0"
# In binary mode the client knows no commands of its own, which could run programs (``\\!``, ``system``). A statement
# may not ask it for files of root's either (``LOAD DATA LOCAL``).
SAFE = ("--binary-mode", "--local-infile=0", "--default-character-set=utf8mb4")
_PLAIN: Sequence[str] = ("--batch", "--skip-column-names", *SAFE)
_ESCAPED = re.compile(r"\\([nt0\\])")
_SIGNS = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def _plain(field: str) -> str:
    """Return a field as it was: the client writes signs that end a field or a row with a backslash."""
    return _ESCAPED.sub(lambda found: _SIGNS[found[1]], field)


def error_of(said: str) -> MariaDbError:
    """Return 'ERROR 1396 (HY000) at line 3: Operation …' with its number and without the noise."""
    lines = [line for line in said.strip().splitlines() if line.startswith("ERROR")] or said.strip().splitlines()
    # The last one: before it, the client shows the statement, which is data.
    text = lines[-1] if lines else "the client failed and did not say why"
    _head, found, rest = text.partition(" at line ")
    number, _colon, reason = rest.partition(": ")
    if found and number.isdigit():
        return MariaDbError(reason, int(number))
    return MariaDbError(text.partition(": ")[2] or text)


def quoted(text: str) -> str:
    """Return a text as SQL reads it, whatever sql_mode says of backslashes: only for texts without any."""
    if "\\" in text:
        raise MariaDbError(f"a backslash cannot be quoted: {text!r}")
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as SQL reads it."""
    return "`" + name.replace("`", "``") + "`"
