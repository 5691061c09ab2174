# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB's declared databases and users, and its credentials files."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import mysql, users

SECRET = "a secret for tests, long enough"


def vm(**more: Any) -> dict[str, Any]:
    return {
        "inventory_hostname": "myapp00",
        "ringmaster_project": "myapp",
        "ringmaster_vm_id": 4096,
        "ringmaster_fqdn": "myapp00.example.org",
        **more,
    }


def test_objects_hold_digests_and_no_password() -> None:
    found = mysql.objects([{"name": "app"}], [{"name": "app"}], SECRET, vm())
    password = mysql.MYSQL.password(SECRET, vm(), "app")
    assert password not in str(found)
    assert found["users"] == [
        {
            "name": "app",
            "role": "owner",
            "databases": ["app"],
            "digest": mysql.digest(password),
            "require_tls": False,
            "max_connections": 0,
        }
    ]


def test_digest_is_what_the_server_computes() -> None:
    """From MariaDB's own documentation of PASSWORD()."""
    assert mysql.digest("notagoodpwd") == "*3A70EE9FC6594F88CE9E959CD51C5A1C002DC937"


def test_users_without_databases_have_all() -> None:
    databases = [{"name": "one"}, {"name": "two"}, {"name": "old", "state": "absent", "allow_drop": True}]
    found = mysql.objects([{"name": "app"}, {"name": "r", "databases": ["two"]}], databases, SECRET, vm())
    assert [user["databases"] for user in found["users"]] == [["one", "two"], ["two"]]
    assert [one["present"] for one in found["databases"]] == [True, True, False]


@pytest.mark.parametrize(
    ("declared", "databases", "told"),
    [
        ([{"name": "root"}], [], "the MariaDB user 'root' is the platform's own"),
        ([{"name": "monitor"}], [], "is the platform's own"),
        ([{"name": "a'b"}], [], "must be named with lower-case letters"),
        (
            [{"name": "app", "databases": ["shop"]}],
            [{"name": "app"}],
            "wants the database 'shop', which is not declared",
        ),
        ([], [{"name": "App"}], "must be named with lower-case letters"),
        ([], [{"name": "mysql"}], "the MariaDB database 'mysql' is the server's own"),
        ([], [{"name": "a"}, {"name": "a"}], "is declared twice"),
        ([], [{"name": "a", "state": "absent"}], "say so with allow_drop: true"),
        ([], [{"name": "a", "collation": "x; DROP"}], "cannot be the collation"),
    ],
)
def test_impossible_objects(declared: list[dict[str, Any]], databases: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(users.UserError, match="myapp00") as caught:
        mysql.objects(declared, databases, SECRET, vm())
    assert told in str(caught.value)


def test_a_shell_can_read_the_file() -> None:
    machine = vm(mysql_databases=[{"name": "shop"}], ringmaster_components=["mysql"])
    text = users.credentials(mysql.MYSQL, [machine], SECRET)["app.env"]
    script = f'{text}\nprintf \'%s \' "$MYSQL_HOST" "$MYSQL_TCP_PORT" "$MYSQL_USER" "$MYSQL_DATABASE" "$DATABASE_URL"'
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    password = mysql.MYSQL.password(SECRET, machine, "app")
    url = f"mysql://app:{password}@myapp00.example.org:3306/shop"
    assert done.stdout.split() == ["myapp00.example.org", "3306", "app", "shop", url]
