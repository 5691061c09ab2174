# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores: into a scratch cluster to prove a dump, or into the running server, never over data that is there."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ringmaster.core.component import Wish
from ringmaster.core.report import Failure, counted
from ringmaster.postgresql import cluster, dumps, objects, sql
from ringmaster.postgresql.sql import Places

# On the disk of the data, which has room for it or would not for a restore either.
SCRATCH = Path("/var/lib/postgresql")
PATIENCE = 60.0
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_senders": "0",
    "max_connections": "20",
    "shared_buffers": "32MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
}


def prove(places: Places, folder: Path) -> str:
    """Restore all of a dump into a scratch cluster and compare; return a sentence. Raises Failure when it is bad."""
    content = dumps.manifest(folder)
    # A dump of before an upgrade outlives the programs of its version.
    dumped = replace(places, version=int(content["version"]))
    with _scratch(dumped if dumped.programs.exists() else places) as scratch:
        _globals(scratch, folder)
        for database, wanted in content["databases"].items():
            if database != "postgres":
                create(scratch, folder, database, database)
            else:
                _load(scratch, folder, database, database)
            differences = list(_differences(wanted, dumps.counts(scratch, database)))
            if differences:
                raise Failure(f"The database {database} did not come back as it was: {'; '.join(differences[:5])}.")
        _examine(scratch)
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
        _globals(places, folder)
    for database, target in targets.items():
        if target in taken:
            _sql(places, f"DROP DATABASE {sql.name(target)} WITH (FORCE);")
        create(places, folder, database, target)
        differences = list(_differences(content["databases"][database], dumps.counts(places, target)))
        if differences:
            raise Failure(f"{target} did not come back as it was: {'; '.join(differences[:5])}")
    told = ", ".join(name if name == target else f"{name} as {target}" for name, target in targets.items())
    return f"Restored {told}; all rows counted."


def create(places: Places, folder: Path, database: str, target: str) -> None:
    """Make a database as it was when it was dumped and fill it."""
    words = [str(places.programs / "pg_restore"), "--create", "--schema-only", "--section=pre-data", "--file=-"]
    listing = _as_root(places, [*words, str(folder / f"{database}.dump")])
    create = next((line for line in listing.stdout.splitlines() if line.startswith("CREATE DATABASE ")), None)
    if create is None:
        raise Failure(f"the dump of {database} cannot be read: {listing.stderr.strip()[-300:]}")
    quoted = create.split(" WITH ", 1)
    owner = f"{database}_owner"
    _sql(places, f"CREATE DATABASE {sql.name(target)} WITH {quoted[1]}")
    known = sql.ask_or_fail(
        places, f"SELECT to_json(EXISTS (SELECT FROM pg_roles WHERE rolname = {sql.literal(owner)}))"
    )
    if known:
        _sql(places, f"ALTER DATABASE {sql.name(target)} OWNER TO {sql.name(owner)};")
    _sql(places, f"REVOKE ALL ON DATABASE {sql.name(target)} FROM PUBLIC;")
    for line in listing.stdout.splitlines():
        if line.startswith("ALTER DATABASE ") and " SET " in line:
            _sql(places, f"ALTER DATABASE {sql.name(target)} SET {line.split(' SET ', 1)[1]}")
    _load(places, folder, database, target)


def _load(places: Places, folder: Path, database: str, target: str) -> None:
    jobs = str(max(1, min(4, os.cpu_count() or 1)))
    clean = ["--clean", "--if-exists"] if database == "postgres" else []
    words = [str(places.programs / "pg_restore"), "--exit-on-error", f"--jobs={jobs}", *clean]
    done = _as_root(places, [*words, *sql.connection(places, target), str(folder / f"{database}.dump")])
    if done.returncode:
        raise Failure(f"the dump of {database} cannot be restored: {done.stderr.strip()[-500:]}")
    _sql(places, "ANALYZE;", target)


def _globals(places: Places, folder: Path) -> None:
    """Make the roles of a dump that are missing. Those that are there stay as they are."""
    present = set(sql.ask_or_fail(places, objects.STATE)["roles"])
    script = []
    for line in (folder / dumps.GLOBALS).read_text().splitlines():
        words = line.split(" ", 3)
        if line.startswith(("CREATE ROLE ", "ALTER ROLE ")):
            role = words[2].rstrip(";").strip('"')
            if role not in present:
                script.append(line)
        elif line.startswith("GRANT "):
            script.append(line)
    if script:
        _sql(places, "\n".join(script))


def _as_root(places: Places, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run pg_restore as root: a dump that comes from a backup need not be readable for postgres."""
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=sql.environment(places),
        stdin=subprocess.DEVNULL,
    )


def _differences(wanted: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    for kind in ("tables", "objects"):
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


@contextmanager
def _scratch(places: Places) -> Iterator[Places]:
    """Run an empty cluster of its own, with a socket in a private folder and no address; take it away at the end."""
    with scratch_folder() as folder:
        data = folder / "data"
        # Only postgres and root can reach the socket, so that nobody needs to be asked who they are.
        words = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        more = [*cluster.sorting(places.version), f"--pgdata={data}", "--data-checksums"]
        done = sql.as_postgres(places, [str(places.programs / "initdb"), *words, *more])
        if done.returncode:
            raise Failure(f"no scratch cluster can be made: {done.stderr.strip()[-300:]}")
        with running(places, folder, data, {"wal_level": "minimal"}) as server:
            yield server


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a private folder of postgres on the disk of the data; take it away at the end."""
    user = pwd.getpwnam(sql.ACCOUNT)
    _sweep(SCRATCH)
    folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=SCRATCH))
    os.chown(folder, user.pw_uid, user.pw_gid)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(
    places: Places, folder: Path, data: Path, more: dict[str, str], patience: float = PATIENCE
) -> Iterator[Places]:
    """Run a server on a scratch cluster; it ends with the block. ``patience`` is seconds until it must answer."""
    user = pwd.getpwnam(sql.ACCOUNT)
    scratch = replace(places, socket=folder)
    settings = {**SETTINGS, **more, "unix_socket_directories": str(folder), "port": str(scratch.port)}
    words = [
        str(scratch.programs / "postgres"),
        f"-D{data}",
        *(f"--{name}={value}" for name, value in settings.items()),
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=sql.ENVIRONMENT,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            umask=0o077,
        )
    try:
        _await(scratch, server, folder / "log", patience)
        yield scratch
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await(scratch: Places, server: subprocess.Popen[bytes], log: Path, patience: float) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            sql.ask(scratch, "SELECT to_json(true)")
        except sql.SqlError as error:
            if server.poll() is not None or time.monotonic() > end:
                tail = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise Failure(f"the scratch cluster does not start: {' '.join(tail) or error}") from error
            time.sleep(0.1)
        else:
            return


def _sweep(folder: Path) -> None:
    """Remove what a proof that was killed left behind. The lock says that none runs."""
    for path in folder.glob("scratch-*"):
        pid = path / "data/postmaster.pid"
        if pid.exists():
            # The first line of the file is the server's process; its data folder tells that it is ours.
            number = int(pid.read_text().split()[0])
            command = Path(f"/proc/{number}/cmdline")
            if command.exists() and str(path) in command.read_text():
                os.kill(number, signal.SIGQUIT)
        shutil.rmtree(path, ignore_errors=True)
