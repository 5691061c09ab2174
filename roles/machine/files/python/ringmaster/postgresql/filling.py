# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_restore into one database, as an account of its owner's."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ringmaster.core.report import Failure
from ringmaster.postgresql import sql
from ringmaster.postgresql.sql import Login, Places

# What pg_restore lists, an entry a line whatever names hold: ``<number>; <kind's id> <id> <KIND> <schema> <name> …``.
ENTRY = re.compile(r"\d+; \d+ \d+ ")
# Entries without data. An owner may not make all of them again.
LATE = ("ACL ", "DEFAULT ACL ", "COMMENT ", "SECURITY LABEL ", "PUBLICATION ", "SUBSCRIPTION ", "EVENT TRIGGER ")


@dataclass(frozen=True)
class Dump:
    """A dump of one database, and what is in it."""

    path: Path
    entries: list[str]


def listing(places: Places, path: Path) -> list[str]:
    """Return the table of contents of a dump. Raises Failure."""
    done = as_root(places, [str(places.programs / "pg_restore"), "--list", str(path)])
    if done.returncode:
        raise Failure(f"the dump of {path.stem} cannot be read: {done.stderr.strip()[-300:]}")
    return [line for line in done.stdout.splitlines() if ENTRY.match(line)]


def fill(places: Places, dump: Dump, target: str, login: Login, schemas: Iterable[str]) -> list[str]:
    """Fill a database that has its extensions, and these schemas for them; return what could not come back.

    Everything belongs to the role that the account acts as. Rights and the like come last, and one that cannot be given
    stops nothing. Raises Failure.
    """
    there = tuple(f"SCHEMA - {schema} " for schema in schemas)
    data: list[str] = []
    late: list[str] = []
    for line in dump.entries:
        entry = ENTRY.sub("", line)
        if entry.startswith(("EXTENSION ", "COMMENT - EXTENSION ", *there)):
            continue
        # What others want to share of what they make is said again by a converge, for those that are declared.
        if entry.startswith("DEFAULT ACL ") and not entry.endswith(f" {login.role}"):
            continue
        (late if entry.startswith(LATE) else data).append(line)
    jobs = str(max(1, min(4, os.cpu_count() or 1)))
    _run(places, dump, target, login, "--exit-on-error", f"--jobs={jobs}", entries=data)
    try:
        sql.run(places, "ANALYZE;", target, login)
    except sql.SqlError as error:
        raise Failure(f"the database {target} cannot be analysed: {error}") from error
    said = _run(places, dump, target, login, entries=late)
    errors = [line.partition("error: ")[2] for line in said.splitlines() if "error: " in line]
    return [f"{target}: {error.removeprefix('could not execute query: ')}" for error in errors]


def as_root(
    places: Places, words: list[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run pg_restore as root: a dump that comes from a backup need not be readable for postgres."""
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=environment or sql.environment(places),
        stdin=subprocess.DEVNULL,
    )


def _run(places: Places, dump: Dump, target: str, login: Login, *options: str, entries: Iterable[str]) -> str:
    """Restore entries; return the complaints where those are no failure."""
    with tempfile.NamedTemporaryFile("w", prefix="postgresql-restore-") as file:
        file.write("".join(f"{entry}\n" for entry in entries))
        file.flush()
        # Policies that an owner forces upon itself hold for what its views select, as they did.
        words = [str(places.programs / "pg_restore"), "--no-owner", "--enable-row-security"]
        words += [f"--use-list={file.name}", *options]
        words += [*sql.connection(places, target, login), str(dump.path)]
        done = as_root(places, words, sql.environment(places, login))
    if done.returncode and options:
        raise Failure(f"the dump of {dump.path.stem} cannot be restored: {done.stderr.strip()[-500:]}")
    return done.stderr
