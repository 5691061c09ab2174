# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``redis_accounts``: all accounts of a Redis server, with digests of their passwords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import redis
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


def redis_accounts(
    users: Any, platform_secret: str, vm: Mapping[str, Any], engine: str = "redis"
) -> list[dict[str, Any]]:
    """Return the accounts as dictionaries."""
    return [asdict(account) for account in redis.accounts(users, platform_secret, vm, engine)]


class FilterModule:
    """Filters of the collection for Redis."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"redis_accounts": wrap("redis_accounts: {}", redis_accounts, KeyError, ValueError)}
