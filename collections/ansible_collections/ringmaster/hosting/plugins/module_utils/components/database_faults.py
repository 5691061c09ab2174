# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the options of PostgreSQL, MariaDB and Redis, each list looked at as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from . import mysql, postgresql, redis
from .faults import Fault, Path, Surroundings, entries, given, tried, twice
from .users import ComponentUsers, UserError

_SETTINGS = {
    "postgresql": re.compile(r"[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)?"),
    "mysql": re.compile(r"[a-z][a-z0-9_-]*"),
    "redis": re.compile(r"[a-z][a-z0-9-]*"),
}
_SHUT = {
    "postgresql": frozenset(
        {
            "db_user_namespace",
            "log_directory",
            "log_filename",
            "post_auth_delay",
            "pre_auth_delay",
            "unix_socket_group",
            "unix_socket_permissions",
        }
    ),
    # Where its files lie, and how they are made once: the trial has a folder of its own.
    "mysql": frozenset(
        {
            "aria_log_dir_path",
            "innodb_data_file_path",
            "innodb_data_home_dir",
            "innodb_log_group_home_dir",
            "innodb_page_size",
            "innodb_tmpdir",
            "innodb_undo_directory",
            "log_bin_index",
            "lower_case_table_names",
            "relay_log",
            "relay_log_index",
            "slave_load_tmpdir",
        }
    ),
    # Where its data lie, which it would not find again; whose copy it is; and what it answers to.
    "redis": frozenset(
        {
            "appenddirname",
            "appendfilename",
            "cluster-enabled",
            "dbfilename",
            "rename-command",
            "replicaof",
            "slaveof",
        }
    ),
}
"""Settings with which a server does not start, loses its data or lets nobody in: refused in new descriptions only."""
_FORMER = {"sort_mem": "work_mem", "vacuum_mem": "maintenance_work_mem"}
"""Names of before, which PostgreSQL takes for those of today; beside one of them, ours would win."""
_SNAPSHOTS = re.compile(r"([1-9][0-9]{0,8} [1-9][0-9]{0,8}( [1-9][0-9]{0,8} [1-9][0-9]{0,8})*)?")
_BINARY_LOG_SIZE = re.compile(r"[1-9][0-9]{0,11}[KMGT]?")


def of_postgresql(options: Mapping[str, Any], around: Surroundings) -> Iterator[Fault]:
    """Yield what is wrong with options of PostgreSQL."""
    yield from _databases(options, postgresql.check_database, postgresql.DatabaseError, postgresql.NAME, "'_'")
    names = _present(options, postgresql.DEFAULT_DATABASES)
    groups = {f"{name}_{group}" for name in names for group in postgresql.GROUPS}
    yield from users(postgresql.POSTGRESQL, options, names)
    for index, user in entries(options, "users"):
        if user.get("name") in groups:
            yield Fault(
                ("users", index, "name"),
                f"the user '{user['name']}' is the name of a group of a database",
                user["name"],
            )
    yield from _settings("postgresql", options, around)


def of_mysql(options: Mapping[str, Any], around: Surroundings) -> Iterator[Fault]:
    """Yield what is wrong with options of MariaDB."""
    yield from _databases(options, mysql.check_database, UserError, mysql.DATABASE, "'-' and '_'")
    yield from users(mysql.MYSQL, options, _present(options, mysql.DEFAULT_DATABASES))
    size = given(options, "binary_log_size", "2G")
    if not _BINARY_LOG_SIZE.fullmatch(size):
        yield Fault(
            ("binary_log_size",), f"'{size[:40]}' is no size of MariaDB", size, "a whole number with K, M, G or T"
        )
    yield from _settings("mysql", options, around)


def of_redis(options: Mapping[str, Any], around: Surroundings) -> Iterator[Fault]:
    """Yield what is wrong with options of Redis."""
    yield from users(redis.REDIS, options, None)
    for index, user in entries(options, "users"):
        for kind in ("keys", "channels"):
            for position, pattern in enumerate(user.get(kind) or ()):
                if not redis.PATTERN.fullmatch(pattern):
                    yield Fault(("users", index, kind, position), f"'{pattern[:40]}' is not one word", pattern)
    save = given(options, "save", "")
    if not _SNAPSHOTS.fullmatch(save):
        yield Fault(
            ("save",), f"'{save[:40]}' is not pairs of seconds and changes", save, 'such as 3600 1 300 100, or ""'
        )
    yield from _settings("redis", options, around)


def users(component: ComponentUsers, options: Mapping[str, Any], databases: Sequence[str] | None) -> Iterator[Fault]:
    """Yield what is wrong with the users that a component declares; ``databases`` are those they may name."""
    places: list[tuple[Path, str]] = []
    for index, user in entries(options, "users"):
        path: Path = ("users", index)
        name = str(user.get("name", ""))
        places.append(((*path, "name"), name))
        yield from tried((*path, "name"), UserError, component.checked_name, user, (), "this VM")
        for position, database in enumerate(user.get("databases") or ()) if databases is not None else ():
            if database not in (databases or ()):
                yield Fault(
                    (*path, "databases", position),
                    f"the database '{database}' is not declared",
                    database,
                    ", ".join(databases or ()) or "nothing: no database is declared",
                )
    yield from twice(places, "the user")


def _databases(
    options: Mapping[str, Any],
    check: Callable[[Mapping[str, Any], str], object],
    error: type[Exception],
    pattern: re.Pattern[str],
    signs: str,
) -> Iterator[Fault]:
    places: list[tuple[Path, str]] = []
    for index, one in entries(options, "databases"):
        name, path = str(one.get("name", "")), ("databases", index, "name")
        places.append((path, name))
        if not pattern.fullmatch(name):
            guess = re.sub(r"[^a-z0-9_]", "_", name.lower())
            hint = f"did you mean '{guess}'?" if pattern.fullmatch(guess) else ""
            allowed = f"lower-case letters, digits and {signs}, a letter first"
            yield Fault(path, f"'{name[:60]}' is no name for a database", name, allowed, hint)
            continue
        yield from tried(("databases", index), error, check, one, "this VM")
    yield from twice(places, "the database")


def _present(options: Mapping[str, Any], default: Iterable[Mapping[str, Any]]) -> list[str]:
    declared = given(options, "databases", default)
    return [str(one.get("name", "")) for one in declared if given(one, "state", "present") == "present"]


def _settings(component: str, options: Mapping[str, Any], around: Surroundings) -> Iterator[Fault]:
    """Yield settings that the platform decides, and texts that no file of settings can hold."""
    for name, value in (options.get("settings") or {}).items():
        path: Path = ("settings", name)
        if not _SETTINGS[component].fullmatch(name):
            yield Fault(path, f"'{name[:40]}' is no name of a setting", name, is_key=True)
        elif (plain := name.replace("-", "_") if component == "mysql" else name) in around.managed_settings or (
            plain in _SHUT.get(component, ())
        ):
            yield Fault(path, f"the platform decides about {name}", name, "any other setting", is_key=True)
        elif component == "postgresql" and name in _FORMER:
            yield Fault(path, f"PostgreSQL calls {name} {_FORMER[name]} today", name, _FORMER[name], is_key=True)
        elif isinstance(value, (list, dict)):
            yield Fault(path, "is not one value", "a list" if isinstance(value, list) else "a map", "text or a number")
        elif isinstance(value, str) and not value.isprintable():
            yield Fault(path, "contains a line break or a control character", value, "text in one line")
        elif isinstance(value, str) and re.fullmatch(r"(['\"]).+\1", value):
            yield Fault(path, "has quotes of its own, which would be a part of the value", value, value[1:-1])
        elif isinstance(value, str) and component == "mysql" and re.search(r"(^|\s)#", value):
            yield Fault(path, "has a '#', from which on MariaDB reads a comment", value, "text without it")
