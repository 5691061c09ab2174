# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account that fills one database and can do nothing else.

A dump is statements. Whatever they say, they are run by a login that has rights on that database alone, and that is
gone afterwards. Its name is new each time: what the statements made in its name acts as nobody later.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from ringmaster.mysql.client import Client, Login, identifier, quoted
from ringmaster.mysql.objects import pattern

PREFIX = "ringmaster_restore_"
LEFT = f"SELECT user FROM mysql.global_priv WHERE user REGEXP '^{PREFIX}[0-9a-f]{{16}}$' AND host = 'localhost'"
# Where nobody has any power, views and routines may be made in any name.
NAME_DEFINERS = "SET USER"


@contextmanager
def login(client: Client, socket: str, database: str, *powers: str, readable: tuple[str, ...] = ()) -> Iterator[Login]:
    """Make an account with all rights on one database, and take it away at the end.

    ``powers`` are rights over the server, and ``readable`` further databases: for scratch servers only.
    """
    drop(client)
    name, password = f"{PREFIX}{secrets.token_hex(8)}", secrets.token_urlsafe(32)
    who = _who(name)
    statements = [
        f"CREATE USER {who} IDENTIFIED VIA mysql_native_password USING {quoted(digest(password))}",
        f"GRANT ALL PRIVILEGES ON {identifier(pattern(database))}.* TO {who}",
        *(f"GRANT SELECT ON {identifier(pattern(one))}.* TO {who}" for one in readable if one != database),
        *(f"GRANT {power} ON *.* TO {who}" for power in powers),
    ]
    try:
        client.run(statements)
        yield Login(socket, name, password)
    finally:
        drop(client)


def drop(client: Client) -> None:
    """Take such accounts away, also what a restore that was killed left behind, and end what they still do."""
    for (name,) in client.run([LEFT]):
        client.run([f"ALTER USER {_who(name)} ACCOUNT LOCK", f"KILL HARD USER {_who(name)}", f"DROP USER {_who(name)}"])


def digest(password: str) -> str:
    """Return a password as mysql_native_password keeps it."""
    return f"*{hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()}"


def _who(name: str) -> str:
    return f"{quoted(name)}@'localhost'"
