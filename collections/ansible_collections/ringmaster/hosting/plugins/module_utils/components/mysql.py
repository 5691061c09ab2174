# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB as a managed component: what is declared of it, and what its credentials files hold.

What is said here of a password is its digest only: the machine compares digests, and never sees the password of
an application. The platform's own account for checks has a credentials file of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import collations

from .faults import given
from .users import CA_FILE, ComponentUsers, User, UserError

PORT = 3306
MONITOR = "monitor"
# A database of the platform's own: checks write and read here.
OWN_DATABASE = "ringmaster"
DEFAULT_DATABASES: tuple[Mapping[str, Any], ...] = ({"name": "app"},)
DATABASE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
RESERVED_DATABASES = frozenset({OWN_DATABASE, "mysql", "information_schema", "performance_schema", "sys"})
WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")


def databases_of(vm: Mapping[str, Any]) -> list[str]:
    """Return the names of the databases that ``vm`` (its host variables) declares as present."""
    declared = vm.get("mysql_databases")
    return [
        one["name"]
        for one in _databases(DEFAULT_DATABASES if declared is None else declared, _name(vm))
        if one["present"]
    ]


def environment(user: User, vm: Mapping[str, Any]) -> dict[str, str]:
    """Return the content of a credentials file.

    MYSQL_HOST, MYSQL_TCP_PORT and MYSQL_PWD are what MariaDB's own programs read, the others what applications do.
    """
    host = str(vm["ringmaster_fqdn"])
    databases = MYSQL.databases(user, databases_of(vm), vm)
    database = databases[0] if databases else ""
    return {
        "MYSQL_HOST": host,
        "MYSQL_PORT": str(PORT),
        "MYSQL_TCP_PORT": str(PORT),
        "MYSQL_USER": user.name,
        "MYSQL_PASSWORD": user.password,
        "MYSQL_PWD": user.password,
        "MYSQL_DATABASE": database,
        "MYSQL_SSL_CA": CA_FILE,
        "DATABASE_URL": f"mysql://{quote(user.name)}:{quote(user.password)}@{host}:{PORT}/{database}",
    }


MYSQL = ComponentUsers(
    "mysql",
    "MariaDB",
    environment,
    reserved=frozenset({"root", "mysql", "mariadb.sys", "prometheus", MONITOR, OWN_DATABASE}),
    own=(MONITOR,),
)


def digest(password: str) -> str:
    """Return what MariaDB stores of a password for mysql_native_password, the one that all clients know.

    Derived passwords have so much randomness that a digest cannot be turned round.
    """
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def objects(
    users: Iterable[Mapping[str, Any]],
    databases: Iterable[Mapping[str, Any]],
    platform_secret: str,
    vm: Mapping[str, Any],
) -> dict[str, Any]:
    """Return all that the component's program shall make, for JSON. Raises UserError.

    Keys: ``databases`` (``name``, ``character_set``, ``collation``, ``present``), ``users`` (``name``, ``role``,
    ``databases``, ``digest``, ``require_tls``, ``max_connections``), ``absent_users`` (names) and
    ``monitor`` (digest).
    """
    declared = [dict(user) for user in users]
    found = _databases(databases, _name(vm))
    present = [one["name"] for one in found if one["present"]]
    checked = MYSQL.checked(declared, platform_secret, vm)
    return {
        "databases": found,
        "users": [
            {
                "name": user.name,
                "role": user.role,
                "databases": MYSQL.databases(user, present, vm),
                "digest": digest(user.password),
                "require_tls": bool(user.options.get("require_tls", False)),
                "max_connections": int(given(user.options, "max_connections", 0)),
            }
            for user in checked
        ],
        "absent_users": [str(user["name"]) for user in declared if user.get("state") == "absent"],
        "monitor": digest(MYSQL.password(platform_secret, vm, MONITOR)),
    }


def check_database(options: Mapping[str, Any], host: str) -> dict[str, Any]:
    """Return a declared database with all keys. Raises UserError."""
    name = str(options.get("name", ""))
    if not DATABASE.fullmatch(name):
        raise UserError(
            f"{host}: the MariaDB database '{name}' must be named with lower-case letters, digits, '-' and '_'"
        )
    if name in RESERVED_DATABASES:
        raise UserError(f"{host}: the MariaDB database '{name}' is the server's own")
    present = given(options, "state", "present") == "present"
    if not present and not options.get("allow_drop", False):
        raise UserError(
            f"{host}: the MariaDB database '{name}' shall be absent; as its data is lost then, "
            "say so with allow_drop: true"
        )
    words = {key: str(given(options, key, "")) for key in ("character_set", "collation")}
    for key, value in words.items():
        if value and not WORD.fullmatch(value):
            raise UserError(f"{host}: '{value}' cannot be the {key} of the MariaDB database '{name}'")
    if wrong := collations.problem(words["character_set"], words["collation"]):
        raise UserError(f"{host}: the MariaDB database '{name}' cannot be: {wrong}")
    return {"name": name, **{key: collations.todays(value) for key, value in words.items()}, "present": present}


def _databases(declared: Iterable[Mapping[str, Any]], host: str) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for options in declared:
        one = check_database(options, host)
        if one["name"] in found:
            raise UserError(f"{host}: the MariaDB database '{one['name']}' is declared twice")
        found[one["name"]] = one
    return list(found.values())


def _name(vm: Mapping[str, Any]) -> str:
    return str(vm["inventory_hostname"])
