# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's declared objects: on the controller, and the plan on the machine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import postgresql
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.users import UserError, credentials
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.core.inbox import Refused
from ringmaster.core.report import Failure, Report
from ringmaster.postgresql import allowed, cluster, objects, sql

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


EMPTY: dict[str, Any] = {
    "roles": {"postgres": {"login": True, "verifier": None, "limit": -1, "mark": None, "powers": True}},
    "members": [],
    "databases": {
        "postgres": {"owner": "postgres", "limit": -1, "acl": None},
        "template1": {"owner": "postgres", "limit": -1, "acl": ["=c/postgres", "postgres=CTc/postgres"]},
    },
    "settings": [],
}


def plan(users: list[dict[str, Any]], databases: list[dict[str, Any]], state: dict[str, Any]) -> list[objects.Step]:
    return objects.plan(objects.Objects(**wanted(users, databases)), state)


def test_plan_for_an_empty_server_closes_it_first() -> None:
    words = [step.words for step in plan([{"name": "app"}], [{"name": "app"}], EMPTY)]
    assert words[0] == "create the user ringmaster_monitor"
    assert words.index("create the group app_owner") < words.index("create the database app")
    assert words.index("create the database app") < words.index("close the database app to others")
    assert words[-2:] == ["take app into app_owner", "let app act as app_owner"]


def test_a_role_that_is_not_ours_is_never_touched_and_a_forgotten_one_is_locked() -> None:
    own = {"login": True, "verifier": "x", "limit": -1, "powers": False}
    roles = {**EMPTY["roles"], "by_hand": {**own, "mark": None}, "old": {**own, "mark": objects.MARK}}
    steps = plan([], [], {**EMPTY, "roles": roles})
    assert [step.words for step in steps if "old" in step.words or "by_hand" in step.words] == [
        "lock the user old, who is not declared any more"
    ]
    assert not any("DROP" in step.statements for step in steps)


def test_nothing_is_dropped_without_being_asked() -> None:
    state = {**EMPTY, "databases": {**EMPTY["databases"], "app": {"owner": "app_owner", "limit": -1, "acl": None}}}
    assert not any("DROP" in step.statements for step in plan([], [], state))
    asked = plan([], [{"name": "app", "state": "absent", "allow_drop": True}], state)
    assert any(step.statements == 'DROP DATABASE "app" WITH (FORCE);' for step in asked)


@given(st.text())
def test_quoting_keeps_texts_together(text: str) -> None:
    inner = sql.literal(text)[1:-1].replace("''", "")
    assert "'" not in inner
    assert '"' not in sql.name(text)[1:-1].replace('""', "")


@given(st.text(alphabet=st.sampled_from("ab_=' \\\n\r\t#./-1wokmeinclud")))
def test_only_allowed_settings_get_through(text: str) -> None:
    try:
        allowed.judge(text)
    except Refused:
        return
    for line in text.split("\n"):
        if not allowed.EMPTY.fullmatch(line):
            found = allowed.LINE.fullmatch(line)
            assert found
            assert found["name"].lower() in allowed.ALLOWED


@pytest.mark.parametrize("word", ["command", "library", "libraries", "file", "_path", "director", "addresses", "hba"])
def test_no_allowed_setting_names_something_that_leads_out(word: str) -> None:
    exceptions = {"temp_file_limit", "log_temp_files"}
    assert {name for name in allowed.ALLOWED if word in name} <= exceptions


def test_an_empty_cluster_is_never_made_beside_another(tmp_path: Path) -> None:
    class Places(sql.Places):
        data = tmp_path / "17/main"

    places, marker = Places(17), tmp_path / "marker"
    report = Report()
    cluster.ensure(places, report, check=True, marker=marker)
    assert report.steps == ["make the cluster 17/main"]
    marker.write_text("17\n")
    with pytest.raises(Failure, match="is gone, but this machine had a cluster of PostgreSQL 17"):
        cluster.ensure(places, Report(), check=True, marker=marker)
    (tmp_path / "15/main").mkdir(parents=True)
    (tmp_path / "15/main/PG_VERSION").write_text("15\n")
    with pytest.raises(Failure, match="there is a cluster of PostgreSQL 15"):
        cluster.ensure(places, Report(), check=True, marker=marker)


def test_an_old_cluster_is_left_alone_once_it_was_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Places(sql.Places):
        data = tmp_path / "15/main"

    Places.data.mkdir(parents=True)
    (Places.data / "PG_VERSION").write_text("15\n")
    monkeypatch.setattr(cluster, "UPGRADE", tmp_path / "upgrade.json")
    cluster.guard(Places(15))
    cluster.UPGRADE.write_text('{"from": 15, "to": 17, "state": "upgraded"}')
    with pytest.raises(Failure, match="was upgraded to PostgreSQL 17: set the component's version to 17"):
        cluster.guard(Places(15))
