# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis as a managed component: its accounts, their rights and the credentials files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.secret import derive

PORT = 6379
COMPONENT = "redis"
ADMINISTRATOR = "ringmaster"
MONITOR = "monitor"
RESERVED = frozenset({"default", ADMINISTRATOR, MONITOR})
# What the checks may touch, besides reading figures.
MONITOR_KEYS = "ringmaster:check:*"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
PATTERN = re.compile(r"[^\s\"'\\]{1,128}")

# Administration stays with the platform: persistence, replication, ACLs, configuration, modules, shutdown.
_ORDINARY = "+@all -@admin -@dangerous +info +role"
RIGHTS: Mapping[str, str] = {
    "owner": f"{_ORDINARY} +keys +flushdb +flushall +swapdb +sort +sort_ro +restore",
    "readwrite": _ORDINARY,
    "readonly": "-@all +@read +@connection +subscribe +psubscribe +ssubscribe +unsubscribe +punsubscribe"
    " +sunsubscribe +info -@dangerous +info",
}
MONITOR_RIGHTS = "-@all +ping +info +set +get +del +latency|latest +slowlog|len"


class UserError(ValueError):
    """A declared user that cannot be; the text names it and says what is allowed."""


@dataclass(frozen=True)
class Account:
    """An account of one Redis server. ``rule`` is its line in the ACL file, which holds no password."""

    name: str
    password: str
    rule: str
    is_declared: bool


def accounts(
    declared: Iterable[Mapping[str, Any]], platform_secret: str, vm: Mapping[str, Any]
) -> list[Account]:
    """Return all accounts of the Redis on ``vm`` (its host variables), the platform's own first."""
    name, project = str(vm["inventory_hostname"]), str(vm["ringmaster_project"])
    generations = vm.get("ringmaster_secret_generations") or {}

    def account(user: str, rights: str, is_declared: bool) -> Account:
        password = derive(
            platform_secret,
            project=project,
            vm=name,
            component=COMPONENT,
            object_name=user,
            generation=int(generations.get(f"{name}/{COMPONENT}/{user}", 1)),
        )
        digest = hashlib.sha256(password.encode()).hexdigest()
        rule = f"user {user} on sanitize-payload #{digest} {rights}"
        return Account(user, password, rule, is_declared)

    result = [
        account(ADMINISTRATOR, "~* &* +@all", False),
        account(MONITOR, f"~{MONITOR_KEYS} resetchannels {MONITOR_RIGHTS}", False),
    ]
    for user in declared:
        result.append(account(*_declared(user, {one.name for one in result}, name), True))
    return result


def _declared(user: Mapping[str, Any], taken: set[str], vm: str) -> tuple[str, str]:
    name = str(user.get("name", ""))
    if not NAME.fullmatch(name):
        raise UserError(
            f"{vm}: the Redis user '{name}' must be named with lower-case letters, digits, '-' and '_'"
        )
    if name in RESERVED or name in taken:
        why = "is the platform's own" if name in RESERVED else "is declared twice"
        raise UserError(f"{vm}: the Redis user '{name}' {why}")
    role = user.get("role") or "owner"
    if role not in RIGHTS:
        raise UserError(f"{vm}: the Redis user '{name}' has the role '{role}'; allowed: {', '.join(RIGHTS)}")
    patterns = [str(pattern) for pattern in user.get("keys") or ["*"]]
    for pattern in patterns:
        if not PATTERN.fullmatch(pattern):
            raise UserError(f"{vm}: the key pattern {pattern!r} of the Redis user '{name}' is not one word")
    keys = " ".join(f"~{pattern}" for pattern in patterns)
    return name, f"{keys} &* {RIGHTS[role]}"


def credentials(
    vms: Iterable[Mapping[str, Any]], platform_secret: str, default_users: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    """Return the credentials files of a project: name of the file to its text.

    ``vms`` are the host variables of the project's VMs with Redis. Each declared user has
    ``<user>@<vm>.env``. ``<user>.env`` is the same for the VM with the lowest id that declares
    the user, so that adding a VM never changes what an existing name means.
    """
    default = list(default_users)
    files: dict[str, str] = {}
    for vm in sorted(
        vms, key=lambda one: (int(one.get("ringmaster_vm_id") or 0), str(one["inventory_hostname"]))
    ):
        declared = vm.get("redis_users")
        for account in accounts(default if declared is None else declared, platform_secret, vm):
            if account.is_declared:
                text = _environment(account, str(vm["ringmaster_fqdn"]))
                files[f"{account.name}@{vm['inventory_hostname']}.env"] = text
                files.setdefault(f"{account.name}.env", text)
    return dict(sorted(files.items()))


def _environment(account: Account, host: str) -> str:
    url = f"redis://{quote(account.name)}:{quote(account.password)}@{host}:{PORT}/0"
    values = {
        "REDIS_HOST": host,
        "REDIS_PORT": str(PORT),
        "REDIS_USERNAME": account.name,
        "REDIS_PASSWORD": account.password,
        "REDIS_URL": url,
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())
