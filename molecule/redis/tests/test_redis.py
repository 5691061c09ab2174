# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis as its users and its neighbours see it. mol00 has Redis, mol01 is another VM of the same project."""

from __future__ import annotations

import json
import shlex
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ringmaster.redis.client import TLS_PORT, Client, RedisError
from steps import check_of, small_disk, writer
from testinfra.host import Host

PORT = 6379
CREDENTIALS = "/etc/ringmaster/credentials/redis"
INBOX = "/etc/local/redis"
put = writer("s-mol", INBOX)
PLATFORM_CA = str(Path(__file__).parents[3] / ".lab/keys/ca.pem")
Eventually = Callable[..., None]


@pytest.fixture(scope="module")
def redis(machine: Callable[[str], Host]) -> Host:
    """Return the machine with Redis."""
    return machine("mol00")


@pytest.fixture(scope="module")
def neighbour(machine: Callable[[str], Host]) -> Host:
    """Return another machine of the project."""
    return machine("mol01")


@pytest.fixture(scope="module")
def credentials(neighbour: Host) -> dict[str, str]:
    """Return the credentials as they lie on the other machine."""
    text = neighbour.check_output(f"cat {CREDENTIALS}/app.env")
    return dict(line.split("=", 1) for line in text.splitlines())


def addresses(hostvars: dict[str, dict[str, Any]], network: str) -> list[str]:
    return [hostvars["mol00"][f"ringmaster_{network}_{family}"] for family in ("ipv4", "ipv6")]


def connect(address: str, credentials: dict[str, str]) -> Client:
    client = Client((address, PORT))
    client.command("AUTH", credentials["REDIS_USERNAME"], credentials["REDIS_PASSWORD"])
    return client


@pytest.fixture
def empty_inbox(redis: Host, eventually: Eventually) -> Iterator[None]:
    yield
    redis.check_output(f"rm -f {INBOX}/*.conf")
    eventually(lambda: redis.check_output("ls /etc/ringmaster/redis/accepted") == "")
    eventually(lambda: json.loads(redis.check_output("cat /var/lib/ringmaster/redis.json"))["refused"] == {})


@pytest.mark.contract("data go there and back over IPv4 and IPv6")
@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_round_trip_on_the_server_network(
    hostvars: dict[str, dict[str, Any]], credentials: dict[str, str], family: int
) -> None:
    with connect(addresses(hostvars, "srv")[family], credentials) as client:
        assert client.command("SET", "test:round-trip", f"value {family}") == "OK"
        assert client.command("GET", "test:round-trip") == f"value {family}"


def test_round_trip_from_another_vm_with_nothing_but_the_file(
    redis: Host, neighbour: Host, hostvars: dict[str, dict[str, Any]]
) -> None:
    """DNS or /etc/hosts give the name elsewhere; here the address stands for it."""
    program = """
import os, socket, ssl
place = os.environ
connection = socket.create_connection((place["ADDRESS"], int(place["REDIS_PORT"])))
trust = ssl.create_default_context(cafile=place["REDIS_CA_CERT"])
connection = trust.wrap_socket(connection, server_hostname=place["REDIS_HOST"])
connection.sendall(f"AUTH {place['REDIS_USERNAME']} {place['REDIS_PASSWORD']}\\r\\n".encode())
print(connection.makefile().readline().strip())
"""
    address = addresses(hostvars, "srv")[0]
    shell = f"set -a; . {CREDENTIALS}/app.env; ADDRESS={address} python3 -c {shlex.quote(program)}"
    assert neighbour.check_output(f"sudo -u s-mol sh -c {shlex.quote(shell)}") == "+OK"


@pytest.mark.contract("refused to strangers")
@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_without_password_nothing(hostvars: dict[str, dict[str, Any]], family: int) -> None:
    with Client((addresses(hostvars, "srv")[family], PORT)) as client:
        for command in (["GET", "test:round-trip"], ["PING"], ["INFO"], ["CONFIG", "GET", "*"]):
            with pytest.raises(RedisError, match="NOAUTH"):
                client.command(*command)
        for user in ("default", "app", "ringmaster", "monitor"):
            with pytest.raises(RedisError, match="WRONGPASS"):
                client.command("AUTH", user, "guess")


@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("port", [PORT, TLS_PORT])
def test_nothing_on_the_frontend(hostvars: dict[str, dict[str, Any]], family: int, port: int) -> None:
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((addresses(hostvars, "fe")[family], port), timeout=3)


@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_redis_cli_over_tls_trusts_the_platform_ca_only(
    redis: Host, hostvars: dict[str, dict[str, Any]], family: int
) -> None:
    address = addresses(hostvars, "srv")[family]

    def ask(ca: str) -> str:
        client = f"redis-cli --tls --cacert {ca} -h {address} -p $REDIS_PORT --user app PING"
        shell = f"set -a; . {CREDENTIALS}/app.env; {client}"
        done = redis.run(f"sudo -u s-mol sh -c {shlex.quote(shell)}")
        return done.stdout.strip() or done.stderr

    assert ask("$REDIS_CA_CERT") == "PONG"
    assert "certificate verify failed" in ask("/etc/ssl/certs/ISRG_Root_X1.pem")
    with Client((address, TLS_PORT), ca=PLATFORM_CA) as client, pytest.raises(RedisError, match="WRONGPASS"):
        client.command("AUTH", "app", "guess")


def test_a_renewed_certificate_is_taken_over_without_a_restart(redis: Host) -> None:
    folder = "/etc/ringmaster/certificates/redis"
    served = "openssl s_client -connect 127.0.0.1:6380 </dev/null 2>/dev/null | openssl x509 -noout -subject"
    program = "/usr/bin/ringmaster redis"
    process = redis.check_output("systemctl show -P MainPID redis-server")
    assert json.loads(redis.check_output(f"{program} converge"))["changed"] is False
    redis.check_output(
        f"cp -a $(readlink -f {folder}) /run/kept && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
        f" -nodes -keyout {folder}/privkey.pem -out {folder}/fullchain.pem -days 2 -subj /CN=renewed 2>/dev/null"
    )
    try:
        assert json.loads(redis.check_output(f"{program} converge"))["steps"] == ["load the certificate"]
        assert "renewed" in redis.check_output(served)
        check = check_of(redis, "redis/login")
        assert (check["state"], "certificate verify failed" in check["output"]) == ("critical", True)
    finally:
        redis.check_output(f"cp -a /run/kept/* {folder}/ && {program} converge && rm -r /run/kept")
    assert check_of(redis, "redis/login")["state"] == "ok"
    assert redis.check_output("systemctl show -P MainPID redis-server") == process


def test_without_plain_port_on_demand(redis: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    configuration, program = "/etc/ringmaster/redis/redis.conf", "/usr/bin/ringmaster redis"
    address = addresses(hostvars, "srv")[0]
    redis.check_output(f"sed -i 's/^port 6379/port 0/' {configuration} && {program} converge")
    try:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, PORT), timeout=3)
        with Client((address, TLS_PORT), ca=PLATFORM_CA) as client, pytest.raises(RedisError, match="NOAUTH"):
            client.command("PING")
    finally:
        redis.check_output(f"sed -i 's/^port 0/port 6379/' {configuration} && {program} converge")
    socket.create_connection((address, PORT), timeout=3).close()


def test_listens_where_it_should_and_nowhere_else(redis: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    lines = redis.check_output("ss -Hltnp").splitlines()
    found = {line.split()[3] for line in lines if "redis-server" in line}
    ipv4, ipv6 = addresses(hostvars, "srv")
    assert found == {f"{one}:{port}" for one in ("127.0.0.1", "[::1]", ipv4, f"[{ipv6}]") for port in (PORT, TLS_PORT)}
    exporter = [line.split()[3] for line in lines if "prometheus-redi" in line]
    assert exporter == [f"{ipv4}:9121"]


def test_application_may_not_administer(hostvars: dict[str, dict[str, Any]], credentials: dict[str, str]) -> None:
    with connect(addresses(hostvars, "srv")[0], credentials) as client:
        for words in (
            ["CONFIG", "SET", "dir", "/tmp"],
            ["ACL", "LIST"],
            ["SHUTDOWN"],
            ["REPLICAOF", "a", "1"],
        ):
            with pytest.raises(RedisError, match="NOPERM"):
                client.command(*words)


def test_monitor_may_only_look(redis: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    text = redis.check_output("cat /etc/ringmaster/monitoring/redis.env")
    monitor = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    with connect(addresses(hostvars, "srv")[0], monitor) as client:
        assert client.command("PING") == "PONG"
        for words in (["GET", "test:round-trip"], ["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"]):
            with pytest.raises(RedisError, match="NOPERM"):
                client.command(*words)


def test_credentials_are_for_service_users_only(redis: Host, neighbour: Host) -> None:
    for host in (redis, neighbour):
        file = host.file(f"{CREDENTIALS}/app.env")
        assert (file.user, file.group, file.mode) == ("root", "service", 0o640)
        assert host.run(f"sudo -u s-mol cat {CREDENTIALS}/app.env").rc == 0
        assert host.run(f"sudo -u nobody cat {CREDENTIALS}/app.env").rc != 0
    assert neighbour.run("test -e /etc/ringmaster/redis").rc != 0


def test_password_is_nowhere_else(redis: Host, credentials: dict[str, str]) -> None:
    password = credentials["REDIS_PASSWORD"]
    redis.check_output("ringmaster-check --now")
    places = "/etc /var/log /var/lib/ringmaster /run/ringmaster /usr/lib/ringmaster"
    load = f". {CREDENTIALS}/app.env"
    assert redis.run(f'{load}; grep -rslaF -e "$REDIS_PASSWORD" {places} | grep -v ^{CREDENTIALS}/').stdout == ""
    assert "redis-server" in redis.check_output("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    for source in ("journalctl --no-pager", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"):
        assert password not in redis.run(source).stdout


def test_is_fitted_to_the_machine(redis: Host, hostvars: dict[str, dict[str, Any]]) -> None:
    memory = json.loads(redis.check_output("ringmaster-check --json"))["checks"]
    sentence = next(one["output"] for one in memory if one["check"] == "memory" and one["component"] == "redis")
    assert f"of {int(hostvars['mol00']['ringmaster_memory_mib'] * 0.4)} MiB" in sentence


@pytest.mark.contract("kill -9 is survived")
def test_comes_back_with_its_data_after_a_kill(
    redis: Host, hostvars: dict[str, dict[str, Any]], credentials: dict[str, str], eventually: Eventually
) -> None:
    address = addresses(hostvars, "srv")[0]
    with connect(address, credentials) as client:
        client.command("SET", "test:survivor", "here")
        client.command("WAITAOF", "1", "0", "3000")
    before = redis.check_output("systemctl show -P MainPID redis-server")
    redis.check_output(f"kill -9 {before}")

    def answers() -> bool:
        try:
            with connect(address, credentials) as client:
                return client.command("GET", "test:survivor") == "here"
        except (OSError, RedisError):
            return False

    eventually(answers)
    assert redis.check_output("systemctl show -P MainPID redis-server") != before


def test_stop_turns_the_check_red(redis: Host) -> None:
    assert check_of(redis, "redis/login")["state"] == "ok"
    redis.check_output("systemctl stop redis-server")
    try:
        check = check_of(redis, "redis/login")
        assert check["state"] == "critical"
        assert "refused" in check["output"]
        assert check_of(redis, "redis/memory")["state"] == "unknown"
    finally:
        redis.check_output("systemctl start redis-server")
    assert check_of(redis, "redis/login")["state"] == "ok"


def test_full_disk(
    redis: Host, hostvars: dict[str, dict[str, Any]], credentials: dict[str, str], eventually: Eventually
) -> None:
    """Writes are refused and a check says why; what was on disk is there when there is room, without anybody's help."""
    address = addresses(hostvars, "srv")[0]

    def write(number: int) -> bool:
        """Write a key and wait until it is on disk."""
        try:
            with connect(address, credentials) as client:
                client.command("SET", f"ledger:{number}", "x" * 500_000)
                return client.command("WAITAOF", "1", "0", "3000")[0] == 1
        except (OSError, RedisError):
            return False

    with small_disk(redis, "redis-server", "/var/lib/redis", 16) as fill:
        eventually(lambda: write(0))
        fill(4)
        written = 0
        while write(written + 1):
            written += 1
            assert written < 100, "the disk does not get full"
        assert written
        eventually(lambda: check_of(redis, "redis/persistence")["state"] == "critical")
        assert "the append-only file cannot be written" in check_of(redis, "redis/persistence")["output"]
        check = check_of(redis, "redis/disk")
        assert check["state"] == "critical"
        assert int(check["output"].split(" % of the disk are in use")[0]) >= 95
        with connect(address, credentials) as client, pytest.raises(RedisError, match="MISCONF"):
            client.command("SET", "ledger:refused", "x")
        redis.check_output("rm /var/lib/redis/ballast")
        eventually(lambda: write(0), 60)
    for name in ("login", "persistence"):
        eventually(lambda name=name: check_of(redis, f"redis/{name}")["state"] == "ok")
    with connect(address, credentials) as client:
        assert client.command("EXISTS", *(f"ledger:{number}" for number in range(written + 1))) == written + 1
        client.command("DEL", *(f"ledger:{number}" for number in range(written + 2)))


def test_checks_reach_prometheus(hostvars: dict[str, dict[str, Any]]) -> None:
    ipv4, ipv6 = addresses(hostvars, "srv")
    for address in (ipv4, f"[{ipv6}]"):
        with urllib.request.urlopen(f"http://{address}:9100/metrics", timeout=10) as answer:
            text = answer.read().decode()
        assert 'ringmaster_check_status{check="login",component="redis"} 0' in text
        assert "ringmaster_check_timestamp_seconds" in text
    with urllib.request.urlopen(f"http://{ipv4}:9121/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert "\nredis_up 1" in text
    assert 'redis_exporter_last_scrape_error{err=""} 0' in text


@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.usefixtures("empty_inbox")
def test_drop_in_is_taken_over_without_a_restart(redis: Host, eventually: Eventually) -> None:
    process = redis.check_output("systemctl show -P MainPID redis-server")
    put(redis, "cache.conf", "maxmemory-policy allkeys-lru\n")
    eventually(lambda: "allkeys-lru" in check_of(redis, "redis/memory")["output"])
    assert redis.check_output("systemctl show -P MainPID redis-server") == process
    accepted = redis.file("/etc/ringmaster/redis/accepted/cache.conf")
    assert (accepted.user, accepted.group, accepted.mode) == ("root", "redis", 0o640)
    redis.check_output(f"sudo -u s-mol rm {INBOX}/cache.conf")
    eventually(lambda: "noeviction" in check_of(redis, "redis/memory")["output"])


@pytest.mark.usefixtures("empty_inbox")
def test_a_drop_in_that_comes_while_nobody_watches_is_taken_over(redis: Host, eventually: Eventually) -> None:
    """systemd does not watch before the service has ended, which takes long here, as it may under load."""
    folder = "/run/systemd/system/ringmaster-redis-inbox.service.d"
    redis.check_output(f"mkdir -p {folder} && printf '[Service]\\nExecStopPost=sleep 5\\n' > {folder}/slow.conf")
    redis.check_output("systemctl daemon-reload")
    try:
        put(redis, "first.conf", "slowlog-max-len 77\n")
        unit = "systemctl show -P SubState ringmaster-redis-inbox.service"
        eventually(lambda: redis.check_output(unit) == "stop-post")
        put(redis, "late.conf", "slowlog-max-len 88\n")
        assert redis.check_output(unit) == "stop-post"
        accepted = "ls /etc/ringmaster/redis/accepted"
        eventually(lambda: redis.check_output(accepted).split() == ["first.conf", "late.conf"])
    finally:
        redis.check_output(f"rm -r {folder} && systemctl daemon-reload")


@pytest.mark.contract("a restart only when asked for")
@pytest.mark.usefixtures("empty_inbox")
def test_setting_that_needs_a_restart_waits_for_it(redis: Host, eventually: Eventually) -> None:
    put(redis, "many.conf", "databases 20\n")
    eventually(lambda: "databases (16, wanted 20)" in check_of(redis, "redis/restart")["output"])


@pytest.mark.contract("a trial start before anything is used")
@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.usefixtures("empty_inbox")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dir /tmp\n", "line 1: the directive 'dir' is not allowed here"),
        ("timeout 10\nInclude /etc/shadow\n", "line 2: the directive 'include' is not allowed here"),
        ("user default on nopass ~* +@all\n", "the directive 'user' is not allowed here"),
        ("hz fast\n", "Redis refuses it"),
        ("maxmemory 0\n", "maxmemory must be above 0"),
    ],
)
def test_bad_drop_in_is_left_out_and_told(redis: Host, eventually: Eventually, text: str, reason: str) -> None:
    put(redis, "good.conf", "slowlog-max-len 77\n")
    put(redis, "bad.conf", text)

    def told() -> bool:
        check = check_of(redis, "redis/drop-ins")
        return check["state"] == "warning" and "bad.conf is left out" in check["output"] and reason in check["output"]

    eventually(told)
    assert redis.check_output("ls /etc/ringmaster/redis/accepted") == "good.conf"
    assert check_of(redis, "redis/login")["state"] == "ok"


@pytest.mark.usefixtures("empty_inbox")
def test_links_and_fifos_are_refused(redis: Host, eventually: Eventually) -> None:
    redis.check_output(f"sudo -u s-mol sh -c 'ln -s /etc/shadow {INBOX}/link.conf; mkfifo {INBOX}/pipe.conf'")
    eventually(lambda: "link.conf is left out: it is a link" in check_of(redis, "redis/drop-ins")["output"])
    assert "pipe.conf is left out: it is not a regular file" in check_of(redis, "redis/drop-ins")["output"]
    assert redis.check_output("ls /etc/ringmaster/redis/accepted") == ""


def test_service_user_cannot_replace_the_platforms_files(redis: Host) -> None:
    assert redis.run(f"sudo -u s-mol rm -f {INBOX}/README").rc != 0
    assert redis.run("sudo -u s-mol touch /etc/ringmaster/redis/accepted/x.conf").rc != 0


def test_broken_definition_becomes_a_check(redis: Host) -> None:
    path = "/usr/lib/ringmaster/checks.d/broken.json"
    redis.check_output(f"echo '[{{' > {path}")
    try:
        check = check_of(redis, "monitoring_agent/definitions")
        assert check["state"] == "critical"
        assert "broken.json is left out: not valid JSON" in check["output"]
        assert check_of(redis, "redis/login")["state"] == "ok"
    finally:
        redis.check_output(f"rm {path}")
    assert check_of(redis, "monitoring_agent/definitions")["state"] == "ok"


def test_data_survives_switching_the_append_only_file_on_while_stopped(
    redis: Host, hostvars: dict[str, dict[str, Any]], credentials: dict[str, str]
) -> None:
    """Plain Redis starts empty here."""
    address = addresses(hostvars, "srv")[0]
    configuration = "/etc/ringmaster/redis/redis.conf"
    program = "/usr/bin/ringmaster redis"
    redis.check_output(f"sed -i 's/^appendonly yes/appendonly no/' {configuration} && {program} converge")
    with connect(address, credentials) as client:
        client.command("SET", "test:snapshot", "kept")
    redis.check_output("systemctl stop redis-server && rm -r /var/lib/redis/appendonlydir")
    redis.check_output(f"sed -i 's/^appendonly no/appendonly yes/' {configuration} && {program} converge")
    with connect(address, credentials) as client:
        assert client.command("GET", "test:snapshot") == "kept"
    assert "append-only file is written" in check_of(redis, "redis/persistence")["output"]
    assert json.loads(redis.check_output(f"{program} converge"))["changed"] is False


def test_listens_again_after_a_reboot(
    redis: Host, hostvars: dict[str, dict[str, Any]], credentials: dict[str, str], eventually: Eventually
) -> None:
    with connect(addresses(hostvars, "srv")[0], credentials) as client:
        client.command("SET", "test:reboot", "kept")
        client.command("WAITAOF", "1", "0", "3000")
    booted = redis.check_output("stat -c %Z /proc/1")
    redis.run("systemd-run --on-active=1 --timer-property=AccuracySec=100ms systemctl reboot")

    def answers(address: str) -> bool:
        try:
            with connect(address, credentials) as client:
                return client.command("GET", "test:reboot") == "kept"
        except (OSError, RedisError):
            return False

    def has_booted() -> bool:
        try:
            return redis.check_output("stat -c %Z /proc/1") != booted
        except RuntimeError:  # no connection
            return False

    eventually(has_booted, 60)
    for address in addresses(hostvars, "srv"):
        eventually(lambda address=address: answers(address), 30)
    assert redis.check_output("systemctl is-active ringmaster-check.timer") == "active"
    assert check_of(redis, "redis/login")["state"] == "ok"


def test_rotated_by_the_verb(
    neighbour: Host, hostvars: dict[str, dict[str, Any]], credentials: dict[str, str], play: Callable[..., Any]
) -> None:
    """The old password is refused, and the new one lies on the project's other VM."""
    address = addresses(hostvars, "srv")[0]
    old = dict(credentials)
    done = play("rotate_secret", vm="mol00", component="redis", object="app", hosts="project_mol")
    assert done.returncode == 0, done.stdout
    text = neighbour.check_output(f"cat {CREDENTIALS}/app.env")
    credentials.update(line.split("=", 1) for line in text.splitlines())
    assert old["REDIS_PASSWORD"] != credentials["REDIS_PASSWORD"]
    with connect(address, credentials) as client:
        assert client.command("PING") == "PONG"
    with pytest.raises(RedisError, match="WRONGPASS"):
        connect(address, old)
