# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores: into a scratch server to prove a dump, or into the running one, never over data that is there."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ringmaster.core.component import Wish
from ringmaster.core.report import Failure, counted
from ringmaster.mysql import accounts, dumps, filling, objects, programs, scratch
from ringmaster.mysql.client import Client, Login, MariaDbError, identifier, quoted

# What was there before a restore that replaces it.
REPLACED = Path("/var/backups/ringmaster/mysql.replaced")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

Databases = Mapping[str, Mapping[str, Any]]
"""What a manifest says of each database."""


def prove(folder: Path) -> str:
    """Restore all of a dump into a scratch server and compare; return a sentence. Raises Failure when it is bad."""
    content = dumps.manifest(folder)
    databases: dict[str, dict[str, Any]] = content["databases"]
    _whole(folder, databases)
    with scratch.server(sum(one["bytes"] for one in databases.values())) as keeper:
        client = keeper.client()
        try:
            # Rights on tables and routines come last, when those are there.
            refused = accounts.make(client, accounts.missing(folder / dumps.USERS, accounts.present(client)))
            known = _known(databases, databases) or _asked(keeper, folder, databases, databases)
            for name, wanted in databases.items():
                filling.create(client, name, wanted)
                filling.fill(client, keeper.socket, folder / f"{name}.sql.zst", name)
            for name in databases:
                made = programs.make(client, name, known[name], lambda program: program.definer)
                if made.said:
                    raise Failure(f"The database {name} did not come back as it was: {'; '.join(made.said[:5])}.")
            refused = accounts.make(client, refused)
            if refused:
                raise Failure(f"The accounts did not come back: {'; '.join(accounts.told(refused)[:5])}.")
            for name, wanted in databases.items():
                _compare(client, name, wanted)
                _examine(client, name, wanted["tables"])
        except MariaDbError as error:
            raise Failure(f"The dump did not come back: {error}.") from error
    tables = sum(len(one["tables"]) for one in databases.values())
    rows = sum(sum(one["tables"].values()) for one in databases.values())
    hours = (time.time() - content["made_at"]) / 3600
    back = f"{counted(len(databases), 'database')} with {counted(tables, 'table')} and {counted(rows, 'row')} came back"
    return f"{back}, all counted and checked; the dump is {hours:.1f} h old."


def restore(folder: Path, wish: Wish, server: Login | None = None) -> str:
    """Bring databases back into the running server; return a sentence. Raises Failure."""
    databases: dict[str, dict[str, Any]] = dumps.manifest(folder)["databases"]
    names = [wish.object] if wish.object else list(databases)
    for name in names:
        if name not in databases:
            raise Failure(f"the dump has no database {name}; it has {', '.join(databases)}")
    _whole(folder, names)
    targets = {name: wish.name or name for name in names}
    login = server or Login()
    client = login.client()
    refused: dict[str, str] = {}
    said = []
    try:
        present = objects.read(client).databases
        _refuse(client, targets.values(), present, wish)
        known = _known(databases, names)
        if known is None:
            with scratch.server(0) as keeper:
                known = _asked(keeper, folder, databases, names)
        # A whole server comes back on a new machine: its declared users are there, those made by hand are not.
        if not wish.object:
            refused = accounts.make(client, accounts.missing(folder / dumps.USERS, accounts.present(client)))
        for name, target in targets.items():
            if target in present:
                _put_aside(target, login.socket)
                client.run([f"DROP DATABASE {identifier(target)}"])
            filling.create(client, target, databases[name])
            filling.fill(client, login.socket, folder / f"{name}.sql.zst", target)
        # Views may select from other databases.
        for name, target in targets.items():
            made = programs.make(client, target, known[name], _owners(client, name, target, known[name]))
            _compare(client, target, databases[name], made.left_out)
            said += made.said
        # Rights on tables and routines, which are there now.
        said += accounts.told(accounts.make(client, refused))
    except MariaDbError as error:
        raise Failure(f"MariaDB: {error}") from error
    told = ", ".join(name if name == target else f"{name} as {target}" for name, target in targets.items())
    aside = f" What was there lies in {REPLACED}." if any(target in present for target in targets.values()) else ""
    others = f" Otherwise than it was: {'; '.join(said[:20])}." if said else ""
    return f"Restored {told}; all rows counted.{aside}{others}"


def _owners(
    client: Client, name: str, target: str, wanted: Iterable[programs.Program]
) -> Callable[[programs.Program], programs.Definer | None]:
    """Return what says in whose name programs come back; a database without an owner gets one that cannot log in."""
    accounts_there = objects.read(client).accounts
    judge = programs.judge(accounts_there.values(), name, target)
    owner = f"{target}_owner"
    if (owner, "localhost") in accounts_there or all(judge(one) is not None for one in wanted):
        return judge
    who = f"{quoted(owner)}@'localhost'"
    login = "IDENTIFIED VIA mysql_native_password USING 'invalid'"
    grant = f"GRANT ALL PRIVILEGES ON {identifier(objects.pattern(target))}.* TO {who}"
    client.run([f"CREATE USER {who} {login} ACCOUNT LOCK", grant])
    return programs.judge(objects.read(client).accounts.values(), name, target)


def _known(databases: Databases, names: Iterable[str]) -> dict[str, list[programs.Program]] | None:
    """Return the programs of databases as the record has them; None if a dump is older than such records."""
    found = {}
    for name in names:
        if "programs" not in databases[name] and any(databases[name][kind] for kind in dumps.OTHER_OBJECTS):
            return None
        found[name] = programs.recorded(databases[name].get("programs", ()))
    return found


def _asked(
    keeper: Login, folder: Path, databases: Databases, names: Iterable[str]
) -> dict[str, list[programs.Program]]:
    """Return the programs of databases as a scratch server understands their statements."""
    client = keeper.client()
    # A view of a view needs whoever made that.
    if (folder / dumps.USERS).exists():
        accounts.make(client, accounts.missing(folder / dumps.USERS, accounts.present(client)))
    paths = {name: path for name in databases if (path := folder / f"{name}.sql.zst").exists()}
    # Twice, since a view may select from a database that comes later.
    for name, path in [*paths.items()] * (2 if len(paths) > 1 else 1):
        filling.create(client, name, databases[name])
        filling.fill_without_rows(client, keeper.socket, path, name, tuple(paths))
    return {name: programs.read(client, name) for name in names}


def _whole(folder: Path, names: Iterable[str]) -> None:
    """Raise Failure unless all files are there and their checksums are right: before anything is begun."""
    paths = [str(folder / f"{name}.sql.zst") for name in names]
    words = ["zstd", "--test", "--quiet", *paths]
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if paths and done.returncode:
        raise Failure(f"The dump is damaged: {'; '.join(done.stderr.strip().removeprefix('zstd: ').splitlines())}.")


def _refuse(client: Client, targets: Iterable[str], present: Mapping[str, Any], wish: Wish) -> None:
    """Raise Failure before anything is changed, if a name cannot be or data would be lost."""
    for target in targets:
        if not NAME.fullmatch(target) or target in dumps.NOT_DUMPED:
            raise Failure(f"'{target}' cannot be the name of a database that is restored")
        if target in present and not wish.replace and dumps.inventory(client, target)["tables"]:
            raise Failure(f"there is data in {target}; restore under another name (--object, --as), or say --replace")


def _put_aside(name: str, socket: str) -> None:
    """Keep a dump of what a restore replaces: the newest for each database."""
    REPLACED.mkdir(mode=0o700, parents=True, exist_ok=True)
    dumps.dump_one(name, REPLACED / f"{name}.sql.zst", socket)


def _compare(client: Client, name: str, wanted: Mapping[str, Any], left_out: Collection[programs.Program] = ()) -> None:
    """Raise Failure unless a database holds what the record says, but for what was left out."""
    found = dumps.inventory(client, name)
    less = Counter(programs.GROUP[one.kind] for one in left_out)
    differences = [
        f"{kind}: {wanted[kind]} were dumped, {found[kind]} are there"
        for kind in dumps.OTHER_OBJECTS
        if wanted[kind] != found[kind] + less[kind]
    ]
    for table in sorted({*wanted["tables"], *found["tables"]}):
        if table not in found["tables"]:
            differences.append(f"the table {table} is missing")
            continue
        rows = int(client.one(f"SELECT COUNT(*) FROM {identifier(name)}.{identifier(table)}"))
        if wanted["tables"].get(table) != rows:
            differences.append(f"{table} has {counted(rows, 'row')}, dumped were {wanted['tables'].get(table, 'none')}")
    if differences:
        raise Failure(f"The database {name} did not come back as it was: {'; '.join(differences[:5])}.")


def _examine(client: Client, name: str, tables: Iterable[str]) -> None:
    """Let the server look at every page of every table."""
    for table in tables:
        for _table, _verb, kind, said in client.run([f"CHECK TABLE {identifier(name)}.{identifier(table)} EXTENDED"]):
            if kind == "error" or (kind == "status" and said != "OK"):
                raise Failure(f"The table {name}.{table} came back damaged: {said}.")
