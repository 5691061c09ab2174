# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers of Debian's packages beside those that may run here: each with a folder and a socket of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import redis
from ringmaster.core import account, below
from ringmaster.postgresql import sql
from ringmaster.redis.client import Client


@contextmanager
def place(user: str) -> Iterator[Path]:
    """Give a short path (of sockets, too) that an account owns."""
    folder = Path(tempfile.mkdtemp(prefix="rm-db-", dir="/tmp"))
    found = pwd.getpwnam(user)
    os.chown(folder, found.pw_uid, found.pw_gid)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def newest() -> int:
    return max(int(path.name) for path in Path("/usr/lib/postgresql").iterdir() if (path / "bin/initdb").exists())


@dataclass(frozen=True)
class PostgreSql:
    """A cluster with the platform's pg_hba.conf for this machine, and a database ``app`` as the platform makes it."""

    places: sql.Places
    folder: Path

    def admin(self, script: str, database: str = "postgres") -> str:
        return sql.run(self.places, script, database).strip()

    def ask(self, script: str, database: str = "app", user: str = "app") -> subprocess.CompletedProcess[str]:
        """Run SQL as an application does it: with a password, as the owner of its database."""
        words = [str(self.places.programs / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", str(self.places.socket)]
        words += ["-p", str(self.places.port), "-U", user, "-d", database, "-f", "-"]
        return subprocess.run(
            words, input=script, capture_output=True, text=True, check=False, env={"PGPASSWORD": "word", "LC_ALL": "C"}
        )

    def app(self, script: str, database: str = "app", user: str = "app") -> str:
        done = self.ask(script, database, user)
        assert not done.returncode, done.stderr
        return done.stdout.strip()

    def superusers(self) -> list[str]:
        return self.admin("SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY 1").split()


@pytest.fixture(scope="session")
def _cluster() -> Iterator[PostgreSql]:
    version = newest()
    programs = f"/usr/lib/postgresql/{version}/bin"
    with place("postgres") as folder:

        class Places(sql.Places):
            data = folder / "data"

        places = Places(version, socket=folder, home=folder / "etc", port=5998)
        account.run("postgres", f"{programs}/initdb", f"--pgdata={places.data}", "--locale=C.UTF-8", "--no-sync")
        (places.data / "pg_hba.conf").write_text(
            "local all postgres peer map=ringmaster\nlocal all all scram-sha-256\n"
        )
        (places.data / "pg_ident.conf").write_text("ringmaster root postgres\nringmaster postgres postgres\n")
        words = [
            f"{programs}/postgres",
            f"-D{places.data}",
            f"-k{folder}",
            "-p5998",
            "-clisten_addresses=",
            "-cfsync=off",
        ]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **below.identity("postgres")
            )
        try:
            ready = [f"{programs}/pg_isready", "-q", "-h", str(folder), "-p", "5998"]
            subprocess.run(["sh", "-c", f"until {' '.join(ready)}; do sleep 0.1; done"], check=True, timeout=60)
            yield PostgreSql(places, folder)
        finally:
            server.terminate()
            server.wait(60)


@pytest.fixture
def postgresql(_cluster: PostgreSql) -> Iterator[PostgreSql]:
    """Give a server with the database app, which is taken away with all that it left."""
    _cluster.admin(
        "CREATE ROLE app_owner; CREATE ROLE app_readwrite; CREATE ROLE app_readonly;"
        "CREATE ROLE app LOGIN PASSWORD 'word' IN ROLE app_owner; CREATE DATABASE app OWNER app_owner;"
        "ALTER ROLE app IN DATABASE app SET role = 'app_owner'; REVOKE ALL ON DATABASE app FROM PUBLIC;"
    )
    try:
        yield _cluster
    finally:
        names = _cluster.admin(
            "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')"
        ).split()
        for name in names:
            _cluster.admin(f'DROP DATABASE "{name}" WITH (FORCE)')
        for name in _cluster.admin("SELECT rolname FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'").split():
            _cluster.admin(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')


@dataclass(frozen=True)
class RedisServer:
    """A server whose accounts are those that a description declares; their passwords by name."""

    folder: Path
    passwords: dict[str, str]

    def login(self, name: str) -> Client:
        client = Client(str(self.folder / "socket"))
        client.command("AUTH", name, self.passwords[name])
        return client


@contextmanager
def redis_server(users: list[dict[str, Any]]) -> Iterator[RedisServer]:
    vm = {"inventory_hostname": "myapp00", "ringmaster_project": "myapp", "ringmaster_vm_id": 4096}
    accounts = redis.accounts(users, "a secret for tests, long enough", vm)
    with place("redis") as folder:
        lines = ["user default off sanitize-payload resetkeys resetchannels -@all", *(one.rule for one in accounts)]
        (folder / "users.acl").write_text("\n".join([*lines, ""]))
        words = ["redis-server", "--port", "0", "--unixsocket", f"{folder}/socket", "--dir", str(folder)]
        server = subprocess.Popen(
            [*words, "--aclfile", f"{folder}/users.acl", "--logfile", f"{folder}/log", "--enable-debug-command", "yes"],
            stdin=subprocess.DEVNULL,
            **below.identity("redis"),
        )
        try:
            subprocess.run(["sh", "-c", f"until [ -S {folder}/socket ]; do sleep 0.05; done"], check=True, timeout=60)
            yield RedisServer(folder, {one.name: one.password for one in accounts})
        finally:
            server.terminate()
            server.wait(60)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """Give the socket of a server."""
    with place("mysql") as folder:
        words = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"]
        account.run("mysql", *words, "--auth-root-authentication-method=socket", "--auth-root-socket-user=root")
        socket = f"{folder}/socket"
        words = ["mariadbd", "--no-defaults", f"--datadir={folder}/data", f"--socket={socket}", "--skip-networking"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **below.identity("mysql")
            )
        try:
            ping = f"mariadb-admin --no-defaults --socket={socket} --user=root ping"
            subprocess.run(["sh", "-c", f"until {ping} >/dev/null 2>&1; do sleep 0.1; done"], check=True, timeout=60)
            yield socket
        finally:
            server.terminate()
            server.wait(60)
