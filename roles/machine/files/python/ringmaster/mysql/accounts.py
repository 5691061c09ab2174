# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of a dump: those that are missing are made again, without any power over the server.

A dump has them as text of mariadb-dump. A line of it is run only if all of it is understood: an account or a role with
its login, a right on a database of the server's users, a role for somebody.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from ringmaster.mysql import dumps, keeper, objects
from ringmaster.mysql.client import Client, MariaDbError

NAME = r"`(?:[^`\n]|``)*`"
WHO = rf"{NAME}@{NAME}"
TEXT = r"'[^'\\\n]*'"
LOGIN = rf"IDENTIFIED (?:BY PASSWORD {TEXT}|VIA \w+(?: USING {TEXT})?(?: OR \w+(?: USING {TEXT})?)*)"
LIMITS = r"(?:MAX_[A-Z_]+ \d+ ?|MAX_STATEMENT_TIME [\d.]+ ?)+"
REST = rf"(?: REQUIRE (?:NONE|SSL|X509))?(?: WITH {LIMITS})?(?: ACCOUNT LOCK)?(?: PASSWORD EXPIRE(?: NEVER)?)?"
USER = re.compile(rf"CREATE USER (?:IF NOT EXISTS )?(?P<who>{WHO})(?P<rest>(?: {LOGIN})?{REST});")
ROLE = re.compile(r"/\*M!100005 CREATE ROLE IF NOT EXISTS '(?P<role>[^'\\\n`]+)' WITH ADMIN [^;]*;")
COLUMNS = rf"(?: \({NAME}(?:, {NAME})*\))?"
GRANT = re.compile(
    rf"GRANT (?P<rights>[A-Z ]+{COLUMNS}(?:, [A-Z ]+{COLUMNS})*)"
    rf" ON (?P<kind>(?:(?:FUNCTION|PROCEDURE|PACKAGE|PACKAGE BODY) )?)(?P<on>{NAME})\.(?P<what>\*|{NAME})"
    rf" TO (?P<who>{WHO}|{NAME})(?P<rest>(?: WITH GRANT OPTION)?);"
)
MEMBER = re.compile(rf"GRANT (?P<role>{NAME}) TO (?P<who>{WHO}|{NAME})(?: WITH ADMIN OPTION)?;")
DEFAULT = re.compile(
    r"/\*M!100005 SET DEFAULT ROLE '(?P<role>[^'\\\n`]+)' FOR '(?P<name>[^'\\\n`]*)'@'(?P<host>[^'\\\n`]*)' \*/;"
)
OWN = re.compile(rf"root|mysql|mariadb\.sys|PUBLIC|public|{keeper.PREFIX}.*|")


def missing(path: Path, there: Collection[str]) -> list[str]:
    """Return the statements that make the accounts of a dump that are not ``there`` (as `` `name`@`host` ``).

    Those that are there stay as they are: their rights may have been taken away on purpose.
    """
    lines = path.read_text(errors="replace").split("\n")
    made: list[str] = []
    statements: list[str] = []
    for line in lines:
        user, role = USER.fullmatch(line), ROLE.fullmatch(line)
        who = user["who"] if user else _quoted(role["role"]) if role else ""
        if not who or who in there or OWN.fullmatch(_first(who)):
            continue
        made.append(who)
        statements.append(f"CREATE USER {who}{user['rest']}" if user else f"CREATE ROLE {who}")
    return [*statements, *_rights(lines, {*made})]


def _rights(lines: Iterable[str], made: Collection[str]) -> Iterable[str]:
    for line in lines:
        if (grant := GRANT.fullmatch(line)) and grant["who"] in made:
            on = _first(grant["on"])
            if not any(objects.fits(on, own) for own in dumps.NOT_DUMPED):
                yield line.removesuffix(";")
        elif (member := MEMBER.fullmatch(line)) and {member["role"], member["who"]} <= {*made}:
            yield line.removesuffix(";")
        elif default := DEFAULT.fullmatch(line):
            role, who = _quoted(default["role"]), f"{_quoted(default['name'])}@{_quoted(default['host'])}"
            if {role, who} <= {*made}:
                yield f"SET DEFAULT ROLE {role} FOR {who}"


def _quoted(name: str) -> str:
    return f"`{name}`"


def _first(who: str) -> str:
    """Return the name of `` `name`@`host` ``, as it is."""
    found = re.match(NAME, who)
    return found[0][1:-1].replace("``", "`") if found else ""


def present(client: Client) -> set[str]:
    """Return the accounts and roles that a server has, as `missing` names them."""
    roles = client.run(["SELECT user FROM mysql.global_priv WHERE JSON_VALUE(priv, '$.is_role') IS NOT NULL"])
    return {f"`{name}`@`{host}`" for name, host in objects.read(client).accounts} | {f"`{row[0]}`" for row in roles}


def make(client: Client, statements: Iterable[str]) -> dict[str, str]:
    """Run statements; return those that MariaDB would not have, and why."""
    refused = {}
    for statement in statements:
        try:
            client.run([statement])
        except MariaDbError as error:
            refused[statement] = str(error).partition(" near ")[0][:200]
    return refused


def told(refused: Mapping[str, str]) -> list[str]:
    """Return a sentence for each: only the beginning of a statement, since there are passwords behind it."""
    return [f"{' '.join(one.split()[:3])} … is left out: {why}" for one, why in refused.items()]
