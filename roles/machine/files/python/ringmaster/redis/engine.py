# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server the component runs: Redis, or Valkey, which speaks the same protocol and has files of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ringmaster.core import systemd
from ringmaster.core.report import Failure

# Role redis writes it. Everybody may read it: the checks ask, too.
FILE = Path("/etc/ringmaster/redis-engine.json")


@dataclass(frozen=True)
class Engine:
    """A server as Debian packages it.

    ``reads`` are the engines whose snapshots it can load. Debian 13's Valkey 8.1 cannot load those of Redis 8.0
    ("Can't handle RDB format version 12"), whatever ``rdb-version-check`` says; the other way round it works.
    """

    name: str
    title: str
    unit: str
    account: str
    data: Path
    socket: str
    server: str
    check_rdb: str
    reads: tuple[str, ...]


REDIS = Engine(
    "redis",
    "Redis",
    unit="redis-server.service",
    account="redis",
    data=Path("/var/lib/redis"),
    socket="/run/redis/redis-server.sock",
    server="/usr/bin/redis-server",
    check_rdb="/usr/bin/redis-check-rdb",
    reads=("redis", "valkey"),
)
VALKEY = Engine(
    "valkey",
    "Valkey",
    unit="valkey-server.service",
    account="valkey",
    data=Path("/var/lib/valkey"),
    socket="/run/valkey/valkey-server.sock",
    server="/usr/bin/valkey-server",
    check_rdb="/usr/bin/valkey-check-rdb",
    reads=("valkey",),
)
ENGINES = {one.name: one for one in (REDIS, VALKEY)}


def present(file: Path = FILE) -> Engine:
    """Return the engine of this machine; Redis where the role has not said so yet. Raises Failure."""
    try:
        return ENGINES[json.loads(file.read_text())["engine"]]
    except FileNotFoundError:
        return REDIS
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"{file} names no engine of {', '.join(ENGINES)}; playbooks/components.yml writes it") from error


def refuse_beside_another(engine: Engine, known: Iterable[Engine] = ENGINES.values()) -> None:
    """Raise Failure while another engine runs on this machine or has data: this one would start empty beside it."""
    for other in known:
        if other.name == engine.name:
            continue
        if _is_active(other):
            found = f"{other.title} runs on this machine ({other.unit})"
        elif _holds_something(other.data):
            found = f"{other.data} holds data of {other.title}"
        else:
            continue
        raise Failure(
            f"{found}, and {engine.title} would start empty beside it, so nothing was changed. Set"
            f" 'engine: {other.name}' again; or order another VM with 'engine: {engine.name}' and let the application"
            " copy; or, where the data may go, take the component away (playbooks/remove_component.yml), move"
            f" {other.data} away, and name it again"
        )


def others_at_boot(engine: Engine, known: Iterable[Engine] = ENGINES.values()) -> list[str]:
    """Return the units of other engines that would be started at the next boot, on the same ports."""
    units = [other.unit for other in known if other.name != engine.name]
    return [unit for unit in units if systemd.properties(unit, "UnitFileState").get("UnitFileState") == "enabled"]


def _is_active(engine: Engine) -> bool:
    return systemd.properties(engine.unit, "ActiveState").get("ActiveState") not in ("inactive", "failed")


def _holds_something(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except FileNotFoundError:
        return False
