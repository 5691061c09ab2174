# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL, MariaDB and Redis on one machine, with nothing said about how to share it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from steps import checks_of
from testinfra.host import Host

MIB = 1024**2
COMPONENTS = ("postgresql", "mysql", "redis")


@pytest.fixture(scope="module")
def machine_of_three(machine: Callable[[str], Host]) -> Host:
    return machine("trio00")


def ask(host: Host, component: str, command: str) -> str:
    """Run a client as the service user does, with nothing but the file."""
    shell = f"set -a; . /etc/ringmaster/credentials/{component}/app.env; {command}"
    return host.check_output(f"sudo -u s-trio sh -c {shlex.quote(shell)}")


def test_each_serves_its_user(machine_of_three: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    """DNS or /etc/hosts give the name elsewhere; here the address stands for it."""
    address = hostvars["trio00"]["ringmaster_srv_ipv4"]
    sql = "SELECT 6 * 7"
    assert ask(machine_of_three, "postgresql", f"PGHOSTADDR={address} psql -Atc '{sql}'") == "42"
    assert ask(machine_of_three, "mysql", f"MYSQL_HOST={address} mariadb -u $MYSQL_USER -NBe '{sql}'") == "42"
    redis = f"REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -h {address} --user $REDIS_USERNAME --no-auth-warning"
    assert ask(machine_of_three, "redis", f"{redis} SET answer 42") == "OK"


def test_they_share_the_memory(machine_of_three: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    memory = hostvars["trio00"]["ringmaster_memory_mib"]
    assert memory == 2048
    query = "SELECT setting::bigint * 8192 FROM pg_settings WHERE name = 'shared_buffers'"
    buffers = machine_of_three.check_output(f"cd /; runuser -u postgres -- psql -Atc {shlex.quote(query)}")
    pool = machine_of_three.check_output("mariadb -NBe 'SELECT @@innodb_buffer_pool_size'")
    config = machine_of_three.check_output("grep ^maxmemory\\  /etc/ringmaster/redis/redis.conf")
    found = {
        "postgresql": int(buffers) // MIB,
        "mysql": int(pool) // MIB,
        "redis": int(config.split()[1].removesuffix("mb")),
    }
    # Each gets what it would have on a machine of its own with a third of the memory.
    assert found["mysql"] == 408
    assert found["redis"] == 273
    assert found["postgresql"] <= memory // 3 // 4 + 1
    assert sum(found.values()) < memory / 2, found


def test_all_checks_are_good(machine_of_three: Host) -> None:
    checks = checks_of(machine_of_three)
    mine = [one for one in checks if one["component"] in COMPONENTS]
    assert {one["component"] for one in mine} == set(COMPONENTS)
    assert [one for one in mine if one["state"] != "ok"] == []


def test_one_that_is_down_leaves_the_others_alone(machine_of_three: Host) -> None:
    machine_of_three.check_output("systemctl stop mariadb")
    try:
        checks = checks_of(machine_of_three)
        bad = {one["component"] for one in checks if one["component"] in COMPONENTS and one["state"] != "ok"}
        assert bad == {"mysql"}
    finally:
        machine_of_three.check_output("systemctl start mariadb")


def test_each_says_how_it_is_backed_up(machine_of_three: Host) -> None:
    for component in COMPONENTS:
        definition = json.loads(machine_of_three.check_output(f"cat /etc/ringmaster/backup.d/{component}.json"))
        assert definition["component"] == component
        folder = f"/var/backups/ringmaster/{component}"
        for verb in ("dump", "prove"):
            words = [word.replace("{folder}", folder) for word in definition[verb]]
            told = json.loads(machine_of_three.check_output(shlex.join(words)))
        assert "came back" in told["sentence"]
