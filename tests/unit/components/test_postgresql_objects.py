# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's declared objects, and the credentials made of them; the plan on the machine: tests/unit/ringmaster."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue, postgresql
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.users import UserError, credentials

SECRET = "a secret for tests, long enough"
VM = {
    "inventory_hostname": "myapp00",
    "ringmaster_project": "myapp",
    "ringmaster_vm_id": 4096,
    "ringmaster_fqdn": "myapp00.example.org",
    "postgresql_version": 17,
}


def wanted(users: list[dict[str, Any]], databases: list[dict[str, Any]], **vm: Any) -> dict[str, Any]:
    return postgresql.objects(users, databases, SECRET, {**VM, **vm})


def test_versions_are_those_of_the_role() -> None:
    """Its default is Debian's own, which the catalogue names with its end."""
    role = Path(__file__).parents[3] / "roles/postgresql"
    spec = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
    option = spec["argument_specs"]["main"]["options"]["postgresql_version"]
    assert tuple(option["choices"]) == postgresql.VERSIONS
    assert str(option["default"]) == catalogue.COMPONENTS["postgresql"].support.version


def test_verifier_is_what_postgresql_computes() -> None:
    """By the words of RFC 5802, section 3; molecule logs in with it."""
    text = postgresql.verifier("app", "pencil", SECRET, VM)
    iterations, salt = text.split("$")[1].split(":")
    stored, server = text.split("$")[2].split(":")
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", base64.b64decode(salt), int(iterations))
    client = hmac.new(salted, b"Client Key", "sha256").digest()
    assert base64.b64encode(hashlib.sha256(client).digest()).decode() == stored
    assert base64.b64encode(hmac.new(salted, b"Server Key", "sha256").digest()).decode() == server
    assert text == postgresql.verifier("app", "pencil", SECRET, VM)
    assert text != postgresql.verifier("other", "pencil", SECRET, VM)


def test_no_password_reaches_the_machine_and_rotation_changes_one_verifier() -> None:
    users = [{"name": "app"}, {"name": "reader", "role": "readonly"}]
    before = wanted(users, [{"name": "app"}])
    password = postgresql.POSTGRESQL.password(SECRET, VM, "app")
    assert password not in str(before)
    after = wanted(users, [{"name": "app"}], ringmaster_secret_generations={"myapp00/postgresql/app": 2})
    assert before["roles"][0]["verifier"] != after["roles"][0]["verifier"]
    assert before["roles"][1] == after["roles"][1]


def test_packages_come_with_extensions() -> None:
    assert wanted([], [{"name": "app", "extensions": ["vector", "hstore"]}])["packages"] == ["postgresql-17-pgvector"]


@pytest.mark.parametrize(
    ("users", "databases", "told"),
    [
        ([], [{"name": "App"}], "must be named with lower-case letters"),
        ([], [{"name": "template1"}], "is PostgreSQL's own"),
        ([], [{"name": "a"}, {"name": "a"}], "is declared twice"),
        ([], [{"name": "a", "extensions": ["plpython3u"]}], "asks for the extension 'plpython3u'; allowed: bloom"),
        ([], [{"name": "a", "state": "absent"}], "destroys its data; say allow_drop"),
        ([], [{"name": "a", "icu_locale": "de'; DROP"}], "write a language tag"),
        ([{"name": "pg_evil"}], [], "not begin with 'pg_'"),
        ([{"name": "ringmaster_monitor"}], [], "not begin with 'pg_' or 'ringmaster'"),
        ([{"name": "postgres"}], [], "is the platform's own"),
        ([{"name": "a_owner"}], [{"name": "a"}], "is the name of a group"),
        (
            [{"name": "a", "databases": ["b"]}],
            [{"name": "a"}],
            "wants the database 'b', which is not declared",
        ),
        ([{"name": "a", "role": "admin"}], [], "allowed: owner, readwrite, readonly"),
    ],
)
def test_impossible_objects(users: list[dict[str, Any]], databases: list[dict[str, Any]], told: str) -> None:
    with pytest.raises((UserError, postgresql.DatabaseError), match="myapp00") as caught:
        wanted(users, databases)
    assert told in str(caught.value)


def test_default_databases_are_those_of_the_role() -> None:
    defaults = yaml.safe_load((Path(__file__).parents[3] / "roles/postgresql/defaults/main.yml").read_text())
    assert defaults["postgresql_databases"] == list(postgresql.DEFAULT_DATABASES)


def test_a_shell_can_read_the_credentials() -> None:
    vm = {**VM, "postgresql_users": [{"name": "app", "databases": ["second"]}]}
    vm["postgresql_databases"] = [{"name": "first"}, {"name": "second"}]
    text = credentials(postgresql.POSTGRESQL, [vm], SECRET)["app.env"]
    script = f'{text}\nprintf \'%s \' "$PGHOST" "$PGUSER" "$PGDATABASE" "$DATABASE_URL"'
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    password = postgresql.POSTGRESQL.password(SECRET, VM, "app")
    url = f"postgresql://app:{password}@myapp00.example.org:5432/second?sslmode=verify-full"
    assert done.stdout.split() == ["myapp00.example.org", "app", "second", url]
