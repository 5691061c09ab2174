# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases, users and their rights: what there is, what is wanted, and the statements between them.

``plan`` is pure. What is not declared is not touched, with one exception: a user that was declared once and is not any
more is locked, so that a forgotten password opens nothing, and views and routines that it owns still work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ringmaster.mysql.client import Client, MariaDbError, identifier, quoted

OWN_DATABASE = "ringmaster"
ANYWHERE = "%"
_READING = frozenset({"SELECT", "SHOW VIEW"})
_WRITING = _READING | {"INSERT", "UPDATE", "DELETE", "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE"}
# All that there is for a database, but the right to give rights away.
_OWNING = _WRITING | {
    "ALTER",
    "ALTER ROUTINE",
    "CREATE",
    "CREATE ROUTINE",
    "CREATE VIEW",
    "DELETE HISTORY",
    "DROP",
    "EVENT",
    "INDEX",
    "REFERENCES",
    "SHOW CREATE ROUTINE",
    "TRIGGER",
}
RIGHTS: Mapping[str, frozenset[str]] = {"owner": _OWNING, "readwrite": _WRITING, "readonly": _READING}
MONITOR_RIGHTS = frozenset({"PROCESS", "BINLOG MONITOR", "SLAVE MONITOR"})
# The server's own database for round trips: one row for each who writes.
OWN_TABLE = "(name varchar(64) PRIMARY KEY, value varchar(64) NOT NULL) ENGINE=InnoDB"


@dataclass(frozen=True)
class Account:
    """An account: how it logs in, and its rights.

    ``rights`` are for the whole server, ``on`` for databases, which are patterns as in GRANT.
    """

    name: str
    host: str = ANYWHERE
    plugin: str = "mysql_native_password"
    digest: str = ""
    require_tls: bool = False
    max_connections: int = 0
    is_locked: bool = False
    rights: frozenset[str] = frozenset()
    on: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def sql(self) -> str:
        """Return its name as SQL reads it."""
        return f"{quoted(self.name)}@{quoted(self.host)}"

    @property
    def login(self) -> tuple[object, ...]:
        """Return what CREATE USER and ALTER USER say of it."""
        return self.plugin, self.digest, self.require_tls, self.max_connections, self.is_locked

    def definition(self) -> str:
        """Return the rest of CREATE USER and ALTER USER."""
        using = f" USING {quoted(self.digest)}" if self.digest else ""
        return (
            f"{self.sql} IDENTIFIED VIA {self.plugin}{using} REQUIRE {'SSL' if self.require_tls else 'NONE'} "
            f"WITH MAX_USER_CONNECTIONS {self.max_connections} ACCOUNT {'LOCK' if self.is_locked else 'UNLOCK'}"
        )


@dataclass(frozen=True)
class Present:
    """What there is. Databases have their character set and collation; accounts are keyed by name and host."""

    databases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    accounts: Mapping[tuple[str, str], Account] = field(default_factory=dict)
    own_table: bool = False


@dataclass(frozen=True)
class Step:
    """What is done, for people, and the statements that do it."""

    sentence: str
    statements: tuple[str, ...]


def wanted_accounts(declared: Mapping[str, Any]) -> list[Account]:
    """Return the accounts of a declaration (see the filter mysql_objects), the platform's own first."""
    own = {OWN_DATABASE: frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})}
    return [
        Account("monitor", digest=declared["monitor"], max_connections=10, rights=MONITOR_RIGHTS, on=own),
        Account("prometheus", "localhost", "unix_socket", max_connections=3, rights=MONITOR_RIGHTS),
        *(
            Account(
                user["name"],
                digest=user["digest"],
                require_tls=user["require_tls"],
                max_connections=user["max_connections"],
                on={pattern(name): RIGHTS[user["role"]] for name in user["databases"]},
            )
            for user in declared["users"]
        ),
    ]


def plan(declared: Mapping[str, Any], present: Present, formerly: Iterable[str] = ()) -> list[Step]:
    """Return the steps from what there is to what is declared. ``formerly`` are users that were declared once."""
    steps = [*_root(present), *_databases(declared["databases"], present)]
    if not present.own_table:
        steps.append(
            Step(
                "make the platform's own database",
                (
                    f"CREATE DATABASE IF NOT EXISTS {OWN_DATABASE}",
                    f"CREATE TABLE IF NOT EXISTS {OWN_DATABASE}.round_trip {OWN_TABLE}",
                ),
            )
        )
    for account in wanted_accounts(declared):
        steps += _account(account, present.accounts.get((account.name, account.host)))
    now = {user["name"] for user in declared["users"]} | set(declared["absent_users"])
    for name in declared["absent_users"]:
        if (name, ANYWHERE) in present.accounts:
            steps.append(Step(f"drop the user {name}", (f"DROP USER {Account(name).sql}",)))
    for name in sorted(set(formerly) - now):
        old = present.accounts.get((name, ANYWHERE))
        if old and not old.is_locked:
            steps.append(
                Step(f"lock the user {name}, who is not declared any more", (f"ALTER USER {old.sql} ACCOUNT LOCK",))
            )
    return steps


def _root(present: Present) -> list[Step]:
    """Root logs in by the socket alone, and from this machine alone."""
    steps = []
    for (name, host), account in sorted(present.accounts.items()):
        if name == "root" and host == "localhost" and account.digest:
            definition = "IDENTIFIED VIA mysql_native_password USING 'invalid' OR unix_socket"
            steps.append(Step("take away root's password", (f"ALTER USER {account.sql} {definition}",)))
        elif (name == "root" and host != "localhost") or not name:
            steps.append(Step(f"drop the account {name or 'without a name'} at {host}", (f"DROP USER {account.sql}",)))
    return steps


def _databases(declared: Iterable[Mapping[str, Any]], present: Present) -> list[Step]:
    steps = []
    for one in declared:
        name, found = one["name"], present.databases.get(one["name"])
        if not one["present"]:
            if found:
                steps.append(Step(f"drop the database {name}", (f"DROP DATABASE {identifier(name)}",)))
            continue
        words = {"CHARACTER SET": one["character_set"], "COLLATE": one["collation"]}
        options = "".join(f" {word} {value}" for word, value in words.items() if value)
        if not found:
            steps.append(Step(f"make the database {name}", (f"CREATE DATABASE {identifier(name)}{options}",)))
        elif (one["character_set"] and one["character_set"] != found[0]) or (
            one["collation"] and not found[1].endswith(one["collation"])
        ):
            steps.append(
                Step(f"set{options.lower()} for new tables of {name}", (f"ALTER DATABASE {identifier(name)}{options}",))
            )
    return steps


def _account(wanted: Account, found: Account | None) -> list[Step]:
    who = f"the user {wanted.name}"
    everything = [_grant(wanted, wanted.rights), *(_grant(wanted, wanted.on[name], name) for name in sorted(wanted.on))]
    if found is None:
        return [Step(f"make {who}", (f"CREATE USER {wanted.definition()}", *everything))]
    steps = []
    if wanted.login != found.login:
        what = "the password" if wanted.digest != found.digest else "the login"
        steps.append(Step(f"set {what} of {who}", (f"ALTER USER {wanted.definition()}",)))
    if wanted.rights != found.rights:
        # What databases need goes as well, and comes back with everything.
        revoke = f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {wanted.sql}"
        return [*steps, Step(f"set the rights of {who}", (revoke, *everything))]
    for name in sorted({*wanted.on, *found.on}):
        has, shall = found.on.get(name), wanted.on.get(name)
        if has != shall:
            taken = [f"REVOKE {', '.join(sorted(has))} ON {identifier(name)}.* FROM {wanted.sql}"] if has else []
            grant = [_grant(wanted, shall, name)] if shall else []
            steps.append(Step(f"set the rights of {who} on {name}", (*taken, *grant)))
    return steps


def _grant(account: Account, rights: frozenset[str], on: str = "") -> str:
    return f"GRANT {', '.join(sorted(rights)) or 'USAGE'} ON {identifier(on) if on else '*'}.* TO {account.sql}"


def fits(on: str, database: str) -> bool:
    """Tell whether rights that name databases so are for one of this name."""
    parts = re.findall(r"\\.|.", on, re.DOTALL)
    wild = {"_": ".", "%": ".*"}
    return re.fullmatch("".join(wild.get(one) or re.escape(one[-1]) for one in parts), database, re.DOTALL) is not None


def pattern(database: str) -> str:
    """Return a database as rights name it: '_' and '%' are wildcards there."""
    return database.replace("_", "\\_").replace("%", "\\%")


_READ = (
    "SELECT JSON_OBJECT('kind', 'database', 'name', schema_name, 'character_set', default_character_set_name,"
    " 'collation', default_collation_name) FROM information_schema.schemata",
    "SELECT JSON_OBJECT('kind', 'account', 'name', user, 'host', host, 'how', JSON_COMPACT(priv))"
    " FROM mysql.global_priv",
    "SELECT JSON_OBJECT('kind', 'right', 'who', grantee, 'right', privilege_type, 'grant', is_grantable)"
    " FROM information_schema.user_privileges WHERE privilege_type <> 'USAGE'",
    "SELECT JSON_OBJECT('kind', 'right', 'who', grantee, 'on', table_schema, 'right', privilege_type,"
    " 'grant', is_grantable) FROM information_schema.schema_privileges",
    f"SELECT JSON_OBJECT('kind', 'own_table') FROM information_schema.tables"
    f" WHERE table_schema = '{OWN_DATABASE}' AND table_name = 'round_trip'",
)


def read(client: Client) -> Present:
    """Ask the server what there is. Raises MariaDbError."""
    return parse(client.objects(*_READ))


def parse(rows: Iterable[Mapping[str, Any]]) -> Present:
    """Return what the rows of the questions say."""
    databases: dict[str, tuple[str, str]] = {}
    logins: dict[tuple[str, str], Mapping[str, Any]] = {}
    rights: dict[tuple[str, str | None], set[str]] = {}
    own_table = False
    for row in rows:
        if row["kind"] == "database":
            databases[row["name"]] = (row["character_set"], row["collation"])
        elif row["kind"] == "account":
            how = row["how"]
            if isinstance(how, str):
                raise MariaDbError("the rights of an account are not JSON")
            if not how.get("is_role"):
                logins[(row["name"], row["host"])] = how
        elif row["kind"] == "own_table":
            own_table = True
        else:
            found = rights.setdefault((row["who"], row.get("on")), set())
            found.add(row["right"])
            if row["grant"] == "YES":
                found.add("GRANT OPTION")
    accounts = {key: _parsed_account(*key, how, rights) for key, how in logins.items()}
    return Present(databases, accounts, own_table)


def _parsed_account(
    name: str, host: str, how: Mapping[str, Any], rights: Mapping[tuple[str, str | None], set[str]]
) -> Account:
    digest = str(how.get("authentication_string", ""))
    who = f"'{name}'@'{host}'"
    return Account(
        name,
        host,
        # An account with several ways in is none of ours.
        str(how.get("plugin", "")) if "auth_or" not in how else "several",
        "" if digest == "invalid" else digest,
        int(how.get("ssl_type", 0)) > 0,
        int(how.get("max_user_connections", 0)),
        bool(how.get("account_locked", False)),
        frozenset(rights.get((who, None), ())),
        {on: frozenset(found) for (grantee, on), found in rights.items() if grantee == who and on is not None},
    )
