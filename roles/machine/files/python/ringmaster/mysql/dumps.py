# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps: users and every database, each consistent in itself, with a record of what a restore must bring back.

A folder holds ``users.sql``, ``<database>.sql.zst`` and ``manifest.json``. The rows of each table are counted while
they go by, so that the record is of what the dump holds, and not of what the server had a moment before or after.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ringmaster.core import files
from ringmaster.core.report import Failure
from ringmaster.mysql import programs
from ringmaster.mysql.client import SOCKET, Client, MariaDbError, quoted, root
from ringmaster.mysql.objects import OWN_DATABASE

MANIFEST = "manifest.json"
USERS = "users.sql"
DUMP = ("mariadb-dump", "--no-defaults", "--user=root", "--max-allowed-packet=1G")
NOT_DUMPED = ("information_schema", "performance_schema", "mysql", "sys", OWN_DATABASE)
INSERT = re.compile(rb"INSERT INTO `((?:[^`]|``)+)` VALUES\b")
END = b"-- Dump completed"
# What a database has beside tables.
OTHER_OBJECTS = {
    "views": "SELECT COUNT(*) FROM information_schema.views WHERE table_schema = {}",
    "routines": "SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = {}",
    "triggers": "SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = {}",
    "events": "SELECT COUNT(*) FROM information_schema.events WHERE event_schema = {}",
}


class RowCounter:
    """Counts the rows of each table in a dump, line by line: MariaDB writes each row into a line of its own."""

    def __init__(self, tables: Iterable[str]) -> None:
        """Begin with no row in any table."""
        self.rows = dict.fromkeys(tables, 0)
        self.is_complete = False
        self._table: str | None = None
        self._in_program = False

    def line(self, line: bytes) -> None:
        """Take the next line."""
        if line.startswith(b"("):
            if self._table is not None:
                self.rows[self._table] += 1
                if line.endswith(b");\n"):
                    self._table = None
        elif line.startswith(b"DELIMITER "):
            # What routines and triggers do is not data.
            self._in_program = line.strip() != b"DELIMITER ;"
        elif line.startswith(b"INSERT INTO ") and not self._in_program:
            found = INSERT.match(line)
            if found:
                self._table = found[1].decode().replace("``", "`")
                self.rows.setdefault(self._table, 0)
        elif line.startswith(END):
            self.is_complete = True


def dump(folder: Path, socket: str = SOCKET) -> int:
    """Fill an empty folder; return the number of databases. Raises Failure."""
    client = root(socket)
    try:
        names = databases(client)
        needed = int(client.one(_size(names))) if names else 0
        # Compressed, a dump is smaller than the data nearly always; what it may need at most is not known before.
        free = os.statvfs(folder)
        if needed // 4 > free.f_bavail * free.f_frsize:
            raise Failure(f"there is not enough space for a dump in {folder.parent}")
        users(folder / USERS, socket)
        found = {name: _database(client, name, folder / f"{name}.sql.zst", socket) for name in names}
        version = client.one("SELECT VERSION()")
    except MariaDbError as error:
        raise Failure(f"MariaDB cannot be dumped: {error}") from error
    manifest = {"component": "mysql", "version": version, "made_at": int(time.time()), "databases": found}
    files.replace(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n", mode=0o600)
    return len(names)


def dump_one(name: str, path: Path, socket: str = SOCKET) -> None:
    """Write a dump of one database, in one step. Raises Failure, MariaDbError."""
    new = path.with_name(f".{path.name}.new")
    _database(root(socket), name, new, socket)
    new.rename(path)


def databases(client: Client) -> list[str]:
    """Return the databases that are dumped."""
    own = ", ".join(quoted(name) for name in NOT_DUMPED)
    rows = client.run(
        [f"SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN ({own}) ORDER BY 1"]
    )
    return [row[0] for row in rows]


def users(path: Path, socket: str = SOCKET) -> None:
    """Write all accounts and their rights, as statements that leave accounts which are there in place."""
    _run([*DUMP, f"--socket={socket}", "--system=users", "--insert-ignore"], path)


def _size(names: Iterable[str]) -> str:
    listed = ", ".join(quoted(name) for name in names)
    return f"SELECT IFNULL(SUM(data_length), 0) FROM information_schema.tables WHERE table_schema IN ({listed})"


def _database(client: Client, name: str, path: Path, socket: str) -> dict[str, Any]:
    """Dump one database; return what it holds."""
    content = inventory(client, name)
    # A snapshot where all tables can give one, else a lock on all of this database.
    how = "--single-transaction" if not content.pop("without_transactions") else "--lock-tables"
    options = ["--quick", "--hex-blob", "--routines", "--events", "--triggers", "--default-character-set=utf8mb4", how]
    counter = RowCounter(content["tables"])
    content["bytes"] = _compressed([*DUMP, f"--socket={socket}", *options, name], path, counter)
    if not counter.is_complete:
        raise Failure(f"the dump of {name} has no end")
    # What acts in somebody's name comes back from what the server says of it, not from statements.
    known = programs.record(programs.read(client, name))
    return {**content, "tables": counter.rows, "programs": known}


def inventory(client: Client, name: str) -> dict[str, Any]:
    """Return what a database has: its character set, tables (without rows), and how many other objects."""
    schema = quoted(name)
    character_set, collation = client.run(
        [
            "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata"
            f" WHERE schema_name = {schema}"
        ]
    )[0]
    tables = client.run(
        [
            f"SELECT table_name, IFNULL(engine, '') FROM information_schema.tables WHERE table_schema = {schema}"
            " AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')"
        ]
    )
    others = {kind: int(client.one(statement.format(schema))) for kind, statement in OTHER_OBJECTS.items()}
    return {
        "character_set": character_set,
        "collation": collation,
        "tables": [row[0] for row in tables],
        "without_transactions": [row[0] for row in tables if row[1] != "InnoDB"],
        **others,
    }


def _compressed(words: list[str], path: Path, counter: RowCounter) -> int:
    """Run a program, count what it writes, compress it; return its bytes before that. Raises Failure."""
    size = 0
    with path.open("wb") as stream, tempfile.TemporaryFile() as said:
        zstd = subprocess.Popen(["zstd", "-q", "-3", "--rsyncable"], stdin=subprocess.PIPE, stdout=stream, stderr=said)
        source = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL)
        if not (zstd.stdin and source.stdout):
            raise Failure(f"{path.name} cannot be written: a program has no output")
        try:
            with zstd.stdin as sink:
                for line in source.stdout:
                    size += len(line)
                    counter.line(line)
                    sink.write(line)
        except BrokenPipeError:
            source.kill()  # zstd has ended and has said why
        codes = source.wait(), zstd.wait()
        if any(codes):
            said.seek(0)
            raise Failure(f"{path.name} cannot be written: {said.read().decode(errors='replace').strip()[-500:]}")
    return size


def _run(words: list[str], path: Path) -> None:
    with path.open("wb") as stream:
        done = subprocess.run(words, stdout=stream, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise Failure(f"{path.name} cannot be written: {done.stderr.decode(errors='replace').strip()[-500:]}")


def manifest(folder: Path) -> dict[str, Any]:
    """Return what a dump holds. Raises Failure."""
    try:
        content = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise Failure(f"{folder} is no complete dump of MariaDB: {error}") from error
    if content.get("component") != "mysql":
        raise Failure(f"{folder} is a dump of {content.get('component')}, not of MariaDB")
    return content
