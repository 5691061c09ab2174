# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis as a managed component: its accounts, their rights and what their credentials files hold."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .faults import given
from .users import CA_FILE, ComponentUsers, User, UserError

TLS_PORT = 6380
ADMINISTRATOR = "ringmaster"
MONITOR = "monitor"
# What the checks may touch, besides reading figures.
MONITOR_KEYS = "ringmaster:check:*"
PATTERN = re.compile(r"[^\s\"'\\]{1,128}")

# Administration stays with the platform: persistence, replication, ACLs, configuration, modules, shutdown.
_ORDINARY = "+@all -@admin -@dangerous +info +role"
RIGHTS: Mapping[str, str] = {
    "owner": f"{_ORDINARY} +keys +flushdb +flushall +swapdb +sort +sort_ro +restore",
    "readwrite": _ORDINARY,
    "readonly": "-@all +@read +@connection +subscribe +psubscribe +ssubscribe +unsubscribe +punsubscribe"
    " +sunsubscribe +info -@dangerous +info",
}
# What looks at, empties or changes what all accounts share, whatever keys an account may use: names of others' keys and
# channels, libraries of functions that others call, scripts that others run.
_SHARED = (
    "-scan -randomkey -keys -flushdb -flushall -swapdb -function -script|flush -script|kill -script|debug"
    " -pubsub -client|tracking -cluster|getkeysinslot"
)
# The same of commands that only one engine has; the others take no rule that names them.
_SHARED_OF: Mapping[str, str] = {"redis": "", "valkey": " -script|show"}
ENGINES = tuple(_SHARED_OF)
EVERYTHING = "*"
MONITOR_RIGHTS = "-@all +ping +info +set +get +del +latency|latest +slowlog|len"


@dataclass(frozen=True)
class Account:
    """An account of one Redis server. ``rule`` is its line in the ACL file, which holds no password."""

    name: str
    password: str
    rule: str
    is_declared: bool


def environment(user: User, vm: Mapping[str, Any]) -> dict[str, str]:
    """Return the content of a credentials file, which leads to the port with TLS.

    REDISCLI_AUTH is what redis-cli reads, the others what applications do.
    """
    host = str(vm["ringmaster_fqdn"])
    return {
        "REDIS_HOST": host,
        "REDIS_PORT": str(TLS_PORT),
        "REDIS_USERNAME": user.name,
        "REDIS_PASSWORD": user.password,
        "REDISCLI_AUTH": user.password,
        "REDIS_CA_CERT": CA_FILE,
        "REDIS_URL": f"rediss://{quote(user.name)}:{quote(user.password)}@{host}:{TLS_PORT}/0",
    }


REDIS = ComponentUsers(
    "redis",
    "Redis",
    environment,
    reserved=frozenset({"default", ADMINISTRATOR, MONITOR}),
    own=(ADMINISTRATOR, MONITOR),
    roles=tuple(RIGHTS),
)


def accounts(
    declared: Iterable[Mapping[str, Any]], platform_secret: str, vm: Mapping[str, Any], engine: str = "redis"
) -> list[Account]:
    """Return all accounts of the Redis on ``vm`` (its host variables), the platform's own first.

    ``engine`` is the server that reads the rules, one of ENGINES. KeyError for another one.
    """

    def account(name: str, password: str, rights: str, is_declared: bool) -> Account:
        digest = hashlib.sha256(password.encode()).hexdigest()
        return Account(name, password, f"user {name} on sanitize-payload #{digest} {rights}", is_declared)

    own = {
        ADMINISTRATOR: "~* &* +@all",
        MONITOR: f"~{MONITOR_KEYS} resetchannels {MONITOR_RIGHTS}",
    }
    return [
        *(account(name, REDIS.password(platform_secret, vm, name), own[name], False) for name in own),
        *(
            account(user.name, user.password, _rights(user, vm, engine), True)
            for user in REDIS.checked(declared, platform_secret, vm)
        ),
    ]


def _rights(user: User, vm: Mapping[str, Any], engine: str) -> str:
    """Return keys, channels and commands. Who may not use all keys has no command that asks for none of them."""
    keys = _patterns("keys", user, vm, [EVERYTHING])
    # Channels are named like keys, so that who was given a part of the keys has the same part of them.
    channels = _patterns("channels", user, vm, keys)
    limited = f" {_SHARED}{_SHARED_OF[engine]}" if EVERYTHING not in keys else ""
    places = [*(f"~{pattern}" for pattern in keys), *(f"&{pattern}" for pattern in channels)]
    return f"{' '.join(places)} {RIGHTS[user.role]}{limited}"


def _patterns(kind: str, user: User, vm: Mapping[str, Any], default: list[str]) -> list[str]:
    """Return the declared patterns; an empty list is none, and never all."""
    patterns = [str(pattern) for pattern in given(user.options, kind, default)]
    for pattern in patterns:
        if not PATTERN.fullmatch(pattern):
            host, one = vm["inventory_hostname"], kind.removesuffix("s")
            raise UserError(f"{host}: the {one} pattern {pattern!r} of the Redis user '{user.name}' is not one word")
    return patterns
