# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests need a signature of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import town
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import policy, signing, table


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Description:
    folder: Path = tmp_path_factory.mktemp("town")
    roles = folder / "roles" / "redis" / "meta"
    roles.mkdir(parents=True)
    (roles / "argument_specs.yml").write_text("argument_specs: {main: {options: {}}}\n")
    source = town.write(folder / "platform", town.PLATFORM, town.PROJECTS, town.PEOPLE)
    return town.read(source, folder / "roles")


def test_every_verb_has_a_rule() -> None:
    assert list(signing.RULES) == list(table.VERBS) == list(policy.RULES)


KEY = town.key("new")
ROWS: list[tuple[str, str, dict[str, Any], bool]] = [
    # who, verb, arguments: a signature is needed
    ("mara", "order_vm", {"project": "shop"}, False),
    ("mara", "change_vm", {"vm": "shop00", "memory": "3GiB"}, False),
    ("mara", "change_vm", {"vm": "shop00", "protected": True}, False),
    ("mara", "change_vm", {"vm": "shop00", "protected": False}, True),
    ("mara", "change_vm", {"vm": "shop00", "protected": "false"}, True),
    ("mara", "change_vm", {"vm": "shop00", "protected": "no"}, True),
    ("mara", "change_vm", {"vm": "shop01", "remove_components": ["redis"]}, True),
    ("mara", "change_vm", {"vm": "shop01", "remove_components": "redis"}, True),
    ("mara", "remove_component", {"vm": "shop01", "component": "redis"}, True),
    ("mara", "stop_vm", {"vm": "shop00"}, False),
    ("mara", "retire_vm", {"vm": "shop00"}, True),
    ("mara", "retire_vm", {"vm": "shop00", "undo": False}, True),
    ("mara", "retire_vm", {"vm": "shop00", "undo": "true"}, False),
    ("mara", "restart_vm", {"vm": "shop00"}, False),
    ("mara", "restore_files", {"vm": "shop00", "path": "/etc"}, False),
    ("mara", "restore_files", {"vm": "shop00", "path": "/etc", "in_place": True}, True),
    ("mara", "restore_component", {"vm": "shop01", "component": "redis"}, True),
    ("mara", "restore_component", {"vm": "shop01", "component": "redis", "object": "a", "as": "b"}, False),
    ("mara", "restore_component", {"vm": "shop01", "component": "redis", "as": "b", "replace": "yes"}, True),
    ("mara", "set_permissions", {"project": "shop", "user": "lou", "permissions": ["login", "wheel"]}, True),
    ("mara", "set_permissions", {"project": "shop", "user": "lou", "permissions": ["login", "stats"]}, True),
    ("mara", "set_permissions", {"project": "shop", "user": "lou", "permissions": "none"}, False),
    ("mara", "set_permissions", {"project": "shop", "user": "sue", "permissions": ["login"]}, False),
    ("mara", "change_project", {"project": "shop", "contacts": ["a@town.example"]}, False),
    ("mara", "change_project", {"project": "shop", "firewall": {"frontend": "open"}}, True),
    ("mara", "change_project", {"project": "shop", "quota": {"vms": 100}}, True),
    ("mara", "invite_user", {"user": "x", "project": "shop", "permissions": ["login"]}, True),
    ("mara", "decline_user", {"user": "pia"}, False),
    ("lou", "add_ssh_key", {"user": "lou", "ssh_key": KEY}, True),
    ("lou", "revoke_key", {"user": "lou", "ssh_key": KEY}, True),
    ("lou", "change_user", {"user": "lou", "full_name": "Lou"}, False),
    ("lou", "change_user", {"user": "lou", "email": "lou@elsewhere.example"}, True),
    ("lou", "clear_web_password", {"user": "lou"}, False),
    ("lou", "set_web_password", {"user": "lou"}, True),
    ("olga", "lock_user", {"user": "lou"}, True),
    ("olga", "order_vm", {"project": "shop"}, True),
    ("olga", "stop_vm", {"vm": "shop00"}, True),
    ("olga", "clear_web_password", {"user": "lou"}, True),
    ("olga", "clear_web_password", {"user": "olga"}, False),
    ("otto", "stop_vm", {"vm": "shop00"}, False),
    ("otto", "stop_vm", {"vm": "blog00"}, True),
    ("olga", "set_permissions", {"project": "shop", "user": "mara", "permissions": [], "even_if_last": True}, True),
    ("mara", "order_vm", {}, True),
    ("mara", "order_vm", {"project": "shop", "cores": "many"}, True),
    ("mara", "approve", {"request": "x"}, True),
    ("mara", "decline", {"request": "x"}, True),
    ("mara", "place_vm", {"vm": "shop00", "hypervisor": "hv0"}, True),
    ("mara", "x", {}, True),
]


@pytest.mark.parametrize(("person", "verb", "arguments", "is_needed"), ROWS)
def test_what_needs_a_signature(
    found: Description, person: str, verb: str, arguments: dict[str, Any], is_needed: bool
) -> None:
    assert bool(signing.needs(found, person, verb, arguments)) == is_needed
