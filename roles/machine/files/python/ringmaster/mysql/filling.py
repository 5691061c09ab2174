# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the statements of a dump, as an account that has nothing but the database that they fill."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ringmaster.core.report import Failure
from ringmaster.mysql import keeper
from ringmaster.mysql.client import SAFE, SESSION, Client, Login, MariaDbError, error_of, identifier

ERROR = re.compile(rb"ERROR \d+ \(\w+\) at line \d+: ")
# What the account may not make: views and routines in another's name, or of what lies in other databases, and some
# routines beside a binary log. Those are made later, from what the server knew of them.
PROGRAMS = re.compile(
    r"Access denied; you need \(at least one of\) the (?:SUPER, )?SET USER privilege"
    r"|(?:ANY|SELECT) command denied to user .* for (?:table|column)"
    r"|execute command denied to user|Access denied for user .* to database"
    r"|(?:Table|View) .* (?:doesn't exist|references invalid table)|Unknown database"
    r"|(?:FUNCTION|PACKAGE) .* does not exist"
    r"|You do not have the SUPER privilege and binary logging is enabled|This function has none of DETERMINISTIC"
)
ROWS = re.compile(rb"INSERT INTO `(?:[^`]|``)+` VALUES\b")


def create(client: Client, target: str, wanted: Mapping[str, Any]) -> None:
    """Make an empty database with the character set of a dumped one, in the place of what is there."""
    how = f"CHARACTER SET {_word(wanted['character_set'])} COLLATE {_word(wanted['collation'])}"
    client.run([f"CREATE OR REPLACE DATABASE {identifier(target)} {how}"])


def fill(client: Client, socket: str, path: Path, target: str) -> None:
    """Fill an empty database; views and programs that the account may not make are left out. Raises Failure."""
    with keeper.login(client, socket, target) as login, _unpacked(path) as stream:
        load(stream, path.name, login, target, forgiven=PROGRAMS)


def fill_without_rows(client: Client, socket: str, path: Path, target: str, readable: tuple[str, ...]) -> None:
    """Make what a dump holds, without its rows, where no account has any power. Raises Failure."""
    with (
        keeper.login(client, socket, target, keeper.NAME_DEFINERS, readable=readable) as login,
        _unpacked(path) as stream,
        tempfile.TemporaryFile() as schema,
    ):
        schema.writelines(without_rows(stream))
        schema.seek(0)
        load(schema, path.name, login, target, forgiven=PROGRAMS)


def without_rows(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Leave out the rows of tables: MariaDB writes each into a line of its own."""
    is_row = is_program = False
    for line in lines:
        if line.startswith(b"DELIMITER "):
            is_program = line.strip() != b"DELIMITER ;"
        elif not is_program and ROWS.match(line):
            is_row = True
        if not is_row:
            yield line
        elif line.endswith(b");\n"):
            is_row = False


def load(script: IO[bytes], what: str, login: Login, database: str, forgiven: re.Pattern[str] | None = None) -> None:
    """Run statements until one fails for a reason that is not forgiven. Raises Failure."""
    words = ["mariadb", *login.words, f"--init-command={SESSION}", "--max-allowed-packet=1G", "--batch", *SAFE]
    words += [*(["--force"] if forgiven else []), database]
    done = subprocess.Popen(
        words, stdin=script, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=login.environment
    )
    if done.stderr is None:
        raise Failure(f"the dump of {what} cannot be restored: the client has no output")
    reason, last = "", b""
    with done.stderr as said:
        # The client shows the statement as well, which is data: read in pieces, and not kept.
        while line := said.readline(65536):
            last = line.strip() or last
            if ERROR.match(line) and not (forgiven and forgiven.search(line.decode(errors="replace"))):
                error = error_of(line.decode(errors="replace"))
                reason = f"line {error.line}: {_plain(error)}"
                done.kill()
                break
    if done.wait() and not reason and not (forgiven and done.returncode == 1):
        reason = _plain(error_of(last.decode(errors="replace")))
    if reason:
        raise Failure(f"the dump of {what} cannot be restored: {reason[:500]}")


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as said:
        words = ["zstd", "-q", "-dc", str(path)]
        source = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL)
        if source.stdout is None:
            raise Failure(f"the dump {path.name} cannot be read")
        with source.stdout as stream:
            try:
                yield stream
            except BaseException:
                source.kill()
                source.wait()
                raise
        if source.wait():
            said.seek(0)
            raise Failure(f"the dump {path.name} cannot be read: {said.read().decode(errors='replace')[-300:].strip()}")


def _plain(error: MariaDbError) -> str:
    """Return what a server said without the text near the mistake, which is data."""
    return str(error).partition(" near '")[0]


def _word(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+", value):
        raise Failure(f"the dump has {value[:60]!r} for a character set")
    return value
