# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores: into a scratch cluster to prove a dump, or into the running server, never over data that is there."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ringmaster.core.component import Wish
from ringmaster.core.report import Failure, counted
from ringmaster.postgresql import dumps, extensions, filling, keeper, objects, roles, scratch, sql
from ringmaster.postgresql.sql import Places

NO_SUPERUSERS = "SELECT coalesce(json_agg(rolname), '[]') FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_'"
PROVIDERS = {"libc": "", "icu": "ICU_LOCALE", "builtin": "BUILTIN_LOCALE"}
CREATE = re.compile(
    r'CREATE DATABASE (?:"(?:[^"]|"")+"|[a-z0-9_]+) WITH TEMPLATE = template0'
    r"(?P<options>(?: [A-Z_]+ = (?:'(?:[^'\\]|'')*'|[a-z0-9_-]+))*);"
)
OPTION = re.compile(r" ([A-Z_]+) = '((?:[^'\\]|'')*)'")


def prove(places: Places, folder: Path) -> str:
    """Restore all of a dump into a scratch cluster and compare; return a sentence. Raises Failure when it is bad."""
    content = dumps.manifest(folder)
    # A dump of before an upgrade outlives the programs of its version.
    dumped = replace(places, version=int(content["version"]))
    with scratch.empty(dumped if dumped.programs.exists() else places) as server:
        _roles(server, content, folder)
        for database, wanted in content["databases"].items():
            # The scratch cluster has a database postgres of its own.
            target = database if database != "postgres" else "ringmaster_postgres"
            create(server, folder, database, target, wanted)
            differences = list(_differences(wanted, dumps.counts(server, target)))
            if differences:
                raise Failure(f"The database {database} did not come back as it was: {'; '.join(differences[:5])}.")
        _examine(server)
    tables = sum(len(one["tables"]) for one in content["databases"].values())
    rows = sum(sum(one["tables"].values()) for one in content["databases"].values())
    hours = (time.time() - content["made_at"]) / 3600
    number = len(content["databases"])
    back = f"{counted(number, 'database')} with {counted(tables, 'table')} and {counted(rows, 'row')} came back"
    return f"{back}, all counted; the dump is {hours:.1f} h old."


def restore(places: Places, folder: Path, wish: Wish) -> str:
    """Bring databases back into the running server; return a sentence. Raises Failure."""
    content = dumps.manifest(folder)
    names = [wish.object] if wish.object else [name for name in content["databases"] if name != "postgres"]
    for database in names:
        if database not in content["databases"]:
            raise Failure(f"the dump has no database {database}; it has {', '.join(content['databases'])}")
    targets = {database: wish.name or database for database in names}
    state = sql.ask_or_fail(places, objects.STATE)
    taken = [target for target in targets.values() if target in state["databases"]]
    if "postgres" in taken:
        raise Failure("the database postgres holds nothing of yours; restore others by name")
    filled = [target for target in taken if any(dumps.counts(places, target)["tables"].values())]
    if filled and not wish.replace:
        raise Failure(
            f"there is data in {', '.join(filled)}; restore under another name (--object, --as), or say --replace"
        )
    # Whole servers come back on a new machine: its declared roles are there, those made by hand are not.
    if not wish.object:
        _roles(places, content, folder)
    left_out = []
    for database, target in targets.items():
        if target in taken:
            _sql(places, f"DROP DATABASE {sql.name(target)} WITH (FORCE);")
        left_out += create(places, folder, database, target, content["databases"][database])
        differences = list(_differences(content["databases"][database], dumps.counts(places, target)))
        if differences:
            raise Failure(f"{target} did not come back as it was: {'; '.join(differences[:5])}")
    told = ", ".join(name if name == target else f"{name} as {target}" for name, target in targets.items())
    aside = f" Left out: {'; '.join(left_out[:5])}." if left_out else ""
    return f"Restored {told}; all rows counted.{aside}"


def create(places: Places, folder: Path, database: str, target: str, wanted: Mapping[str, Any]) -> list[str]:
    """Make a database as it was when it was dumped and fill it; return what of it could not come back.

    Until it has its extensions it is the superuser's; what the dump holds is run by an account of the owner's.
    """
    made = wanted.get("made") or _made(places, folder, database)
    known = set(sql.ask_or_fail(places, NO_SUPERUSERS))
    # Never a superuser: what a function of theirs may do, the function may.
    owner = next((one for one in (f"{database}_owner", made["owner"]) if one in known), f"{target}_owner")
    if owner not in known:
        _sql(places, f"CREATE ROLE {sql.name(owner)} NOLOGIN {keeper.POWERS};")
    _sql(places, f"{_create(target, made)};\nREVOKE ALL ON DATABASE {sql.name(target)} FROM PUBLIC;")
    dumped = filling.Dump(folder / f"{database}.dump", filling.listing(places, folder / f"{database}.dump"))
    schemas, left_out = _extensions(
        places, target, wanted["extensions"] if "made" in wanted else _named(dumped.entries)
    )
    for schema in schemas:
        _sql(places, f"ALTER SCHEMA {sql.name(schema)} OWNER TO {sql.name(owner)};", target)
    _sql(places, f"ALTER DATABASE {sql.name(target)} OWNER TO {sql.name(owner)};")
    with keeper.login(places, owner) as login:
        left_out += filling.fill(places, dumped, target, login, schemas)
    for line in roles.settings(f"ALTER DATABASE {sql.name(target)}", made["settings"]):
        try:
            sql.run(places, line)
        except sql.SqlError as error:
            left_out.append(f"a setting of {target} ({error})")
    return left_out


def _create(target: str, made: Mapping[str, Any]) -> str:
    """Return CREATE DATABASE with what sorts and encodes text as it did; every value is quoted here."""
    words = [f"CREATE DATABASE {sql.name(target)} WITH TEMPLATE template0"]
    values = {"ENCODING": made["encoding"], "LC_COLLATE": made["collate"], "LC_CTYPE": made["ctype"]}
    provider = made["provider"]
    if provider not in PROVIDERS:
        raise Failure(f"the dump has text sorted by {provider!r}, which this version does not know")
    values |= {PROVIDERS[provider]: made["locale"]} if PROVIDERS[provider] and made["locale"] else {}
    values |= {"ICU_RULES": made["rules"]} if made.get("rules") else {}
    words += [f"{word} {sql.literal(str(value))}" for word, value in values.items()]
    return f"{' '.join(words)} LOCALE_PROVIDER {provider} CONNECTION LIMIT {int(made.get('limit', -1))}"


def _made(places: Places, folder: Path, database: str) -> dict[str, Any]:
    """Return how a database was made, of a dump that has it as text only: taken apart, and quoted again later."""
    words = [str(places.programs / "pg_restore"), "--create", "--schema-only", "--section=pre-data", "--file=-"]
    listing = filling.as_root(places, [*words, str(folder / f"{database}.dump")])
    line = next((line for line in listing.stdout.splitlines() if line.startswith("CREATE DATABASE ")), "")
    found = CREATE.fullmatch(line)
    if not found:
        raise Failure(f"the dump of {database} cannot be read: {listing.stderr.strip()[-300:]}")
    values = {word: value.replace("''", "'") for word, value in OPTION.findall(found["options"])}
    both = values.get("LOCALE", "")
    return {
        "owner": "",
        "encoding": values.get("ENCODING", "UTF8"),
        "provider": (re.search(r"LOCALE_PROVIDER = (\w+)", found["options"]) or ["", "libc"])[1],
        "collate": values.get("LC_COLLATE", both),
        "ctype": values.get("LC_CTYPE", both),
        "locale": values.get("ICU_LOCALE") or values.get("BUILTIN_LOCALE") or both,
        "rules": values.get("ICU_RULES", ""),
        "settings": [],
    }


def _named(entries: Iterable[str]) -> dict[str, str]:
    """Return the extensions of a dump that has them in its table of contents only."""
    rest = (filling.ENTRY.sub("", line).split() for line in entries)
    found = [words[2] for words in rest if words[:2] == ["EXTENSION", "-"] and len(words) > 2]
    return {extension: extensions.SCHEMA for extension in found if extension != "plpgsql"}


def _extensions(places: Places, target: str, wanted: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Make those that may be made; return the schemas that they needed, and what was left out."""
    available = sql.ask_or_fail(places, extensions.AVAILABLE, target)
    schemas: list[str] = []
    left_out: list[str] = []
    for extension, schema in wanted.items():
        if extension not in available:
            raise Failure(f"the dump has the extension {extension}, which is not installed on this machine")
        if not (extension in extensions.ALLOWED or available[extension]["trusted"]):
            left_out.append(f"the extension {extension}, which only an administrator may make")
            continue
        installed = sql.ask_or_fail(places, extensions.INSTALLED, target)
        if schema not in (extensions.SCHEMA, "pg_catalog", *schemas):
            _sql(places, f"CREATE SCHEMA {sql.name(schema)};", target)
            schemas.append(schema)
        _sql(places, extensions.make(extension, schema, available, installed), target)
    return schemas, left_out


def _roles(places: Places, content: Mapping[str, Any], folder: Path) -> None:
    """Make the roles of a dump that are missing."""
    present = sql.ask_or_fail(places, objects.STATE)["roles"]
    script = roles.missing(content, folder, present)
    if script:
        _sql(places, script)


def _differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    # In dumps of before they were recorded, what extensions brought was counted, too.
    for kind in ("tables", "objects") if "made" in wanted else ("tables",):
        for name in sorted({*wanted[kind], *found[kind]}):
            before, now = wanted[kind].get(name), found[kind].get(name)
            if before != now:
                word = "rows in " if kind == "tables" else ""
                yield f"{word}{name}: {before if before is not None else 'none'} were dumped, {now or 0} came back"


def _examine(places: Places) -> None:
    """Let PostgreSQL look through every table and index of the scratch cluster."""
    words = [str(places.programs / "pg_amcheck"), "--all", "--install-missing", *sql.connection(places)]
    done = sql.as_postgres(places, words)
    if done.returncode:
        raise Failure(f"pg_amcheck found what should not be: {(done.stdout or done.stderr).strip()[:500]}")


def _sql(places: Places, script: str, database: str = "postgres") -> None:
    try:
        sql.run(places, script, database)
    except sql.SqlError as error:
        raise Failure(f"PostgreSQL refuses a step of the restore: {error}") from error
