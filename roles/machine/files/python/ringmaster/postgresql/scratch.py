# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster beside the real one, for proofs and for what was at another time: without an address, and soon gone."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ringmaster.core import account
from ringmaster.core.report import Failure
from ringmaster.postgresql import cluster, sql
from ringmaster.postgresql.sql import Places

# On the disk of the data, which has room for it or would not for a restore either.
SCRATCH = Path("/var/lib")
PREFIX = ".postgresql-proof-"
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
# Root and postgres are the administrator, as in the real cluster, and whoever else comes has a password.
CONFIGURATION = {
    "postgresql.conf": "",
    "pg_hba.conf": "local all postgres peer map=ringmaster\nlocal all all scram-sha-256\n",
    "pg_ident.conf": "ringmaster root postgres\nringmaster postgres postgres\n",
}


@contextmanager
def empty(places: Places) -> Iterator[Places]:
    """Run an empty cluster of its own, with a socket in a private folder and no address; take it away at the end."""
    with folder() as work:
        data = work.own / "data"
        words = ["--auth=peer", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        more = [*cluster.sorting(places.version), f"--pgdata={data}", "--data-checksums"]
        done = sql.as_postgres(places, [str(places.programs / "initdb"), *words, *more])
        if done.returncode:
            raise Failure(f"no scratch cluster can be made: {done.stderr.strip()[-300:]}")
        with running(places, work, data, {"wal_level": "minimal"}) as server:
            yield server


@contextmanager
def folder() -> Iterator[account.Work]:
    """Give a work folder of postgres on the disk of the data; take it away at the end."""
    account.sweep(sql.ACCOUNT, PREFIX, SCRATCH, signal.SIGQUIT)
    with account.work(sql.ACCOUNT, PREFIX, SCRATCH) as work:
        yield work


@contextmanager
def running(
    places: Places, work: account.Work, data: Path, more: dict[str, str], patience: float = PATIENCE
) -> Iterator[Places]:
    """Run a server on a scratch cluster; it ends with the block. ``patience`` is seconds until it must answer."""
    beside = replace(places, socket=work.own)
    files = {name: work.write(name, text) for name, text in CONFIGURATION.items()}
    settings = {
        **SETTINGS,
        **more,
        "unix_socket_directories": str(work.own),
        "port": str(beside.port),
        "config_file": str(files["postgresql.conf"]),
        "hba_file": str(files["pg_hba.conf"]),
        "ident_file": str(files["pg_ident.conf"]),
    }
    words = [
        str(beside.programs / "postgres"),
        f"-D{data}",
        *(f"--{name}={value}" for name, value in settings.items()),
    ]
    server = work.start(words, env=sql.ENVIRONMENT, umask=0o077)
    try:
        _await(beside, server, work, patience)
        yield beside
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await(beside: Places, server: subprocess.Popen[bytes], work: account.Work, patience: float) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            sql.ask(beside, "SELECT to_json(true)")
        except sql.SqlError as error:
            if server.poll() is not None or time.monotonic() > end:
                raise Failure(f"the scratch cluster does not start: {' '.join(work.said()[-1:]) or error}") from error
            time.sleep(0.1)
        else:
            return
