# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL's running server still lacks of what was declared, and SQL that holds any text."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import postgresql
from hypothesis import given
from hypothesis import strategies as st
from ringmaster.postgresql import objects, sql

VM = {"inventory_hostname": "myapp00", "ringmaster_project": "myapp", "postgresql_version": 17}
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
    wanted = postgresql.objects(users, databases, "a secret for tests, long enough", VM)
    return objects.plan(objects.Objects(**wanted), state)


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
