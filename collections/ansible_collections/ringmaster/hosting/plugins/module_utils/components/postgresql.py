# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL as a managed component: declared databases and users, and what the credentials files hold."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import collations

from .faults import given
from .users import CA_FILE, ROLES, ComponentUsers, User, UserError

PORT = 5432
VERSIONS = (15, 16, 17, 18)
"""Major versions that the role runs. Debian 13 has 17, PostgreSQL's own apt source the others."""
MONITOR = "ringmaster_monitor"
# Groups of a database: <database>_owner and so on. They have no login.
GROUPS = ROLES
DEFAULT_DATABASES: tuple[Mapping[str, Any], ...] = ({"name": "app"},)
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LOCALE = re.compile(r"[A-Za-z0-9_@=-]{2,60}")
NO_LIMIT = -1
ITERATIONS = 4096  # PostgreSQL's own default; the passwords are 190 random bits

# What may be installed into a database: nothing that reads files, runs programs, loads a language or calls out.
# The value is the Debian package it needs besides the server; {version} is the major version.
EXTENSIONS: Mapping[str, str] = {
    "bloom": "",
    "btree_gin": "",
    "btree_gist": "",
    "citext": "",
    "cube": "",
    "dict_int": "",
    "earthdistance": "",
    "fuzzystrmatch": "",
    "hstore": "",
    "intarray": "",
    "isn": "",
    "ltree": "",
    "pg_stat_statements": "",
    "pg_trgm": "",
    "pgcrypto": "",
    "postgis": "postgresql-{version}-postgis-3",
    "seg": "",
    "tablefunc": "",
    "tsm_system_rows": "",
    "tsm_system_time": "",
    "unaccent": "",
    "uuid-ossp": "",
    "vector": "postgresql-{version}-pgvector",
}


class DatabaseError(ValueError):
    """A declared database that cannot be; the text names it and says what is allowed."""


def environment(user: User, vm: Mapping[str, Any]) -> dict[str, str]:
    """Return the content of a credentials file, with the variables of libpq."""
    declared = vm.get("postgresql_databases")
    names = _names(DEFAULT_DATABASES if declared is None else declared, vm)
    database = next(iter(POSTGRESQL.databases(user, names, vm)), "")
    host = str(vm["ringmaster_fqdn"])
    login = f"{quote(user.name)}:{quote(user.password)}@{host}:{PORT}"
    return {
        "PGHOST": host,
        "PGPORT": str(PORT),
        "PGUSER": user.name,
        "PGPASSWORD": user.password,
        "PGDATABASE": database,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": CA_FILE,
        # One parameter only: a shell would take an "&" for its own. The system's trust store has the CA.
        "DATABASE_URL": f"postgresql://{login}/{database}?sslmode=verify-full",
    }


POSTGRESQL = ComponentUsers(
    "postgresql",
    "PostgreSQL",
    environment,
    reserved=frozenset({"postgres", "public", "none", "user", "current_user", "session_user", "all", "replication"}),
    own=(MONITOR,),
    pattern=re.compile(rf"(?!pg_|ringmaster){NAME.pattern}"),
    pattern_in_words="lower-case letters, digits and '_', and not begin with 'pg_' or 'ringmaster'",
)


def objects(
    users: Iterable[Mapping[str, Any]],
    databases: Iterable[Mapping[str, Any]],
    platform_secret: str,
    vm: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the component's program applies in one call: databases, roles with SCRAM verifiers, no password.

    ``packages`` are those that the extensions need. Raises DatabaseError, UserError.
    """
    declared = list(users)
    places = [check_database(one, str(vm["inventory_hostname"])) for one in databases]
    names = _names(places, vm)
    groups = {f"{name}_{group}" for name in names for group in GROUPS}
    roles = []
    for user in POSTGRESQL.checked(declared, platform_secret, vm):
        if user.name in groups:
            raise UserError(f"{vm['inventory_hostname']}: the PostgreSQL user '{user.name}' is the name of a group")
        roles.append(
            {
                "name": user.name,
                "verifier": verifier(user.name, user.password, platform_secret, vm),
                "role": user.role,
                "databases": POSTGRESQL.databases(user, names, vm),
                "connection_limit": int(given(user.options, "connection_limit", NO_LIMIT)),
            }
        )
    monitor = POSTGRESQL.password(platform_secret, vm, MONITOR)
    version = vm.get("postgresql_version", "")
    packages = {EXTENSIONS[extension] for one in places for extension in one["extensions"]} - {""}
    return {
        "databases": [one for one in places if one["state"] == "present"],
        "drop_databases": [one["name"] for one in places if one["state"] == "absent"],
        "roles": roles,
        "drop_roles": [str(one["name"]) for one in declared if one.get("state") == "absent" and one.get("allow_drop")],
        "monitor": {"name": MONITOR, "verifier": verifier(MONITOR, monitor, platform_secret, vm)},
        "packages": sorted(package.format(version=version) for package in packages),
    }


def verifier(name: str, password: str, platform_secret: str, vm: Mapping[str, Any]) -> str:
    """Return what PostgreSQL keeps of a password (RFC 5802, 7677). The salt is derived, so that it stays the same."""
    salt = POSTGRESQL.password(platform_secret, vm, f"{name}.salt").encode()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")

    def text(raw: bytes) -> str:
        return base64.b64encode(raw).decode()

    return f"SCRAM-SHA-256${ITERATIONS}:{text(salt)}${text(stored)}:{text(server)}"


def check_database(options: Mapping[str, Any], host: str) -> dict[str, Any]:
    """Return a declared database with all keys. Raises DatabaseError."""
    name = str(options.get("name", ""))
    this = f"{host}: the PostgreSQL database '{name}'"
    if not NAME.fullmatch(name):
        raise DatabaseError(f"{this} must be named with lower-case letters, digits and '_'")
    if name.startswith("pg_"):
        raise DatabaseError(f"{this} begins with pg_, and PostgreSQL lets nobody have a group such as {name}_owner")
    if name in ("postgres", "template0", "template1"):
        raise DatabaseError(f"{this} is PostgreSQL's own")
    extensions = [str(one) for one in options.get("extensions") or []]
    for extension in extensions:
        if extension not in EXTENSIONS:
            allowed = ", ".join(EXTENSIONS)
            raise DatabaseError(f"{this} asks for the extension '{extension}'; allowed: {allowed}")
    locale = str(given(options, "icu_locale", ""))
    if locale and not LOCALE.fullmatch(locale):
        raise DatabaseError(f"{this} has the ICU locale '{locale}'; write a language tag such as de-DE")
    if locale and (wrong := collations.icu_problem(locale)):
        raise DatabaseError(f"{this} has the ICU locale '{locale}', which {wrong}")
    state = given(options, "state", "present")
    if state == "absent" and not options.get("allow_drop"):
        raise DatabaseError(f"{this} shall be absent, which destroys its data; say allow_drop: true as well")
    return {
        "name": name,
        "extensions": extensions,
        "icu_locale": locale,
        "connection_limit": int(given(options, "connection_limit", NO_LIMIT)),
        "state": state,
    }


def _names(databases: Iterable[Mapping[str, Any]], vm: Mapping[str, Any]) -> list[str]:
    """Return the names of those that shall be there; a name stands once, whatever is said of it."""
    found = list(databases)
    names = [str(one.get("name", "")) for one in found]
    for name in names:
        if names.count(name) > 1:
            raise DatabaseError(f"{vm['inventory_hostname']}: the PostgreSQL database '{name}' is declared twice")
    return [name for one, name in zip(found, names, strict=True) if given(one, "state", "present") == "present"]
