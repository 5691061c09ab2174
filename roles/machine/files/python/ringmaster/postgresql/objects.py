# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared databases and users: read what there is in one query, plan, apply.

Each database has three groups without a login: <database>_owner owns it and everything in it, <database>_readwrite and
<database>_readonly get their rights by the owner's default privileges. A declared user is a member of one of them. An
owner takes on the group at login, so that whatever owners create belongs to the group and outlives them. What an owner
grants or revokes by hand stays: only defaults are set, existing objects are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringmaster.postgresql import extensions
from ringmaster.postgresql.sql import literal, name

GROUPS = ("owner", "readwrite", "readonly")
MARK = "Ringmaster: declared user"
# By object: what the groups may do with objects that an owner makes. In PostgreSQL's letters, to compare.
DEFAULTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "TABLES": {"readwrite": ("SELECT, INSERT, UPDATE, DELETE", "arwd"), "readonly": ("SELECT", "r")},
    "SEQUENCES": {"readwrite": ("USAGE, SELECT, UPDATE", "rwU"), "readonly": ("SELECT", "r")},
    "SCHEMAS": {"readwrite": ("USAGE", "U"), "readonly": ("USAGE", "U")},
}
LETTERS = {"TABLES": "r", "SEQUENCES": "S", "SCHEMAS": "n"}

STATE = """
SELECT json_build_object(
  'roles', (SELECT coalesce(json_object_agg(rolname, json_build_object(
      'login', rolcanlogin, 'verifier', rolpassword, 'limit', rolconnlimit, 'mark', shobj_description(oid, 'pg_authid'),
      'powers', rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)), '{}') FROM pg_authid),
  'members', (SELECT coalesce(json_agg(json_build_array(g.rolname, m.rolname)), '[]')
      FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member),
  'databases', (SELECT json_object_agg(datname, json_build_object(
      'owner', pg_get_userbyid(datdba), 'limit', datconnlimit, 'open', datallowconn, 'acl', datacl::text[]))
      FROM pg_database WHERE datname <> 'template0'),
  'settings', (SELECT coalesce(json_agg(json_build_array(d.datname, r.rolname, s.setconfig)), '[]')
      FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase JOIN pg_roles r ON r.oid = s.setrole))
"""

INSIDE = f"""
SELECT json_build_object(
  'extensions', ({extensions.INSTALLED.strip()}),
  'available', ({extensions.AVAILABLE.strip()}),
  'defaults', (SELECT coalesce(json_agg(
      json_build_array(pg_get_userbyid(defaclrole), defaclobjtype, defaclacl::text[])), '[]')
      FROM pg_default_acl WHERE defaclnamespace = 0),
  'schemas', (SELECT json_object_agg(nspname, true) FROM pg_namespace))
"""

HEARTBEAT = """CREATE SCHEMA IF NOT EXISTS ringmaster;
CREATE TABLE IF NOT EXISTS ringmaster.heartbeat (id int PRIMARY KEY, at timestamptz NOT NULL);
GRANT USAGE ON SCHEMA ringmaster TO {monitor};
GRANT SELECT, INSERT, UPDATE ON ringmaster.heartbeat TO {monitor};"""


@dataclass(frozen=True)
class Step:
    """A step in words, the statements that do it, and the database they are for."""

    words: str
    statements: str
    database: str = "postgres"


@dataclass(frozen=True)
class Objects:
    """What is declared, as the controller wrote it."""

    databases: list[Mapping[str, Any]] = field(default_factory=list)
    roles: list[Mapping[str, Any]] = field(default_factory=list)
    drop_databases: list[str] = field(default_factory=list)
    drop_roles: list[str] = field(default_factory=list)
    monitor: Mapping[str, Any] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)


def group(database: str, preset: str) -> str:
    """Return the name of a database's group."""
    return f"{database}_{preset}"


def plan(wanted: Objects, state: Mapping[str, Any]) -> list[Step]:
    """Return the steps for what all databases share: roles, databases, memberships."""
    steps = list(_monitor(wanted.monitor, state))
    for database in wanted.databases:
        steps += _database(database, state)
    for role in wanted.roles:
        steps += _role(role, wanted, state)
    steps += _locked(wanted, state)
    steps += _dropped(wanted, state)
    return steps


def _monitor(monitor: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[Step]:
    quoted = name(monitor["name"])
    yield from _account(monitor["name"], monitor["verifier"], -1, state, mark=None)
    if ["pg_monitor", monitor["name"]] not in state["members"]:
        yield Step(f"let {monitor['name']} see figures", f"GRANT pg_monitor TO {quoted};")
    for place in ("postgres", "template1"):
        acl = _acl(state["databases"][place]["acl"], "cT")
        if "c" in acl.get("", ""):
            yield Step(f"close the database {place} to others", f"REVOKE ALL ON DATABASE {place} FROM PUBLIC;")
    if "c" not in _acl(state["databases"]["postgres"]["acl"], "cT").get(monitor["name"], ""):
        yield Step(f"let {monitor['name']} connect", f"GRANT CONNECT ON DATABASE postgres TO {quoted};")


def _account(role: str, verifier: str, limit: int, state: Mapping[str, Any], mark: str | None = MARK) -> Iterator[Step]:
    found = state["roles"].get(role)
    options = f"LOGIN PASSWORD {literal(verifier)} CONNECTION LIMIT {limit}"
    comment = f"COMMENT ON ROLE {name(role)} IS {literal(mark)};" if mark else ""
    if found is None:
        yield Step(f"create the user {role}", f"CREATE ROLE {name(role)} {options};{comment}")
        return
    differs = []
    if found["verifier"] != verifier:
        differs.append("password")
    if not found["login"] or found["limit"] != limit:
        differs.append("login")
    if found["powers"]:
        differs.append("powers")
    if mark and found["mark"] != mark:
        differs.append("mark")
    if differs:
        none = "NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS"
        yield Step(
            f"set the {', '.join(differs)} of the user {role}", f"ALTER ROLE {name(role)} {none} {options};{comment}"
        )


def _database(database: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[Step]:
    place = database["name"]
    for preset in GROUPS:
        if group(place, preset) not in state["roles"]:
            yield Step(f"create the group {group(place, preset)}", f"CREATE ROLE {name(group(place, preset))} NOLOGIN;")
    owner, limit = group(place, "owner"), database["connection_limit"]
    found = state["databases"].get(place)
    if found is None:
        locale = database["icu_locale"]
        sorting = f" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE {literal(locale)}" if locale else ""
        create = f"CREATE DATABASE {name(place)} OWNER {name(owner)} CONNECTION LIMIT {limit}{sorting};"
        yield Step(f"create the database {place}", create)
        found = {"owner": owner, "limit": limit, "acl": None}
    if not found.get("open", True):
        yield Step(f"open the database {place}", f"ALTER DATABASE {name(place)} ALLOW_CONNECTIONS true;")
    if found["owner"] != owner:
        yield Step(f"give the database {place} to {owner}", f"ALTER DATABASE {name(place)} OWNER TO {name(owner)};")
    if found["limit"] != limit:
        yield Step(f"limit the connections to {place}", f"ALTER DATABASE {name(place)} CONNECTION LIMIT {limit};")
    acl = _acl(found["acl"], "cT")
    if acl.get(""):
        yield Step(f"close the database {place} to others", f"REVOKE ALL ON DATABASE {name(place)} FROM PUBLIC;")
    for preset in GROUPS[1:]:
        member = group(place, preset)
        if not {"c", "T"} <= set(acl.get(member, "")):
            grant = f"GRANT CONNECT, TEMPORARY ON DATABASE {name(place)} TO {name(member)};"
            yield Step(f"let {member} connect", grant)


def _role(role: Mapping[str, Any], wanted: Objects, state: Mapping[str, Any]) -> Iterator[Step]:
    user = role["name"]
    yield from _account(user, role["verifier"], role["connection_limit"], state)
    members = {group for group, member in state["members"] if member == user}
    for database in wanted.databases:
        place = database["name"]
        right = group(place, role["role"]) if place in role["databases"] else None
        for preset in GROUPS:
            one = group(place, preset)
            if one != right and one in members:
                yield Step(f"take {user} out of {one}", f"REVOKE {name(one)} FROM {name(user)};")
        if right and right not in members:
            yield Step(f"take {user} into {right}", f"GRANT {name(right)} TO {name(user)};")
        is_owner = right == group(place, "owner")
        setting = f"role={right}"
        now: list[str] = (
            next((values for where, who, values in state["settings"] if (where, who) == (place, user)), []) or []
        )
        alter = f"ALTER ROLE {name(user)} IN DATABASE {name(place)}"
        if is_owner and setting not in now:
            yield Step(f"let {user} act as {right}", f"{alter} SET role = {literal(str(right))};")
        if not is_owner and any(value.startswith("role=") for value in now):
            yield Step(f"let {user} act as itself in {place}", f"{alter} RESET role;")


def _locked(wanted: Objects, state: Mapping[str, Any]) -> Iterator[Step]:
    """Take the login from users that were declared and are no more. Nothing they own is touched."""
    declared = {role["name"] for role in wanted.roles} | set(wanted.drop_roles)
    for user, found in sorted(state["roles"].items()):
        if found["mark"] == MARK and user not in declared and found["login"]:
            end = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = {literal(user)}"
            yield Step(
                f"lock the user {user}, who is not declared any more",
                f"ALTER ROLE {name(user)} NOLOGIN PASSWORD NULL; {end};",
            )


def _dropped(wanted: Objects, state: Mapping[str, Any]) -> Iterator[Step]:
    for place in wanted.drop_databases:
        if place in state["databases"]:
            yield Step(f"drop the database {place}", f"DROP DATABASE {name(place)} WITH (FORCE);")
            for preset in GROUPS:
                if group(place, preset) in state["roles"]:
                    yield Step(f"drop the group {group(place, preset)}", f"DROP ROLE {name(group(place, preset))};")
    left = [place for place in state["databases"] if place not in wanted.drop_databases]
    for user in wanted.drop_roles:
        if user not in state["roles"]:
            continue
        end = f"ALTER ROLE {name(user)} NOLOGIN;SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        yield Step(f"end the sessions of {user}", f"{end} WHERE usename = {literal(user)};")
        for place in left:
            heir = group(place, "owner") if group(place, "owner") in state["roles"] else "postgres"
            keep = f"REASSIGN OWNED BY {name(user)} TO {name(heir)};DROP OWNED BY {name(user)};"
            yield Step(f"give what {user} owns in {place} to {heir}", keep, place)
        yield Step(f"drop the user {user}", f"DROP ROLE {name(user)};")


def plan_inside(database: Mapping[str, Any], wanted: Objects, inside: Mapping[str, Any]) -> list[Step]:
    """Return the steps inside one database: extensions and default privileges."""
    place = database["name"]
    steps = []
    available, installed = inside["available"], dict(inside["extensions"])
    for extension in database["extensions"]:
        newest = available.get(extension, {}).get("version")
        if extension not in installed:
            create = extensions.make(extension, extensions.SCHEMA, available, installed)
            steps.append(Step(f"install {extension} in {place}", create, place))
            for one in extensions.with_needed(extension, available):
                installed.setdefault(
                    one, {"schema": extensions.SCHEMA, "version": available.get(one, {}).get("version")}
                )
        elif newest and installed[extension]["version"] != newest:
            update = extensions.update(extension, available, installed)
            steps.append(Step(f"update {extension} in {place} to {newest}", update, place))
    owners = [role["name"] for role in wanted.roles if role["role"] == "owner" and place in role["databases"]]
    for creator in (group(place, "owner"), *owners):
        statements = []
        for kind, grants in DEFAULTS.items():
            acl = next(
                (acl for role, letter, acl in inside["defaults"] if (role, letter) == (creator, LETTERS[kind])), None
            )
            present = _acl(acl, "")
            for preset, (rights, letters) in grants.items():
                member = group(place, preset)
                if not set(letters) <= set(present.get(member, "")):
                    alter = (
                        f"ALTER DEFAULT PRIVILEGES FOR ROLE {name(creator)} GRANT {rights} ON {kind} TO {name(member)};"
                    )
                    statements.append(alter)
        if statements:
            steps.append(Step(f"share what {creator} makes in {place}", "\n".join(statements), place))
    return steps


def plan_heartbeat(monitor: str, inside: Mapping[str, Any]) -> list[Step]:
    """Return the steps for what the checks write to, in the database postgres."""
    steps = []
    if "ringmaster" not in inside["schemas"]:
        steps.append(Step("make a table for the checks", HEARTBEAT.format(monitor=name(monitor))))
    if "pg_stat_statements" not in inside["extensions"]:
        steps.append(Step("install pg_stat_statements", "CREATE EXTENSION pg_stat_statements SCHEMA public;"))
    return steps


def _acl(items: Iterable[str] | None, public: str) -> dict[str, str]:
    """Return an access list as letters by role, PUBLIC as an empty name. ``public`` is what no list at all means."""
    if items is None:
        return {"": public}
    result = {}
    for item in items:
        role, _equals, rest = item.rpartition("=")
        result[role.strip('"')] = rest.split("/")[0].replace("*", "")
    return result
