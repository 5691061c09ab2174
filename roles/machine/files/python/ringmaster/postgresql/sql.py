# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are, and how PostgreSQL is asked: by psql over the local socket, as the system user postgres."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringmaster.core import below
from ringmaster.core.report import Failure

ACCOUNT = "postgres"
SUFFIX = ".conf"
# What a client asks for at login wins over what owners set for their databases. Names mean what PostgreSQL's own
# catalog says, and the session acts as who logged in.
NAMES = {
    "search_path": "pg_catalog,pg_temp",
    "role": "none",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "default_transaction_isolation": "read\\ committed",
    "default_tablespace": "",
    "default_table_access_method": "heap",
    "temp_tablespaces": "",
    "local_preload_libraries": "",
    "xmloption": "content",
    "datestyle": "ISO,MDY",
}
# Whatever a drop-in says, our sessions are not cut short, and a password's verifier reaches neither the log nor
# pg_stat_statements, not even when a statement fails.
SESSION = {
    **NAMES,
    "client_min_messages": "warning",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_min_error_statement": "panic",
    "pg_stat_statements.track_utility": "off",
}
# Of these, only a superuser may.
ADMINISTRATORS = frozenset(name for name in SESSION if name.startswith(("log_", "pg_stat_statements.")))
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "PGAPPNAME": "ringmaster",
    "PGCLIENTENCODING": "UTF8",
    "HOME": "/nonexistent",
}


class SqlError(Exception):
    """PostgreSQL refused a statement or does not answer; the text is what it said."""


@dataclass(frozen=True)
class Login:
    """An account of PostgreSQL's that is no superuser: its name, its password, and the role that it acts as."""

    user: str
    password: str
    role: str


@dataclass(frozen=True)
class Places:
    """Where things are. ``socket`` is the folder of the socket."""

    version: int
    home: Path = Path("/etc/ringmaster/postgresql")
    inbox: Path = Path("/etc/local/postgresql")
    socket: Path = Path("/run/postgresql")
    port: int = 5432

    @property
    def programs(self) -> Path:
        """PostgreSQL's own programs; those in /usr/bin are wrappers."""
        return Path(f"/usr/lib/postgresql/{self.version}/bin")

    @property
    def data(self) -> Path:
        """The cluster."""
        return Path(f"/var/lib/postgresql/{self.version}/main")

    @property
    def unit(self) -> str:
        """The service."""
        return f"postgresql@{self.version}-main.service"

    @property
    def configuration(self) -> Path:
        """The file the server is started with."""
        return self.home / "postgresql.conf"

    @property
    def accepted(self) -> Path:
        """The root-owned folder of accepted drop-ins, which the configuration includes."""
        return self.home / "accepted"


def environment(places: Places, login: Login | None = None) -> dict[str, str]:
    """Return the environment of client programs: with the settings of our sessions that the server knows."""
    session = {**SESSION, **({"transaction_timeout": "0"} if places.version >= 17 else {})}
    if login:
        session = {name: value for name, value in session.items() if name not in ADMINISTRATORS}
        session["role"] = re.sub(r"([\\\s])", r"\\\1", login.role)
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    return {**ENVIRONMENT, "PGOPTIONS": options, **({"PGPASSWORD": login.password} if login else {})}


def declared(home: Path = Places.home) -> dict[str, Any]:
    """Return what the role wrote: the version and the objects."""
    return json.loads((home / "component.json").read_text())


def places() -> Places:
    """Return where the cluster of the declared version is."""
    return Places(int(declared()["version"]))


def as_postgres(places: Places, words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program as the system user postgres, with an environment of its own."""
    return subprocess.run(
        words,
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=options.pop("cwd", "/"),
        env=options.pop("env", environment(places)),
        umask=0o077,
        **below.identity(ACCOUNT),
        **options,
    )


def connection(places: Places, database: str | None = None, login: Login | None = None) -> list[str]:
    """Return the options with which PostgreSQL's client programs connect."""
    user = login.user if login else ACCOUNT
    words = [f"--host={places.socket}", f"--port={places.port}", f"--username={user}", "--no-password"]
    return [*words, f"--dbname={database}"] if database else words


def run(places: Places, script: str, database: str = "postgres", login: Login | None = None) -> str:
    """Run statements, each in a transaction of its own; return the rows. Raises SqlError."""
    connect = connection(places, database, login)
    words = [str(places.programs / "psql"), "-XAtq", "--set=ON_ERROR_STOP=1", *connect, "--file=-"]
    done = as_postgres(places, words, input=script, env=environment(places, login))
    if done.returncode:
        lines = [line.split(": ", 1)[-1] if line.startswith("psql:") else line for line in done.stderr.splitlines()]
        told = [line for line in lines if line.strip() and not line.startswith(("LINE ", " ", "CONTEXT"))]
        raise SqlError("; ".join(told)[:500] or f"psql ended with code {done.returncode}")
    return done.stdout


def ask(places: Places, query: str, database: str = "postgres") -> Any:
    """Return the answer to a query that gives one JSON value. Raises SqlError."""
    answer = run(places, f"{query.rstrip().rstrip(';')};\n", database).strip()
    return json.loads(answer) if answer else None


def ask_or_fail(places: Places, query: str, database: str = "postgres") -> Any:
    """Return the answer as ``ask`` does. Raises Failure."""
    try:
        return ask(places, query, database)
    except SqlError as error:
        raise Failure(f"PostgreSQL does not answer: {error}") from error


def name(text: str) -> str:
    """Quote an identifier."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text; standard_conforming_strings is on."""
    return "'" + text.replace("'", "''") + "'"
