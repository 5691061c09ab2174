# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component with ``engine: valkey``, on val00; and a change of the engine, which leaves no data behind.

The last of the scenario's files by its name: at its end val00 has Redis.
"""

from __future__ import annotations

import json
import shlex
import socket
import urllib.request
from collections.abc import Callable
from typing import Any

import contract
import pytest
from ringmaster.redis.client import TLS_PORT, Client, RedisError
from steps import check_of, checks_of, sandboxed, writer
from testinfra.host import Host

PORT = 6379
CREDENTIALS = "/etc/ringmaster/credentials/redis"
INBOX = "/etc/local/redis"
DUMP = "/var/backups/ringmaster/redis"
PROCESS = "systemctl show -P MainPID valkey-server"
put = writer("s-val", INBOX)
Eventually = Callable[..., None]


@pytest.fixture(scope="module")
def valkey(machine: Callable[[str], Host]) -> Host:
    """Return the machine with Valkey."""
    return machine("val00")


@pytest.fixture(scope="module")
def credentials(valkey: Host) -> dict[str, str]:
    """Return what an application is given."""
    lines = valkey.check_output(f"cat {CREDENTIALS}/app.env").splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def addresses(hostvars: dict[str, dict[str, Any]]) -> list[str]:
    return [hostvars["val00"][f"ringmaster_srv_{family}"] for family in ("ipv4", "ipv6")]


def connect(address: str, credentials: dict[str, str]) -> Client:
    client = Client((address, PORT))
    client.command("AUTH", credentials["REDIS_USERNAME"], credentials["REDIS_PASSWORD"])
    return client


def ask(host: Host, command: str, tool: str = "valkey-cli") -> str:
    """Ask as the administrator."""
    place = "/run/valkey/valkey-server.sock" if tool == "valkey-cli" else "/run/redis/redis-server.sock"
    client = f"REDISCLI_AUTH=$REDIS_PASSWORD {tool} -s {place} --user $REDIS_USERNAME --no-auth-warning"
    return host.check_output(f"sh -c {shlex.quote(f'. /etc/ringmaster/redis/admin.env; {client} {command}')}")


def test_it_is_valkey_and_there_is_no_redis(valkey: Host) -> None:
    assert "valkey_version:8.1" in ask(valkey, "INFO server")
    assert not valkey.package("redis-server").is_installed
    assert valkey.run("systemctl is-enabled valkey-server.service").stdout.strip() == "enabled"
    assert {one["state"] for one in checks_of(valkey) if one["component"] == "redis"} == {"ok"}


@pytest.mark.contract("data go there and back over IPv4 and IPv6")
@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_valkey_keeps_what_is_written(addresses: list[str], credentials: dict[str, str], family: int) -> None:
    with connect(addresses[family], credentials) as client:
        assert client.command("SET", "test:round-trip", f"value {family}") == "OK"
        assert client.command("GET", "test:round-trip") == f"value {family}"
        with pytest.raises(RedisError, match="NOPERM"):
            client.command("CONFIG", "SET", "dir", "/tmp")


def test_valkey_cli_over_tls_with_nothing_but_the_file(valkey: Host, addresses: list[str]) -> None:
    client = f"valkey-cli --tls --cacert $REDIS_CA_CERT -h {addresses[0]} -p $REDIS_PORT --user app PING"
    shell = f"set -a; . {CREDENTIALS}/app.env; {client}"
    assert valkey.check_output(f"sudo -u s-val sh -c {shlex.quote(shell)}") == "PONG"


@pytest.mark.contract("refused to strangers")
@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_valkey_refuses_who_has_no_password(
    addresses: list[str], hostvars: dict[str, dict[str, Any]], family: int
) -> None:
    with Client((addresses[family], PORT)) as client:
        for command in (["GET", "test:round-trip"], ["PING"], ["INFO"], ["CONFIG", "GET", "*"]):
            with pytest.raises(RedisError, match="NOAUTH"):
                client.command(*command)
        for user in ("default", "app", "ringmaster", "monitor"):
            with pytest.raises(RedisError, match="WRONGPASS"):
                client.command("AUTH", user, "guess")
    frontend = hostvars["val00"]["ringmaster_fe_ipv6"]
    for port in (PORT, TLS_PORT):
        with pytest.raises(OSError, match=r"refused|timed out"):
            socket.create_connection((frontend, port), timeout=3)


def test_exporter_reads_valkey(addresses: list[str]) -> None:
    with urllib.request.urlopen(f"http://{addresses[0]}:9121/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert "\nredis_up 1" in text
    assert 'redis_exporter_last_scrape_error{err=""} 0' in text
    # What the alerts of the component look at.
    assert "\nredis_uptime_in_seconds " in text
    assert "\nredis_rejected_connections_total " in text


@pytest.mark.contract("kill -9 is survived")
def test_valkey_comes_back_with_its_data_after_a_kill(
    valkey: Host, addresses: list[str], credentials: dict[str, str], eventually: Eventually
) -> None:
    with connect(addresses[0], credentials) as client:
        client.command("SET", "test:survivor", "here")
        client.command("WAITAOF", "1", "0", "3000")
    before = valkey.check_output(PROCESS)
    valkey.check_output(f"kill -9 {before}")

    def answers() -> bool:
        try:
            with connect(addresses[0], credentials) as client:
                return client.command("GET", "test:survivor") == "here"
        except (OSError, RedisError):
            return False

    eventually(answers)
    assert valkey.check_output(PROCESS) != before


@pytest.mark.contract("a drop-in is taken over, and a bad one left out")
@pytest.mark.contract("a trial start before anything is used")
@pytest.mark.contract("a restart only when asked for")
def test_drop_ins_of_valkey(valkey: Host, eventually: Eventually) -> None:
    process = valkey.check_output(PROCESS)
    accepted = "ls /etc/ringmaster/redis/accepted"
    try:
        put(valkey, "cache.conf", "maxmemory-policy allkeys-lru\n")
        eventually(lambda: "allkeys-lru" in check_of(valkey, "redis/memory")["output"])
        file = valkey.file("/etc/ringmaster/redis/accepted/cache.conf")
        assert (file.user, file.group, file.mode) == ("root", "valkey", 0o640)
        put(valkey, "many.conf", "databases 20\n")
        eventually(lambda: "databases (16, wanted 20)" in check_of(valkey, "redis/restart")["output"])
        put(valkey, "bad.conf", "hz fast\n")
        put(valkey, "worse.conf", "dir /tmp\n")
        eventually(lambda: "bad.conf is left out: Valkey refuses it" in check_of(valkey, "redis/drop-ins")["output"])
        told = "worse.conf is left out: line 1: the directive 'dir' is not allowed here"
        eventually(lambda: told in check_of(valkey, "redis/drop-ins")["output"])
        assert valkey.check_output(accepted).split() == ["cache.conf", "many.conf"]
    finally:
        valkey.check_output(f"rm -f {INBOX}/*.conf")
        eventually(lambda: valkey.check_output(accepted) == "")
    eventually(lambda: {one["state"] for one in checks_of(valkey) if one["component"] == "redis"} == {"ok"})
    assert valkey.check_output(PROCESS) == process


@pytest.mark.parametrize("tool", ["valkey-cli", "redis-cli"])
def test_fewer_databases_lose_no_keys(
    valkey: Host, machine: Callable[[str], Host], eventually: Eventually, tool: str
) -> None:
    """Neither by the number itself, which is refused, nor by the append-only file after the restart with it."""
    host = valkey if tool == "valkey-cli" else machine("mol00")
    put = writer("s-val" if host is valkey else "s-mol", INBOX)
    accepted = "ls /etc/ringmaster/redis/accepted"
    number = "CONFIG GET databases"
    try:
        ask(host, "SET few of-0", tool)
        ask(host, "-n 12 SET few of-12", tool)
        put(host, "few.conf", "databases 9\n")
        told = "databases 9 is too few: database 12 holds 1 key"
        eventually(lambda: told in check_of(host, "redis/drop-ins")["output"])
        assert host.check_output(accepted) == ""
        ask(host, "-n 12 DEL few", tool)
        put(host, "few.conf", "databases 9 \n")
        eventually(lambda: "databases (16, wanted 9)" in check_of(host, "redis/restart")["output"])
        host.check_output(f"systemctl restart {'valkey' if tool == 'valkey-cli' else 'redis'}-server")
        assert ask(host, number, tool).split() == ["databases", "16"]
        host.check_output("ringmaster redis converge --restart")
        assert ask(host, number, tool).split() == ["databases", "9"]
        assert ask(host, "GET few", tool) == "of-0"
    finally:
        host.check_output(f"rm -f {INBOX}/few.conf; ringmaster redis converge --restart")
    assert (ask(host, number, tool).split(), ask(host, "DEL few", tool)) == (["databases", "16"], "1")


def test_what_only_redis_knows_is_refused_and_nothing_changes(valkey: Host) -> None:
    """As of the option ``settings``, which may name what only one of the two has."""
    file = "/etc/ringmaster/redis/redis.conf"
    assert valkey.run("ringmaster redis validate").rc == 0
    valkey.check_output(f"cp -a {file} /root/kept && echo 'replica-full-sync-buffer-limit 1mb' >> {file}")
    try:
        told = valkey.run("ringmaster redis validate")
        assert told.rc == 1
        assert "Valkey does not accept its configuration" in told.stderr
        assert "replica-full-sync-buffer-limit" in told.stderr
    finally:
        valkey.check_output(f"mv /root/kept {file}")


@pytest.mark.contract("a dump is proven and restored")
def test_a_dump_of_valkey_is_proven_and_restored(valkey: Host, machine: Callable[[str], Host]) -> None:
    ask(valkey, "FLUSHALL")
    ask(valkey, "SET a 1")
    ask(valkey, "HSET hash field value")
    ask(valkey, "-n 3 SET elsewhere yes")
    dump = sandboxed(valkey, "backup/ringmaster-backup", f"/usr/bin/ringmaster redis dump {DUMP}")
    assert json.loads(dump)["objects"] == 3
    prove = sandboxed(valkey, "backup/ringmaster-backup-proof", f"/usr/bin/ringmaster redis prove {DUMP}")
    assert json.loads(prove)["sentence"] == "3 keys in 2 databases came back; the dump is 0.0 h old."
    assert valkey.check_output("find /var/lib -maxdepth 1 -name '.redis-proof*'") == ""
    content = json.loads(valkey.check_output(f"cat {DUMP}/manifest.json"))
    assert (content["engine"], content["version"].split(".")[:2]) == ("valkey", ["8", "1"])
    ask(valkey, "DEL a")
    ask(valkey, "SET newer 1")
    refused = valkey.run(f"ringmaster redis restore {DUMP}")
    assert (refused.rc, "Valkey holds 3 keys; say --replace" in refused.stderr) == (1, True)
    told = json.loads(valkey.check_output(f"ringmaster redis restore {DUMP} --replace"))["sentence"]
    assert told == "Restored 3 keys. What was there lies in /var/backups/ringmaster/redis.replaced."
    assert (ask(valkey, "GET a"), ask(valkey, "EXISTS newer"), ask(valkey, "-n 3 GET elsewhere")) == ("1", "0", "yes")
    # They are in the append-only file too: a crash loses none.
    process = valkey.check_output(PROCESS)
    valkey.check_output(f"kill -9 {process}")
    answers = "valkey-cli -s /run/valkey/valkey-server.sock PING 2>&1 | grep -q NOAUTH"
    valkey.check_output(f"timeout 60 sh -c 'until {answers}; do sleep 0.2; done'")
    assert ask(valkey, "GET a") == "1"
    valkey.check_output(f"cp -a {DUMP} {DUMP}.bad && truncate --size=-9 {DUMP}.bad/dump.rdb")
    told = valkey.run(f"ringmaster redis prove {DUMP}.bad").stderr
    assert "is damaged" in told
    valkey.check_output(f"rm -r {DUMP}.bad")


def carried(source: Host, target: Host, folder: str) -> str:
    """Copy a dump to another machine; return what its proof says there."""
    for name in ("dump.rdb", "manifest.json"):
        text = source.check_output(f"base64 -w0 {DUMP}/{name}")
        target.check_output(f"mkdir -p -m 700 {folder} && echo {text} | base64 -d > {folder}/{name}")
    done = target.run(f"ringmaster redis prove {folder}")
    target.check_output(f"rm -r {folder}")
    return done.stderr or json.loads(done.stdout)["sentence"]


def test_whose_dumps_they_read(valkey: Host, machine: Callable[[str], Host]) -> None:
    """Redis 8.0 loads snapshots of Valkey 8.1, and not the other way round."""
    redis = machine("mol00")
    assert carried(valkey, redis, "/root/of-valkey").startswith("3 keys in 2 databases came back")
    redis.check_output(f"test -d {DUMP} || ringmaster redis dump {DUMP}")
    told = carried(redis, valkey, "/root/of-redis")
    assert "/root/of-redis is a dump of Redis, which Valkey cannot read; a machine with Redis can" in told


def described(description: contract.Description, project: str, before: str, after: str) -> None:
    """Change a copy of the description by hand."""
    file = description.folder / f"projects/{project}.yml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


class TestChange:
    """A change of the engine leaves nothing behind in silence."""

    def converge(
        self, play: contract.Play, description: contract.Description, members: str, *words: str
    ) -> tuple[int, str]:
        done = play("components", members, source=description.source, words=words)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    @pytest.mark.parametrize("words", [(), ("--check", "--diff")], ids=["in fact", "in check mode"])
    def test_it_is_refused_beside_data(
        self,
        valkey: Host,
        machine: Callable[[str], Host],
        play: contract.Play,
        description: contract.Description,
        words: tuple[str, ...],
    ) -> None:
        kinds = (
            ("val", "redis: {engine: valkey}", "redis: {}", valkey, "valkey", "redis"),
            ("mol", "redis: {}", "redis: {engine: valkey}", machine("mol00"), "redis", "valkey"),
        )
        for project, before, after, host, old, new in kinds:
            # All that a converge could have touched: processes, packages, configuration, the group of the certificate.
            look = (
                f"systemctl show -P MainPID {old}-server; dpkg-query -W | md5sum; ls -lnR /etc/ringmaster | md5sum"
                f"; ls -lnR /var/lib/{old} | sed '1d' | awk '{{print $3, $4, $9}}' | md5sum; ls -d /var/lib/{new}"
            )
            state = host.run(look).stdout
            described(description, project, before, after)
            code, said = self.converge(play, description, f"project_{project}", *words)
            described(description, project, after, before)
            assert code
            assert (
                f"{old}-server.service runs on this machine and /var/lib/{old} holds data, so nothing was changed"
                in said
            )
            assert f"Set 'engine: {old}' again" in said
            assert f"move /var/lib/{old} away" in said
            assert host.run(look).stdout == state

    def test_the_way_from_valkey_to_redis(
        self, valkey: Host, play: contract.Play, description: contract.Description, eventually: Eventually
    ) -> None:
        """Take it away, which makes a last dump; move the data away; name it again; restore the dump."""
        described(description, "val", "redis: {engine: valkey}", "redis: {engine: valkey, state: absent}")
        code, said = self.converge(play, description, "project_val")
        assert not code, said
        assert "/var/lib/valkey" in said
        described(description, "val", "redis: {engine: valkey, state: absent}", "redis: {}")
        code, said = self.converge(play, description, "project_val")
        assert (code, "/var/lib/valkey holds data, so nothing was changed" in said) == (2, True)
        assert not valkey.package("redis-server").is_installed
        valkey.check_output("mv /var/lib/valkey /root/valkey.kept")
        code, said = self.converge(play, description, "project_val")
        assert not code, said
        assert "redis_version:8.0" in ask(valkey, "INFO server", "redis-cli")
        assert valkey.run("systemctl is-enabled valkey-server.service").stdout.strip() == "disabled"
        told = json.loads(valkey.check_output(f"ringmaster redis restore {DUMP}"))["sentence"]
        assert told == "Restored 3 keys."
        assert ask(valkey, "-n 3 GET elsewhere", "redis-cli") == "yes"
        eventually(lambda: {one["state"] for one in checks_of(valkey) if one["component"] == "redis"} == {"ok"}, 90)
        assert check_of(valkey, "host/failed-units")["state"] == "ok"
        _code, said = self.converge(play, description, "project_val")
        assert "changed=0" in said
