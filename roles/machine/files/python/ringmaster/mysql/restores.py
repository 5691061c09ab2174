# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores: into a scratch server to prove a dump, or into the running one, never over data that is there."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ringmaster.core import account, below
from ringmaster.core.component import Wish
from ringmaster.core.report import Failure, counted
from ringmaster.mysql import dumps, objects
from ringmaster.mysql.client import SAFE, SOCKET, Client, MariaDbError, error_of, identifier, root

# On the disk of the data, which has room for it or would not for a restore either.
SCRATCH = Path("/var/lib")
# What was there before a restore that replaces it.
REPLACED = Path("/var/backups/ringmaster/mysql.replaced")
PATIENCE = 60.0
ACCOUNT = "mysql"
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
SETTINGS = (
    "--skip-networking",
    "--skip-log-bin",
    "--event-scheduler=OFF",
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    "--key-buffer-size=1M",
    "--aria-pagecache-buffer-size=8M",
    "--max-connections=20",
    "--max-allowed-packet=1G",
)


def prove(folder: Path) -> str:
    """Restore all of a dump into a scratch server and compare; return a sentence. Raises Failure when it is bad."""
    content = dumps.manifest(folder)
    databases: dict[str, dict[str, Any]] = content["databases"]
    _whole(folder, databases)
    with _scratch(sum(one["bytes"] for one in databases.values())) as socket:
        client = root(socket)
        try:
            _users(folder, socket)
            for name, wanted in databases.items():
                _fill(folder, name, name, wanted, socket)
                _compare(client, name, wanted)
                _examine(client, name, wanted["tables"])
        except MariaDbError as error:
            raise Failure(f"The dump did not come back: {error}.") from error
    tables = sum(len(one["tables"]) for one in databases.values())
    rows = sum(sum(one["tables"].values()) for one in databases.values())
    hours = (time.time() - content["made_at"]) / 3600
    back = f"{counted(len(databases), 'database')} with {counted(tables, 'table')} and {counted(rows, 'row')} came back"
    return f"{back}, all counted and checked; the dump is {hours:.1f} h old."


def restore(folder: Path, wish: Wish) -> str:
    """Bring databases back into the running server; return a sentence. Raises Failure."""
    databases: dict[str, dict[str, Any]] = dumps.manifest(folder)["databases"]
    names = [wish.object] if wish.object else list(databases)
    for name in names:
        if name not in databases:
            raise Failure(f"the dump has no database {name}; it has {', '.join(databases)}")
    _whole(folder, names)
    targets = {name: wish.name or name for name in names}
    client = root()
    try:
        present = objects.read(client).databases
        _refuse(client, targets.values(), present, wish)
        # A whole server comes back on a new machine: its declared users are there, those made by hand are not.
        if not wish.object:
            _users(folder, SOCKET)
        for name, target in targets.items():
            if target in present:
                _put_aside(target)
                client.run([f"DROP DATABASE {identifier(target)}"])
            _fill(folder, name, target, databases[name], SOCKET)
            _compare(client, target, databases[name])
    except MariaDbError as error:
        raise Failure(f"MariaDB: {error}") from error
    told = ", ".join(name if name == target else f"{name} as {target}" for name, target in targets.items())
    aside = f" What was there lies in {REPLACED}." if any(target in present for target in targets.values()) else ""
    return f"Restored {told}; all rows counted.{aside}"


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


def _put_aside(name: str) -> None:
    """Keep a dump of what a restore replaces: the newest for each database."""
    REPLACED.mkdir(mode=0o700, parents=True, exist_ok=True)
    dumps.dump_one(name, REPLACED / f"{name}.sql.zst")


def _users(folder: Path, socket: str) -> None:
    """Make the accounts of a dump that are missing. Those that are there stay as they are."""
    client = root(socket)
    present = {f"`{name}`@`{host}`" for name, host in objects.read(client).accounts}
    lines = (folder / dumps.USERS).read_text().splitlines()
    # Rights of accounts that are there are not given back: they may have been taken away on purpose.
    script = "\n".join(line for line in lines if not any(f" {who}" in line for who in present))
    _load(script.encode(), "the accounts", socket)


def _fill(folder: Path, name: str, target: str, wanted: Mapping[str, Any], socket: str) -> None:
    """Make a database as it was when it was dumped and fill it."""
    how = f"CHARACTER SET {wanted['character_set']} COLLATE {wanted['collation']}"
    root(socket).run([f"CREATE OR REPLACE DATABASE {identifier(target)} {how}"])
    with tempfile.TemporaryFile() as said:
        words = ["zstd", "-q", "-dc", str(folder / f"{name}.sql.zst")]
        source = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL)
        try:
            _load(source.stdout, name, socket, target)
        finally:
            assert source.stdout
            source.stdout.close()
            code = source.wait()
        if code:
            said.seek(0)
            raise Failure(f"the dump of {name} cannot be read: {said.read().decode(errors='replace').strip()[-300:]}")


def _load(script: Any, what: str, socket: str, database: str = "") -> None:
    words = ["mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "--max-allowed-packet=1G"]
    words += [*SAFE, *([database] if database else [])]
    given: dict[str, Any] = {"input": script} if isinstance(script, bytes) else {"stdin": script}
    done = subprocess.run(words, capture_output=True, check=False, **given)
    if done.returncode:
        error = error_of(done.stderr.decode(errors="replace"))
        # Without the text near the mistake, which is data.
        reason = str(error).partition(" near '")[0]
        raise Failure(f"the dump of {what} cannot be restored: line {error.line}: {reason}")


def _compare(client: Client, name: str, wanted: Mapping[str, Any]) -> None:
    """Raise Failure unless a database holds what the record says."""
    found = dumps.inventory(client, name)
    differences = [
        f"{kind}: {wanted[kind]} were dumped, {found[kind]} are there"
        for kind in dumps.OTHER_OBJECTS
        if wanted[kind] != found[kind]
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


@contextmanager
def _scratch(size: int) -> Iterator[str]:
    """Run a server of its own, without a network, on a folder that is removed; yield its socket."""
    free = shutil.disk_usage(SCRATCH).free
    needed = 3 * size + 512 * 1024**2
    if free < needed:
        raise Failure(f"A proof needs {needed // 1024**2} MiB in {SCRATCH}, and {free // 1024**2} MiB are free.")
    with account.work(ACCOUNT, ".mysql-proof-", SCRATCH) as work:
        _install(work)
        with _server(work) as socket:
            yield socket


def _install(work: account.Work) -> None:
    words = ["mariadb-install-db", "--no-defaults", f"--datadir={work.own}/data", "--skip-test-db"]
    words += ["--auth-root-authentication-method=socket", "--auth-root-socket-user=root", "--skip-name-resolve"]
    done = below.as_account(ACCOUNT, words)
    if done.returncode:
        raise Failure(f"A scratch server cannot be made: {(done.stderr or done.stdout).strip()[-300:]}")


@contextmanager
def _server(work: account.Work) -> Iterator[str]:
    own, socket = work.own, f"{work.own}/socket"
    words = ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={own}/data", f"--socket={socket}"]
    words += [f"--pid-file={own}/pid", f"--tmpdir={own}", *SETTINGS]
    # What other work the machine has comes first.
    process = work.start(["nice", "-n", "10", *words])
    try:
        _wait(process, socket, work)
        yield socket
    finally:
        process.send_signal(signal.SIGKILL)  # nothing of it is kept
        process.wait()


def _wait(process: subprocess.Popen[bytes], socket: str, work: account.Work) -> None:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            root(socket).one("SELECT 1")
        except MariaDbError:
            time.sleep(0.1)
        else:
            return
    said = [line for line in work.said() if "[ERROR]" in line]
    raise Failure(f"The scratch server does not start: {'; '.join(said[-2:]) or 'it did not answer in time'}")
