# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL, MariaDB and Redis on one machine, with nothing said about how to share it."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from testinfra.host import Host

MIB = 1024**2
COMPONENTS = ("postgresql", "mysql", "redis")
Eventually = Callable[..., None]


@dataclass(frozen=True)
class Service:
    """What a test needs to know of a component: commands of its user, and how it takes a disk that is full."""

    unit: str
    data: str
    owner: str
    client: str
    write: str
    fill: str
    refusal: str
    check: str


SERVICES = {
    "postgresql": Service(
        "postgresql@17-main",
        "/var/lib/postgresql",
        "postgres",
        "PGHOSTADDR={address} psql -At -v ON_ERROR_STOP=1 -c",
        "CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (1) RETURNING 'written'",
        "CREATE TABLE big AS SELECT n, repeat(md5(n::text), 50) FROM generate_series(1, 100000) n",
        "No space left on device",
        "postgresql/login",
    ),
    "mysql": Service(
        "mariadb",
        "/var/lib/mysql",
        "mysql",
        "MYSQL_HOST={address} mariadb --user=$MYSQL_USER -NBe",
        "CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (1); SELECT 'written'",
        "CREATE TABLE big ENGINE=InnoDB AS SELECT seq, repeat(md5(seq), 50) AS t FROM seq_1_to_100000",
        "is full",
        "mysql/disk",
    ),
    "redis": Service(
        "redis-server",
        "/var/lib/redis",
        "redis",
        "redis-cli --tls --cacert $REDIS_CA_CERT -h {address} -p $REDIS_PORT --user $REDIS_USERNAME EVAL",
        "return redis.call('SET', 'kept', 'written') and 'written'",
        "for i = 1, 40000 do redis.call('SET', 'big:' .. i, string.rep('x', 1000)) end return 'written'",
        "MISCONF",
        "redis/persistence",
    ),
}


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
    checks = json.loads(machine_of_three.check_output("ringmaster-check --now --json"))["checks"]
    mine = [one for one in checks if one["component"] in COMPONENTS]
    assert {one["component"] for one in mine} == set(COMPONENTS)
    assert [one for one in mine if one["state"] != "ok"] == []


def test_one_that_is_down_leaves_the_others_alone(machine_of_three: Host) -> None:
    machine_of_three.check_output("systemctl stop mariadb")
    try:
        checks = json.loads(machine_of_three.check_output("ringmaster-check --now --json"))["checks"]
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


def run(host: Host, component: str, address: str, command: str) -> Any:
    """Run a command as the service user does; for Redis, a script."""
    words = SERVICES[component].client.format(address=address) + f" {shlex.quote(command)}"
    words += " 0" if component == "redis" else ""
    shell = f"set -a; . /etc/ringmaster/credentials/{component}/app.env; {words}"
    return host.run(f"sudo -u s-trio sh -c {shlex.quote(shell)}")


def status(host: Host, name: str) -> dict[str, Any]:
    checks = json.loads(host.check_output("ringmaster-check --now --json"))["checks"]
    return next(one for one in checks if f"{one['component']}/{one['check']}" == name)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_full_disk_is_told_refused_and_got_over(
    machine_of_three: Host, hostvars: dict[str, dict[str, Any]], eventually: Eventually, component: str
) -> None:
    """A small file system holds the data. What was written before is there afterwards; nobody has to lend a hand."""
    service, address = SERVICES[component], hostvars["trio00"]["ringmaster_srv_ipv4"]
    host = machine_of_three
    assert "written" in run(host, component, address, service.write).stdout
    host.check_output(
        f"systemctl stop {service.unit} && mv {service.data} {service.data}.kept && mkdir {service.data}"
        f" && size=$(du -sm {service.data}.kept | cut -f1) && mount -t tmpfs -o size=$((size + 60))M"
        f" none {service.data}"
        f" && cp -a {service.data}.kept/. {service.data}/ && chown --reference={service.data}.kept {service.data}"
        f" && chmod --reference={service.data}.kept {service.data} && systemctl start {service.unit}"
    )
    try:
        host.run(f"head -c 50M /dev/zero > {service.data}/ballast")
        assert "written" in run(host, component, address, service.write).stdout
        run(host, component, address, service.fill)
        told = ""
        for _attempt in range(20):
            done = run(host, component, address, service.fill)
            told += done.stdout + done.stderr
            if service.refusal in told:
                break
        assert service.refusal in told
        eventually(lambda: status(host, service.check)["state"] in ("warning", "critical"))
        host.check_output(f"rm {service.data}/ballast")
        eventually(lambda: "written" in run(host, component, address, service.write).stdout, 90)
        eventually(lambda: status(host, f"{component}/login")["state"] == "ok")
    finally:
        host.check_output(
            f"systemctl stop {service.unit}; umount {service.data} && rmdir {service.data}"
            f" && mv {service.data}.kept {service.data} && systemctl start {service.unit}"
        )
    eventually(lambda: status(host, f"{component}/login")["state"] == "ok")
    assert "written" in run(host, component, address, service.write).stdout


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_password_is_rotated_and_the_application_goes_on(
    machine_of_three: Host,
    hostvars: dict[str, dict[str, Any]],
    play: Callable[..., subprocess.CompletedProcess[str]],
    component: str,
) -> None:
    host, address = machine_of_three, hostvars["trio00"]["ringmaster_srv_ipv4"]
    service, file = SERVICES[component], f"/etc/ringmaster/credentials/{component}/app.env"
    assert "written" in run(host, component, address, service.write).stdout
    host.check_output(f"cp -p {file} /run/{component}-old.env")
    done = play("rotate_secret", vm="trio00", component=component, object="app")
    assert done.returncode == 0, done.stdout
    assert host.run(f"cmp {file} /run/{component}-old.env").rc == 1
    # With what the new file says the application has its data as before, and with the old password nobody gets in.
    assert "written" in run(host, component, address, service.write).stdout
    words = service.client.format(address=address) + f" {shlex.quote(service.write)}"
    words += " 0" if component == "redis" else ""
    refused = host.run(f"sh -c {shlex.quote(f'set -a; . /run/{component}-old.env; {words}')}")
    assert "written" not in refused.stdout
    host.check_output(f"rm /run/{component}-old.env")
    for secret in host.check_output(f"grep -h PASSWORD= {file} | cut -d= -f2").split():
        assert secret not in done.stdout + done.stderr
