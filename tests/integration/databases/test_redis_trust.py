# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of one Redis that share it: each has its keys and channels, and nothing of what all of them share."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import RedisServer, redis_server
from ringmaster.core import account
from ringmaster.core.report import Failure, Invalid
from ringmaster.redis import dumps, restores, trial
from ringmaster.redis.client import RedisError
from ringmaster.redis.converge import Places
from ringmaster.redis.engine import REDIS

USERS = [
    {"name": "whole"},
    {"name": "a", "role": "owner", "keys": ["a:*"]},
    {"name": "b", "role": "readwrite", "keys": ["b:*", "shared:*"]},
    {"name": "c", "role": "readonly", "keys": ["c:*"]},
    {"name": "d", "role": "readwrite", "keys": ["d:*"], "channels": ["*"]},
]
LIMITED = ("a", "b", "c", "d")
LIBRARY = "#!lua name={}\nredis.register_function('{}', function() return redis.call('GET', 'a:1') end)"
# Commands that ask for no key, and show or change nothing of others. What Redis adds has to be looked at.
HARMLESS = {
    *("acl|cat", "acl|genpass", "acl|help", "acl|whoami", "acl|dryrun", "asking", "auth", "client|caching"),
    *("client|getname", "client|getredir", "client|help", "client|id", "client|info", "client|reply"),
    *("client|setinfo", "client|setname", "client|trackinginfo", "cluster|countkeysinslot", "cluster|help"),
    *("cluster|keyslot", "cluster|myid", "cluster|myshardid", "cluster|nodes", "cluster|slots", "cluster|shards"),
    *("cluster|info", "cluster|links", "command", "command|count", "command|docs", "command|getkeys", "command|info"),
    *("command|getkeysandflags", "command|help", "command|list", "dbsize", "discard", "echo", "exec", "hello", "info"),
    *("latency|help", "lolwut", "memory|doctor", "memory|help", "memory|malloc-stats", "memory|purge", "memory|stats"),
    *("module|help", "multi", "object|help", "ping", "psubscribe", "publish", "punsubscribe", "quit", "readonly"),
    *("readwrite", "reset", "role", "script|exists", "script|help", "script|load", "select", "slowlog|help", "time"),
    *("subscribe", "unsubscribe", "unwatch", "wait", "waitaof", "xgroup|help", "xinfo|help", "ssubscribe"),
    *("spublish", "sunsubscribe", "function|help", "config|help", "pubsub|help"),
    # Of Debian 13's Redis and Valkey; looked at by hand, since these tests run with the Redis of this machine.
    *("client|no-touch", "client|capa", "client|import-source", "cluster|slot-stats", "commandlog|help"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server(USERS) as one:
        with one.login("whole") as client:
            for key in ("a:1", "b:1", "c:1", "secret:1"):
                client.command("SET", key, f"of {key}")
        yield one


def denied(server: RedisServer, name: str, *words: str) -> None:
    with (
        server.login(name) as client,
        pytest.raises(RedisError, match=r"NOPERM|executing the script can't|insufficient ACL"),
    ):
        client.command(*words)


@pytest.mark.parametrize("name", LIMITED)
@pytest.mark.parametrize(
    "words",
    [
        ["FUNCTION", "LOAD", "REPLACE", LIBRARY.format("mine", "f")],
        ["FUNCTION", "DELETE", "mine"],
        ["FUNCTION", "FLUSH"],
        ["FUNCTION", "RESTORE", "x"],
        ["FUNCTION", "DUMP"],
        ["FUNCTION", "LIST", "WITHCODE"],
        ["FUNCTION", "KILL"],
        ["SCRIPT", "FLUSH"],
        ["SCRIPT", "KILL"],
        ["SCRIPT", "DEBUG", "SYNC"],
        ["EVAL", "return redis.call('GET', 'secret:1')", "0"],
        ["EVAL", "return redis.call('GET', KEYS[1])", "1", "secret:1"],
        ["EVAL", "return redis.call('SCAN', 0)", "0"],
        ["EVAL_RO", "return redis.call('RANDOMKEY')", "0"],
        ["KEYS", "*"],
        ["SCAN", "0"],
        ["RANDOMKEY"],
        ["SWAPDB", "0", "1"],
        ["FLUSHALL"],
        ["FLUSHDB"],
        ["CLIENT", "KILL", "TYPE", "normal"],
        ["CLIENT", "LIST"],
        ["CLIENT", "NO-EVICT", "on"],
        ["CLIENT", "PAUSE", "10"],
        ["CLIENT", "UNBLOCK", "1"],
        ["CLIENT", "TRACKING", "ON", "BCAST"],
        ["MONITOR"],
        ["CONFIG", "GET", "*"],
        ["DEBUG", "SLEEP", "0"],
        ["GET", "secret:1"],
        ["OBJECT", "ENCODING", "secret:1"],
        ["MEMORY", "USAGE", "secret:1"],
        ["SORT", "a:1", "BY", "secret:*"],
        ["SORT_RO", "b:1", "BY", "nosort", "GET", "secret:*"],
        ["PUBSUB", "CHANNELS"],
        ["PUBSUB", "NUMSUB", "x"],
        ["ACL", "LIST"],
        ["ACL", "GETUSER", "whole"],
        ["ACL", "LOG"],
        ["LATENCY", "LATEST"],
        ["SLOWLOG", "GET"],
        ["MIGRATE", "127.0.0.1", "1", "a:1", "0", "10"],
        ["REPLICAOF", "NO", "ONE"],
        ["BGREWRITEAOF"],
        ["BGSAVE"],
        ["SAVE"],
        ["SHUTDOWN"],
        ["MODULE", "LIST"],
        ["COPY", "secret:1", "a:2", "DB", "1"],
        ["COPY", "a:1", "secret:2", "DB", "1"],
        ["MOVE", "secret:1", "1"],
        ["RESTORE", "secret:3", "0", "x"],
        ["XREAD", "STREAMS", "secret:4", "0"],
        ["MGET", "a:1", "b:1", "c:1"],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_a_limited_account_has_nothing_of_what_all_share(server: RedisServer, name: str, words: list[str]) -> None:
    denied(server, name, *words)


def test_every_command_that_asks_for_no_key_was_looked_at(server: RedisServer) -> None:
    """Redis itself says which commands it has, which ask for no key, and what an account may run."""
    found: dict[str, set[str]] = {}
    with server.login("ringmaster") as admin:
        for command in _commands(admin.command("COMMAND")):
            name, arity, specs = command[0], command[1], command[8]
            flags = set(command[2])
            if specs or "movablekeys" in flags:
                continue
            words = [*name.split("|"), *["1"] * 10][: max(abs(arity), len(name.split("|")))]
            for user in LIMITED:
                try:
                    told = admin.command("ACL", "DRYRUN", user, *words)
                except RedisError as error:
                    told = str(error)
                if told == "OK" or "arguments" in told:
                    found.setdefault(user, set()).add(name)
    assert {name for names in found.values() for name in names} - HARMLESS == set()
    assert "ping" in found["c"], "the question is not answered"


def _commands(answer: list[Any]) -> Iterator[list[Any]]:
    for command in answer:
        below = command[9]
        yield from _commands(below) if below else [command]


def test_channels_are_named_like_keys(server: RedisServer) -> None:
    for name, own in (("a", "a:news"), ("b", "shared:news"), ("c", "c:news"), ("d", "anything")):
        with server.login(name) as client:
            assert client.command("SUBSCRIBE", own)[:2] == ["subscribe", own]
    for name in ("a", "b", "c"):
        denied(server, name, "SUBSCRIBE", "other:news")
        denied(server, name, "PSUBSCRIBE", "*")
        denied(server, name, "SSUBSCRIBE", "other:news")
        denied(server, name, "PSUBSCRIBE", "__keyevent@0__:*")
    for name in ("a", "b"):
        denied(server, name, "PUBLISH", "other:news", "x")
        denied(server, name, "EVAL", "return redis.call('PUBLISH', 'other:news', 'x')", "0")


def test_limited_accounts_work_with_what_is_theirs(server: RedisServer) -> None:
    with server.login("a") as a, server.login("b") as b, server.login("c") as c:
        assert a.command("EVAL", "return redis.call('GET', KEYS[1])", "1", "a:1") == "of a:1"
        assert b.command("COPY", "b:1", "shared:2") == 1
        assert a.command("SORT", "a:none") == []
        assert c.command("GET", "c:1") == "of c:1"
        assert b.command("MULTI") == "OK"
        b.command("INCR", "b:n")
        assert b.command("EXEC") == [1]
        assert a.command("CLIENT", "SETNAME", "mine") == "OK"
        assert "redis_version" in a.command("INFO")


def test_who_has_all_keys_has_functions_scripts_and_channels(server: RedisServer) -> None:
    with server.login("whole") as client:
        client.command("FUNCTION", "LOAD", LIBRARY.format("theirs", "g"))
        assert client.command("FCALL", "g", "0") == "of a:1"
        assert client.command("PUBLISH", "anything", "x") == 0
        assert client.command("SCAN", "0")
        assert client.command("SCRIPT", "FLUSH") == "OK"
    denied(server, "b", "FCALL", "g", "0")


def test_a_reset_or_a_second_login_gives_nothing(server: RedisServer) -> None:
    with server.login("b") as client:
        client.command("RESET")
        with pytest.raises(RedisError, match="NOAUTH"):
            client.command("GET", "a:1")
        with pytest.raises(RedisError, match="WRONGPASS"):
            client.command("AUTH", "whole", server.passwords["b"])


@pytest.fixture
def places(server: RedisServer, tmp_path: Path) -> Places:
    (tmp_path / "admin.env").write_text(f"REDIS_USERNAME=ringmaster\nREDIS_PASSWORD={server.passwords['ringmaster']}\n")
    engine = replace(REDIS, data=server.folder, socket=str(server.folder / "socket"))
    return Places(home=tmp_path, engine=engine)


def test_a_dump_is_taken_and_proven_with_the_rights_of_the_server(
    server: RedisServer, places: Places, tmp_path: Path
) -> None:
    folder = tmp_path / "dump"
    folder.mkdir(mode=0o700)
    keys = dumps.dump(places, folder)
    assert keys >= 4
    snapshot = (folder / dumps.SNAPSHOT).stat()
    assert (snapshot.st_uid, stat.S_IMODE(snapshot.st_mode)) == (0, 0o600)
    assert f"{keys} keys in 1 database came back" in restores.prove(REDIS, folder)
    assert not list(Path("/var/lib").glob(".redis-proof-*"))
    (folder / dumps.SNAPSHOT).write_bytes((folder / dumps.SNAPSHOT).read_bytes()[:-9])
    with pytest.raises(Failure, match="is damaged"):
        restores.prove(REDIS, folder)


def test_a_link_where_the_snapshot_lies_shows_nothing(tmp_path: Path) -> None:
    """The server says where its snapshot is, and its account lies a link there."""
    secret = tmp_path / "secret"
    secret.write_text("the secret of root")
    secret.chmod(0o600)
    with account.work("redis", "rm-db-link-", Path("/tmp")) as work:
        account.run("redis", "ln", "-s", str(secret), f"{work.own}/dump.rdb")
        with pytest.raises(Failure, match="Permission denied"):
            dumps._copy("redis", work.own / "dump.rdb", tmp_path / "copy")
        assert (tmp_path / "copy").read_text() == ""
        snapshot = tmp_path / "snapshot"
        snapshot.write_text("new data")
        victim = tmp_path / "victim"
        victim.write_text("as it was")
        for name in (".dump.rdb.restore", "appendonlydir"):
            account.run("redis", "ln", "-s", str(victim), f"{work.own}/{name}")
        settings = {
            "dbfilename": "dump.rdb",
            "appenddirname": "appendonlydir",
            "appendfilename": "a",
            "appendonly": "yes",
        }
        restores._put(Places(engine=replace(REDIS, data=work.own)), snapshot, settings)
        assert victim.read_text() == "as it was"
        assert (work.own / "dump.rdb").read_text() == "new data"
        assert (work.own / "appendonlydir/a.manifest").read_text() == "file a.1.base.rdb seq 1 type b\n"
        assert (work.own / "appendonlydir/a.1.base.rdb").stat().st_uid != 0


def test_a_configuration_is_tried_where_only_root_can_change_it(server: RedisServer, places: Places) -> None:
    acl = (server.folder / "users.acl").read_text()
    found = trial.meaning("maxmemory 100mb\nport 6379\n", acl, places.admin)
    assert (found.settings["maxmemory"], found.settings["port"]) == (str(100 * 1024**2), "6379")
    with pytest.raises(Invalid, match="Bad directive or wrong number of arguments"):
        trial.meaning("nonsense 1\n", acl, places.admin)
    assert not list(Path("/run").glob("redis-trial-*"))
