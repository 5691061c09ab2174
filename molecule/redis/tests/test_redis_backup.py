# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps of Redis: proven, refused when damaged, restored, never unasked."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from steps import sandboxed
from testinfra.host import Host

DEFINITION = "/etc/ringmaster/backup.d/redis.json"
FOLDER = "/var/backups/ringmaster/redis"
BAD = "/var/backups/ringmaster/bad"
UNITS = {"dump": "backup/ringmaster-backup", "prove": "backup/ringmaster-backup-proof"}
CLIENT = (
    "REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -s /run/redis/redis-server.sock --user $REDIS_USERNAME --no-auth-warning"
)


def client(host: Host, command: str, given: str = "") -> str:
    script = f". /etc/ringmaster/redis/admin.env; {CLIENT} {command}"
    return host.check_output(f"printf %s {shlex.quote(given)} | sh -c {shlex.quote(script)}")


@pytest.fixture(scope="module")
def redis(machine: Callable[[str], Host]) -> Host:
    """Return the machine with Redis, keys in it, and a dump of them."""
    host = machine("mol00")
    client(host, "FLUSHALL")
    commands = [f"SET string:{number} value{number}" for number in range(1000)]
    commands += ["HSET hash field value", "RPUSH list a b c", "ZADD scores 1 a 2 b", "SET mortal soon EX 3600"]
    commands += ["SELECT 3", "SET elsewhere yes"]
    client(host, "", "\n".join(commands) + "\n")
    assert run(host, "dump")["objects"] == 1005
    return host


def words(host: Host, verb: str, folder: str = FOLDER, more: str = "") -> str:
    """Return the command as role backup finds it."""
    argv = json.loads(host.check_output(f"cat {DEFINITION}"))[verb]
    return " ".join(shlex.quote(word.replace("{folder}", folder)) for word in argv) + f" {more}"


def run(host: Host, verb: str, more: str = "") -> dict[str, Any]:
    command = words(host, verb, more=more)
    if verb in UNITS:
        return json.loads(sandboxed(host, UNITS[verb], command))
    return json.loads(host.check_output(command))


@pytest.mark.contract("a dump is proven and restored")
def test_a_dump_is_proven_and_nothing_is_left(redis: Host) -> None:
    assert run(redis, "prove")["sentence"] == "1005 keys in 2 databases came back; the dump is 0.0 h old."
    assert redis.check_output("find /var/lib -maxdepth 1 -name '.redis-proof*'") == ""
    assert redis.check_output("pgrep -c redis-server") == "1"
    assert redis.file(FOLDER).mode == 0o700
    assert redis.file(f"{FOLDER}/dump.rdb").mode == 0o600


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("truncate --size=3000 dump.rdb", "The snapshot dump.rdb is damaged"),
        ("printf x | dd of=dump.rdb bs=1 seek=2000 conv=notrunc status=none", "The snapshot dump.rdb is damaged"),
        ("sed -i 's/1005/1006/' manifest.json", "does not hold the keys that were dumped"),
        ("rm manifest.json", "is no complete dump of Redis"),
    ],
    ids=["cut off", "one byte", "a key is missing", "no record"],
)
def test_a_damaged_dump_is_found(redis: Host, damage: str, told: str) -> None:
    redis.check_output(f"rm -rf {BAD} && cp -a {FOLDER} {BAD} && cd {BAD} && {damage}")
    done = redis.run(words(redis, "prove", BAD))
    assert done.rc == 1
    assert told in json.loads(done.stdout)["sentence"]
    done = redis.run(words(redis, "restore", BAD, "--replace"))
    assert done.rc == 1
    assert client(redis, "DBSIZE") == "1004"
    redis.check_output(f"rm -r {BAD}")


def test_data_is_never_replaced_unasked(redis: Host) -> None:
    done = redis.run(words(redis, "restore"))
    assert done.rc == 1
    assert done.stderr == "Redis holds 1005 keys; say --replace to exchange them for those of the dump\n"
    assert "as a whole" in redis.run(words(redis, "restore", more="--object 0 --replace")).stderr


@pytest.mark.contract("a dump is proven and restored")
def test_restored_over_what_is_there(redis: Host) -> None:
    assert client(redis, "CONFIG GET appendonly").endswith("yes")
    client(redis, "DEL hash list")
    client(redis, "SET newer 1")
    sentence = run(redis, "restore", "--replace")["sentence"]
    assert sentence == "Restored 1005 keys. What was there lies in /var/backups/ringmaster/redis.replaced."
    assert client(redis, "LRANGE list 0 -1").split() == ["a", "b", "c"]
    assert client(redis, "EXISTS newer") == "0"
    assert int(client(redis, "TTL mortal")) > 0
    assert "append-only" not in redis.check_output("systemctl --failed --no-legend")
    # They are in the append-only file too: a crash loses none.
    client(redis, "SET after 1")
    client(redis, "WAITAOF 1 0 3000")
    redis.check_output("kill -9 $(systemctl show -P MainPID redis-server)")
    answers = "redis-cli -s /run/redis/redis-server.sock PING 2>&1 | grep -q NOAUTH"
    redis.check_output(f"timeout 60 sh -c 'until {answers}; do sleep 0.2; done'")
    assert client(redis, "DBSIZE") == "1005"
    client(redis, "DEL after")


def test_restored_after_a_loss_of_everything(redis: Host) -> None:
    redis.check_output("systemctl stop redis-server; rm -rf /var/lib/redis/*")
    assert run(redis, "restore")["sentence"] == "Restored 1005 keys."
    assert client(redis, "-n 3 GET elsewhere") == "yes"
    report = json.loads(redis.check_output("/usr/bin/ringmaster redis converge"))
    assert report["steps"] == []


def test_keys_that_are_out_of_date_are_not_missed(redis: Host) -> None:
    client(redis, "SET mortal soon EX 5")
    run(redis, "dump")
    redis.check_output("sleep 6")
    sentence = run(redis, "prove")["sentence"]
    assert sentence.startswith("1005 keys in 2 databases came back, 1 of them out of date by now; ")
