# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views, routines, triggers and events: read from a server, and made again in the name of whom they belong to.

Each acts with the rights of its definer, so that whoever chooses the definer chooses the rights. A server says what it
has, piece by piece; text of a dump is never asked. Root makes them again, one statement each, whose beginning is
written here. To make one runs nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ringmaster.core.report import Failure
from ringmaster.mysql.client import Client, MariaDbError, identifier, quoted
from ringmaster.mysql.objects import Account, fits

Definer = tuple[str, str]
"""The name and the host of an account; a role has no host."""

VIEW, TRIGGER, EVENT = "VIEW", "TRIGGER", "EVENT"
ROUTINES = ("FUNCTION", "PROCEDURE", "PACKAGE", "PACKAGE BODY")
# The right that lets an account make one.
RIGHT = {VIEW: "CREATE VIEW", TRIGGER: "TRIGGER", EVENT: "EVENT", **dict.fromkeys(ROUTINES, "CREATE ROUTINE")}
# What a manifest counts them as.
GROUP = {VIEW: "views", TRIGGER: "triggers", EVENT: "events", **dict.fromkeys(ROUTINES, "routines")}
WORD = re.compile(r"[A-Za-z0-9_]+")
SETTINGS = ("sql_mode", "time_zone", "character_set_client", "collation_connection")
HEAD = re.compile(r"CREATE (?:ALGORITHM=(?P<algorithm>[A-Z]+) )?")
# What may follow the definer, before the name.
BETWEEN = re.compile(r"(?:SQL SECURITY (?:DEFINER|INVOKER) )?(?:AGGREGATE )?")


@dataclass(frozen=True)
class Program:
    """One of them: ``text`` is what comes after the definer, ``settings`` are of the session that made it."""

    kind: str
    name: str
    definer: Definer
    text: str
    algorithm: str = ""
    collation: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Return what it is, for people."""
        return f"the {self.kind.lower()} {self.name}"

    def statement(self, definer: Definer) -> str:
        """Return the statement that makes it. Raises Failure if it would be another one."""
        rest = BETWEEN.sub("", self.text, count=1)
        heads = [f"{self.kind} {name}" for name in _both(self.name)]
        if self.kind not in RIGHT or not any(rest.startswith(head) and rest[len(head)] in " (\n" for head in heads):
            raise Failure(f"the dump has something else for {self.shown}")
        algorithm = f"ALGORITHM={self.algorithm} " if re.fullmatch("[A-Z]+", self.algorithm) else ""
        return f"CREATE {algorithm}DEFINER={sql(definer)} {self.text}"


def sql(definer: Definer) -> str:
    """Return a definer as SQL reads it."""
    name, host = definer
    return f"{identifier(name)}@{identifier(host)}" if host else identifier(name)


def read(client: Client, database: str) -> list[Program]:
    """Return all of a database, in an order in which they can be made. Raises MariaDbError."""
    schema = quoted(database)
    views = client.run(
        [f"SELECT 'VIEW', table_name, definer FROM information_schema.views WHERE table_schema = {schema} ORDER BY 2"]
    )
    routines = client.run(
        [
            "SELECT routine_type, routine_name, definer FROM information_schema.routines"
            f" WHERE routine_schema = {schema} ORDER BY 1, 2"
        ]
    )
    events = client.run(
        [f"SELECT 'EVENT', event_name, definer FROM information_schema.events WHERE event_schema = {schema} ORDER BY 2"]
    )
    listed = [*routines, *views, *events]
    # It names what lies in the database itself without the database, so that it can be made under another name.
    shown = client.run([f"SHOW CREATE {kind} {identifier(name)}" for kind, name, _definer in listed], database)
    found = [_shown(kind, one, definer, row[1:]) for (kind, one, definer), row in zip(listed, shown, strict=True)]
    first = len(routines) + len(views)
    return [*found[:first], *_triggers(client, schema), *found[first:]]


def _shown(kind: str, name: str, definer: str, row: list[str]) -> Program:
    """Return what a row of SHOW CREATE says."""
    columns = {
        VIEW: ("text", "character_set_client", "collation_connection"),
        EVENT: ("sql_mode", "time_zone", "text", "character_set_client", "collation_connection", "collation"),
    }.get(kind, ("sql_mode", "text", "character_set_client", "collation_connection", "collation"))
    found = dict(zip(columns, row, strict=True))
    who = _definer(definer)
    head = HEAD.match(found["text"])
    rest = found["text"][head.end() :] if head else ""
    for one in _both(who[0], who[1]) if who[1] else _both(who[0]):
        if head and rest.startswith(f"DEFINER={one} "):
            text = rest[len(f"DEFINER={one} ") :]
            settings = {setting: found[setting] for setting in SETTINGS if setting in found}
            return Program(kind, name, who, text, head["algorithm"] or "", found.get("collation", ""), settings)
    raise MariaDbError(f"it is not known who made the {kind.lower()} {name}")


def _triggers(client: Client, schema: str) -> list[Program]:
    columns = ["trigger_name", "definer", "action_timing", "event_manipulation", "event_object_table"]
    columns += ["action_statement", "database_collation", "sql_mode", "character_set_client", "collation_connection"]
    rows = client.run(
        [
            f"SELECT {', '.join(columns)} FROM information_schema.triggers WHERE trigger_schema = {schema}"
            " ORDER BY event_object_table, action_timing, event_manipulation, action_order"
        ]
    )
    found = []
    for name, definer, timing, event, table, body, collation, mode, character_set, connection in rows:
        settings = {"sql_mode": mode, "character_set_client": character_set, "collation_connection": connection}
        text = f"TRIGGER {identifier(name)} {timing} {event} ON {identifier(table)} FOR EACH ROW {body}"
        found.append(Program(TRIGGER, name, _definer(definer), text, "", collation, settings))
    return found


def _definer(text: str) -> Definer:
    name, _at, host = text.rpartition("@") if "@" in text else (text, "", "")
    return name, host


def _both(*names: str) -> list[str]:
    """Return names as a server writes them: in its own quotes, or in those of the standard."""
    doubled = ['"' + name.replace('"', '""') + '"' for name in names]
    return ["@".join(identifier(name) for name in names), "@".join(doubled)]


def record(found: Iterable[Program]) -> list[dict[str, Any]]:
    """Return programs for a manifest."""
    return [{**asdict(one), "definer": list(one.definer)} for one in found]


def recorded(rows: Iterable[Mapping[str, Any]]) -> list[Program]:
    """Return the programs of a manifest."""
    return [Program(**{**row, "definer": (str(row["definer"][0]), str(row["definer"][1]))}) for row in rows]


def judge(accounts: Iterable[Account], dumped: str, target: str) -> Callable[[Program], Definer | None]:
    """Return what says in whose name a program comes back: its definer's, if that is an account of the database's own.

    That is one which has the right to make it there, and no rights over the server. What was another's gets the first
    of those that may; None where nobody may.
    """
    known = [one for one in accounts if not one.rights and one.name]

    def definer(program: Program) -> Definer | None:
        right = RIGHT.get(program.kind, "")
        may = {(one.name, one.host) for one in known if _has(one, dumped, right)}
        if program.definer in may:
            return program.definer
        heirs = may or {(one.name, one.host) for one in known if _has(one, target, right)}
        return min(heirs, default=None)

    return definer


def _has(account: Account, database: str, right: str) -> bool:
    return any(right in rights and fits(on, database) for on, rights in account.on.items())


@dataclass
class Made:
    """What of the programs of a database did not come back as it was: sentences, and those that are left out."""

    said: list[str] = field(default_factory=list)
    left_out: list[Program] = field(default_factory=list)


def make(
    client: Client, database: str, wanted: Iterable[Program], definer_of: Callable[[Program], Definer | None]
) -> Made:
    """Put programs in the place of all that a database has. Raises MariaDbError."""
    _drop(client, database)
    own = client.one(
        f"SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = {quoted(database)}"
    )
    made = Made()
    waiting: list[tuple[Program, Definer]] = []
    for program in wanted:
        definer = definer_of(program)
        if definer is None:
            made.said.append(f"{program.shown} is left out: {database} has no owner in whose name it could act")
            made.left_out.append(program)
            continue
        if definer != program.definer:
            made.said.append(f"{program.shown} acts as {'@'.join(definer)}, and not as {'@'.join(program.definer)}")
        waiting.append((program, definer))
    # A view may need another one: go round until nothing more can be made.
    while waiting:
        failed: list[tuple[Program, Definer]] = []
        errors = []
        for program, definer in waiting:
            try:
                _make(client, database, program, definer, own)
            except MariaDbError as error:
                failed.append((program, definer))
                errors.append(f"{program.shown} is left out: {str(error).partition(' near ')[0][:200]}")
        if len(failed) == len(waiting):
            made.said += errors
            made.left_out += [program for program, _definer in failed]
            break
        waiting = failed
    return made


def _make(client: Client, database: str, program: Program, definer: Definer, own: str) -> None:
    if set(program.settings) - {*SETTINGS}:
        raise Failure(f"the dump has settings for {program.shown} that are none")
    other = program.collation if WORD.fullmatch(program.collation) and program.collation != own else ""
    settings = [f"SET SESSION {name} = {quoted(value)}" for name, value in program.settings.items()]
    text = program.statement(definer).encode().hex()
    # A prepared statement is one statement.
    statements = [*settings, f"EXECUTE IMMEDIATE CONVERT(X'{text}' USING utf8mb4)"]
    if not other:
        client.run(statements, database)
        return
    # Texts without a character set have the one that the database has when the program is made.
    try:
        client.run([f"ALTER DATABASE {identifier(database)} COLLATE {other}", *statements], database)
    finally:
        client.run([f"ALTER DATABASE {identifier(database)} COLLATE {own}"])


def _drop(client: Client, database: str) -> None:
    """Take away what the statements of a dump have made."""
    schema = quoted(database)
    rows = client.run(
        [
            f"SELECT 'VIEW', table_name FROM information_schema.views WHERE table_schema = {schema}",
            f"SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = {schema}",
            f"SELECT 'TRIGGER', trigger_name FROM information_schema.triggers WHERE trigger_schema = {schema}",
            f"SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = {schema}",
        ]
    )
    client.run([f"DROP {kind} IF EXISTS {identifier(database)}.{identifier(name)}" for kind, name in rows])
