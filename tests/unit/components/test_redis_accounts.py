# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis's accounts and the content of its credentials files."""

from __future__ import annotations

import hashlib
import subprocess
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import redis
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.users import credentials

SECRET = "a secret for tests, long enough"


def vm(name: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "inventory_hostname": name,
        "ringmaster_project": "myapp",
        "ringmaster_vm_id": number,
        "ringmaster_fqdn": f"{name}.example.org",
        **more,
    }


def test_rules_hold_digests_and_no_password() -> None:
    accounts = redis.accounts([{"name": "app"}], SECRET, vm("myapp00", 4096))
    assert [account.name for account in accounts] == ["ringmaster", "monitor", "app"]
    for account in accounts:
        assert account.password not in account.rule
        assert hashlib.sha256(account.password.encode()).hexdigest() in account.rule
    assert len({account.password for account in accounts}) == 3
    assert accounts[2].rule.endswith(redis.RIGHTS["owner"])
    assert " ~* &* " in accounts[2].rule


def test_keys_and_role() -> None:
    user = {"name": "stats", "role": "readonly", "keys": ["stats:*", "day:*"]}
    rule = redis.accounts([user], SECRET, vm("myapp00", 4096))[2].rule
    assert " ~stats:* ~day:* &stats:* &day:* -@all +@read " in rule
    user = {"name": "stats", "keys": ["stats:*"], "channels": ["news", "*"]}
    rule = redis.accounts([user], SECRET, vm("myapp00", 4096))[2].rule
    assert " ~stats:* &news &* +@all " in rule


def test_who_has_a_part_of_the_keys_has_no_command_that_asks_for_none() -> None:
    for role in redis.RIGHTS:
        user = {"name": "part", "role": role, "keys": ["part:*"]}
        rule = redis.accounts([user], SECRET, vm("myapp00", 4096))[2].rule
        for command in ("flushall", "swapdb", "scan", "function", "script|flush", "client|tracking"):
            # What is said last counts.
            assert rule.rindex(f" -{command}") > max(rule.rfind(f" +{command}"), rule.rindex("@all"))
        assert "-scan" not in redis.accounts([{**user, "keys": ["part:*", "*"]}], SECRET, vm("myapp00", 4096))[2].rule


def test_commands_that_only_one_engine_has() -> None:
    """A rule that names a command that is not there keeps a server from starting."""
    users: list[dict[str, Any]] = [{"name": "part", "keys": ["part:*"]}, {"name": "all"}]
    for engine, expected in (("redis", False), ("valkey", True)):
        part, everything = redis.accounts(users, SECRET, vm("myapp00", 4096), engine)[2:]
        assert ("-script|show" in part.rule) == expected
        assert "-script|show" not in everything.rule
        assert part.rule.startswith(redis.accounts(users, SECRET, vm("myapp00", 4096))[2].rule)
    with pytest.raises(KeyError):
        redis.accounts(users, SECRET, vm("myapp00", 4096), "keydb")


def test_password_changes_with_its_generation_only() -> None:
    def password(**more: Any) -> str:
        return redis.accounts([{"name": "app"}], SECRET, vm("myapp00", 4096, **more))[2].password

    assert password() == password(ringmaster_secret_generations={"myapp00/redis/other": 2})
    assert password() != password(ringmaster_secret_generations={"myapp00/redis/app": 2})


@pytest.mark.parametrize(
    ("users", "told"),
    [
        ([{"name": "App"}], "must be named with lower-case letters"),
        ([{"name": "a b"}], "must be named"),
        ([{"name": "default"}], "is the platform's own"),
        ([{"name": "monitor"}], "is the platform's own"),
        ([{"name": "app"}, {"name": "app"}], "is declared twice"),
        ([{"name": "app", "role": "root"}], "allowed: owner, readwrite, readonly"),
        ([{"name": "app", "keys": ["a b"]}], "is not one word"),
        ([{"name": "app", "channels": ["a b"]}], "the channel pattern 'a b' of the Redis user 'app' is not one word"),
        ([{"name": "app", "keys": ["a\nuser evil on nopass ~* +@all"]}], "is not one word"),
    ],
)
def test_impossible_users(users: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(redis.UserError, match=r"myapp00|pattern") as caught:
        redis.accounts(users, SECRET, vm("myapp00", 4096))
    assert told in str(caught.value)


def test_a_shell_can_read_the_file() -> None:
    text = credentials(redis.REDIS, [vm("myapp00", 4096)], SECRET)["app.env"]
    script = f'{text}\nprintf \'%s \' "$REDIS_HOST" "$REDIS_PORT" "$REDIS_USERNAME" "$REDIS_URL"'
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    password = redis.accounts([{"name": "app"}], SECRET, vm("myapp00", 4096))[2].password
    url = f"rediss://app:{password}@myapp00.example.org:6380/0"
    assert done.stdout.split() == ["myapp00.example.org", "6380", "app", url]


def test_no_keys_are_not_all_keys() -> None:
    options = [{"name": "a", "keys": []}, {"name": "b"}, {"name": "c", "keys": ["x:*"], "channels": []}]
    vm = {"inventory_hostname": "a00", "ringmaster_project": "a"}
    rules = {one.name: one.rule.split() for one in redis.accounts(options, "s" * 40, vm)}
    assert {name: [word for word in rules[name] if word[0] in "~&"] for name in "abc"} == {
        "a": [],
        "b": ["~*", "&*"],
        "c": ["~x:*"],
    }
    assert "-flushall" in rules["a"]
