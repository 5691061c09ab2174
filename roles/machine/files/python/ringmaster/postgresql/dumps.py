# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps: roles and every database, each consistent in itself, with a record of what a restore must bring back.

A folder holds ``<database>.dump`` (pg_dump's custom format) and ``manifest.json``. The rows of each table are counted
in the same snapshot that pg_dump reads, so that a proof can compare exactly. Roles, extensions and settings are in the
manifest as PostgreSQL's catalogs say it: a superuser runs nothing of a dump.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ringmaster.core import below, files
from ringmaster.core.report import Failure
from ringmaster.postgresql import sql
from ringmaster.postgresql.sql import Places

MANIFEST = "manifest.json"
NAME = re.compile(r"[^/\0]{1,63}")
# Columns of later versions are taken from JSON, so that they may be missing.
DATABASES = """
SELECT coalesce(json_agg(json_build_object('name', datname, 'bytes', pg_database_size(d.oid), 'made', json_build_object(
    'owner', pg_get_userbyid(datdba), 'limit', datconnlimit, 'encoding', pg_encoding_to_char(encoding),
    'provider', CASE datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' ELSE 'builtin' END,
    'collate', datcollate, 'ctype', datctype, 'locale', coalesce(j ->> 'datlocale', j ->> 'daticulocale', ''),
    'rules', coalesce(j ->> 'daticurules', ''), 'settings', coalesce((SELECT json_agg(one) FROM pg_db_role_setting s,
      unnest(s.setconfig) AS one WHERE s.setdatabase = d.oid AND s.setrole = 0), '[]'))) ORDER BY datname), '[]')
  FROM pg_database d, to_jsonb(d) AS j WHERE datallowconn AND datname NOT IN ('template0', 'template1')
"""
# What they may do with the whole server is not in it: who gave them that by hand, gives it again.
ROLES = """
SELECT json_build_object(
  'roles', (SELECT coalesce(json_object_agg(rolname, json_build_object('login', rolcanlogin, 'verifier', rolpassword,
      'limit', rolconnlimit, 'inherit', rolinherit, 'mark', shobj_description(r.oid, 'pg_authid'),
      'settings', coalesce((SELECT json_agg(one) FROM pg_db_role_setting s, unnest(s.setconfig) AS one
        WHERE s.setrole = r.oid AND s.setdatabase = 0), '[]'))), '{}')
    FROM pg_authid r WHERE rolname !~ '^pg_' AND rolname <> 'postgres'),
  'members', (SELECT coalesce(json_agg(json_build_array(g.rolname, m.rolname)), '[]')
    FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
    WHERE g.rolname !~ '^pg_' AND g.rolname <> 'postgres' AND m.rolname <> 'postgres'))
"""
# Exact counts by one statement for each table, made by query_to_xml; tables of extensions do not count.
COUNTS = """
SELECT json_build_object(
  'tables', (SELECT coalesce(json_object_agg(format('%I.%I', n.nspname, c.relname),
      (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM ONLY %I.%I', n.nspname, c.relname),
        false, true, '')))[1]::text::bigint), '{}')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname !~ '^pg_toast' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')),
  'objects', (SELECT json_object_agg(kind, number) FROM (
    SELECT 'indexes' AS kind, count(*) AS number FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL SELECT 'functions', count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND NOT EXISTS (SELECT FROM pg_depend d
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    UNION ALL SELECT 'constraints', count(*) FROM pg_constraint WHERE conrelid <> 0 AND connamespace NOT IN
        (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_' OR nspname = 'information_schema')
    UNION ALL SELECT 'views', count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE relkind IN ('v', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND NOT EXISTS (SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')) AS counts),
  'extensions', (SELECT coalesce(json_object_agg(e.extname, n.nspname), '{}') FROM pg_extension e
    JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'))
"""


def dump(places: Places, folder: Path) -> int:
    """Fill an empty folder; return the number of databases. Raises Failure."""
    databases = sql.ask_or_fail(places, DATABASES)
    free = os.statvfs(folder)
    # A dump is smaller than the data nearly always; what it may at most need is not known before.
    if sum(one["bytes"] for one in databases) // 4 > free.f_bavail * free.f_frsize:
        raise Failure(f"there is not enough space for a dump in {folder.parent}")
    roles = sql.ask_or_fail(places, ROLES)
    found = {}
    for one in databases:
        place = one["name"]
        if not NAME.fullmatch(place):
            raise Failure(f"the database {place!r} cannot be the name of a file")
        with _snapshot(places, place) as (snapshot, counts):
            write(places, place, folder / f"{place}.dump", f"--snapshot={snapshot}")
        found[place] = {**counts, "made": one["made"]}
    about = {"component": "postgresql", "version": places.version, "made_at": int(time.time())}
    manifest = {**about, **roles, "databases": found}
    files.replace(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n", mode=0o600)
    return len(databases)


def write(places: Places, database: str, target: Path, *options: str) -> None:
    """Let pg_dump write one database to a file. Raises Failure."""
    how = "zstd:3" if places.version >= 16 else "1"
    words = [_program(places, "pg_dump"), *sql.connection(places, database), "--format=custom", f"--compress={how}"]
    _run(places, [*words, *options], target)


def manifest(folder: Path) -> dict[str, Any]:
    """Return what a dump holds. Raises Failure."""
    try:
        content = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise Failure(f"{folder} is no complete dump of PostgreSQL: {error}") from error
    if content.get("component") != "postgresql":
        raise Failure(f"{folder} is a dump of {content.get('component')}, not of PostgreSQL")
    for database in content["databases"]:
        if not NAME.fullmatch(database):
            raise Failure(f"{folder} has a database {database!r}, which cannot be the name of a file")
    return content


def counts(places: Places, database: str) -> dict[str, Any]:
    """Return the rows of each table, the numbers of other objects, and extensions. Raises Failure."""
    return sql.ask_or_fail(places, COUNTS, database)


def record(places: Places, database: str) -> dict[str, Any]:
    """Return all that the manifest would say of a database. Raises Failure."""
    made = {one["name"]: one["made"] for one in sql.ask_or_fail(places, DATABASES)}
    if database not in made:
        raise Failure(f"there is no database {database}; there are {', '.join(made)}")
    return {**counts(places, database), "made": made[database]}


@contextmanager
def _snapshot(places: Places, database: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hold a transaction open whose snapshot pg_dump can use; yield its name and what is counted in it."""
    words = [_program(places, "psql"), "-XAtq", "--set=ON_ERROR_STOP=1", *sql.connection(places, database), "--file=-"]
    process = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env=sql.environment(places),
        **below.identity(sql.ACCOUNT),
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        one_line = " ".join(COUNTS.split())
        process.stdin.write(f"{begin};\nSELECT pg_export_snapshot();\n{one_line};\n")
        process.stdin.flush()
        name, line = process.stdout.readline().strip(), process.stdout.readline()
        if not line:
            raise Failure(f"the database {database} cannot be read: {process.stderr.read().strip()[:500]}")
        yield name, json.loads(line)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _program(places: Places, program: str) -> str:
    return str(places.programs / program)


def _run(places: Places, words: list[str], target: Path) -> None:
    """Let a program write to a file of root's, whose folder it may not see."""
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        done = sql.as_postgres(places, words, stdout=stream)
    if done.returncode:
        raise Failure(f"{Path(words[0]).name} failed: {done.stderr.strip()[-500:]}")
