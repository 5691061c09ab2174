# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extensions: which ones a superuser makes, and how, where somebody else owns the database.

The script of an extension runs as a superuser, and finds names in the schema that it is installed in. So an extension
is made, or updated, in a schema that nobody else ever sees, and moved into its place when the script has ended, all in
one transaction. One that cannot be moved is made in its place while nobody can make a name, and only where there is
nothing that its script could call.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from ringmaster.postgresql.sql import literal, name

# Those that a description may declare; the owner of a database may make those that PostgreSQL trusts anyway.
ALLOWED = frozenset(
    {
        "bloom",
        "btree_gin",
        "btree_gist",
        "citext",
        "cube",
        "dict_int",
        "earthdistance",
        "fuzzystrmatch",
        "hstore",
        "intarray",
        "isn",
        "ltree",
        "pg_stat_statements",
        "pg_trgm",
        "pgcrypto",
        "postgis",
        "seg",
        "tablefunc",
        "tsm_system_rows",
        "tsm_system_time",
        "unaccent",
        "uuid-ossp",
        "vector",
    }
)
SCHEMA = "public"
# Where names of functions, operators and types are kept: nobody can add one while these are locked.
CATALOGS = ("pg_proc", "pg_operator", "pg_type", "pg_cast")
# By extension: what it needs, whether it can be moved, whether an owner may make it, and its newest version.
AVAILABLE = """
SELECT coalesce(json_object_agg(v.name, json_build_object('requires', coalesce(v.requires, '{}'),
    'movable', v.relocatable, 'trusted', v.trusted, 'version', v.version)), '{}')
  FROM pg_available_extension_versions v JOIN pg_available_extensions e
    ON e.name = v.name AND e.default_version = v.version
"""
# By extension: the schema that it is in, and its version.
INSTALLED = """
SELECT coalesce(json_object_agg(e.extname, json_build_object('schema', n.nspname, 'version', e.extversion)), '{}')
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
"""


def make(extension: str, schema: str, available: Mapping[str, Any], installed: Mapping[str, Any]) -> str:
    """Return the statements that make an extension, after those that it needs; empty where it is there."""
    if extension in installed:
        return ""
    known = available.get(extension, {"requires": [], "movable": True})
    present = dict(installed)
    before = []
    for other in known["requires"]:
        before.append(make(other, schema, available, present))
        present.setdefault(other, {"schema": schema})
    needed = {other: present[other]["schema"] for other in known["requires"]}
    movable = known["movable"] and all(available.get(other, known)["movable"] for other in needed)
    create = f"CREATE EXTENSION {name(extension)} SCHEMA"
    if movable:
        whole = _apart([*_moves(needed), f"{create} {HIDDEN};", *_moves({extension: schema, **needed}, back=True)])
    else:
        whole = _alone(f"{create} {name(schema)};", extension, schema)
    return "\n".join([*(one for one in before if one), whole])


def with_needed(extension: str, available: Mapping[str, Any]) -> list[str]:
    """Return an extension after those that it needs."""
    needed = available.get(extension, {"requires": []})["requires"]
    return [*(one for other in needed for one in with_needed(other, available)), extension]


def update(extension: str, available: Mapping[str, Any], installed: Mapping[str, Any]) -> str:
    """Return the statements that bring an extension to its newest version."""
    known = available[extension]
    parts = {one: installed[one]["schema"] for one in (*known["requires"], extension)}
    change = f"ALTER EXTENSION {name(extension)} UPDATE;"
    if all(available[one]["movable"] for one in parts):
        return _apart([*_moves(parts), change, *_moves(parts, back=True)])
    return _alone(change, extension, parts[extension])


HIDDEN = "\0"


def _moves(extensions: Mapping[str, str], *, back: bool = False) -> list[str]:
    """Return the statements that take extensions into the hidden schema, or back from it."""
    targets = {one: name(schema) if back else HIDDEN for one, schema in extensions.items()}
    return [f"ALTER EXTENSION {name(one)} SET SCHEMA {target};" for one, target in targets.items()]


def _apart(statements: Iterable[str]) -> str:
    """Let statements run with a schema that nobody sees before it is gone, nor can make before it is there."""
    hidden = f"ringmaster_{secrets.token_hex(8)}"
    lines = ["BEGIN;", f"CREATE SCHEMA {hidden};", *statements, f"DROP SCHEMA {hidden};", "COMMIT;"]
    return "\n".join(lines).replace(HIDDEN, hidden)


def _alone(statement: str, extension: str, schema: str) -> str:
    """Keep others from making names until the statement is done, and fail where there are any that it could call."""
    locked = ", ".join(f"pg_catalog.{catalog}" for catalog in CATALOGS)
    told = (
        f"the schema {schema} has functions, operators or types that are not the administrator's, which the script of "
        f"{extension} could call: move them to another schema first"
    )
    there = f"{literal(name(schema))}::regnamespace"
    # Names of tables and of their rows lead to no code.
    owners = f"""SELECT proowner FROM pg_proc WHERE pronamespace = {there}
    UNION ALL SELECT oprowner FROM pg_operator WHERE oprnamespace = {there}
    UNION ALL SELECT typowner FROM pg_type WHERE typnamespace = {there} AND typtype NOT IN ('c', 'e') AND typelem = 0"""
    return f"""BEGIN;
LOCK TABLE {locked} IN SHARE ROW EXCLUSIVE MODE;
DO $judge$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE NOT rolsuper AND oid IN ({owners}))
  THEN RAISE EXCEPTION USING MESSAGE = {literal(told)}; END IF;
END $judge$;
{statement}
COMMIT;"""
