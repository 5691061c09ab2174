# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account that fills one database and can do nothing else.

What a dump brings back runs while it comes back: conditions of tables and domains, expressions of indexes and columns,
and what materialized views select. ``SET ROLE`` in a superuser's session is no protection, since code can take it
back. So there is a login for it, as a member of the database's owner, which is gone afterwards.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from ringmaster.core.report import Failure
from ringmaster.postgresql import sql
from ringmaster.postgresql.sql import Login, Places

NAME = "ringmaster_restore"
POWERS = "NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS"
KNOWN = f"SELECT to_json(EXISTS (SELECT FROM pg_roles WHERE rolname = {sql.literal(NAME)}))"
# Where it holds something, and whose that is then: the owner's of the database, and never a superuser's.
HOLDS = f"""
SELECT coalesce(json_object_agg(datname, heir), '{{}}') FROM (SELECT DISTINCT d.datname,
    CASE WHEN o.rolsuper THEN NULL ELSE o.rolname END AS heir FROM pg_shdepend s
  JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles o ON o.oid = d.datdba
  JOIN pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass
  WHERE r.rolname = {sql.literal(NAME)}) AS held
"""


@contextmanager
def login(places: Places, owner: str) -> Iterator[Login]:
    """Make the account as a member of a role, and take it away at the end."""
    drop(places)
    password = secrets.token_urlsafe(32)
    script = (
        f"CREATE ROLE {NAME} LOGIN {POWERS} CONNECTION LIMIT 20 PASSWORD {sql.literal(password)};\n"
        f"GRANT {sql.name(owner)} TO {NAME};"
    )
    _run(places, script)
    try:
        yield Login(NAME, password, owner)
    finally:
        drop(places)


def drop(places: Places) -> None:
    """Take the account away, also one that a restore which was killed left behind."""
    if not sql.ask_or_fail(places, KNOWN):
        return
    end = f"SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE usename = {sql.literal(NAME)}"
    _run(places, f"ALTER ROLE {NAME} NOLOGIN PASSWORD NULL;\n{end};")
    for database, heir in sql.ask_or_fail(places, HOLDS).items():
        keep = f"REASSIGN OWNED BY {NAME} TO {sql.name(heir)};\n" if heir else ""
        _run(places, f"{keep}DROP OWNED BY {NAME};", database)
    _run(places, f"DROP OWNED BY {NAME};\nDROP ROLE {NAME};")


def _run(places: Places, script: str, database: str = "postgres") -> None:
    try:
        sql.run(places, script, database)
    except sql.SqlError as error:
        raise Failure(f"PostgreSQL refuses a step of the restore: {error}") from error
