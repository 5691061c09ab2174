# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""0, false and the empty text are given: nobody takes them for nothing, in Python, in tasks or in templates."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import haproxy, mailserver, nginx

COLLECTION = Path(nginx.__file__).parents[3]
COMPONENTS = COLLECTION / "plugins/module_utils/components"
# What is no option: a machine's own values, and lists of which the first is asked for.
NOT_OPTIONS = {
    "haproxy.py": ["vm['srv_ipv4'] or vm['srv_ipv6']", "item.get('proxy_protocol') or item.get('sticky')"],
    "mail_faults.py": ["one.get('domains') or ['']"],  # an empty list is refused before
    "mail_zones.py": ["one.get('zone') or domain"],
    "mailserver.py": [
        # The empty text of mailserver_postmaster is its default, and means: not given.
        "declared.get('postmaster') or next(iter(self.mailboxes), '')",
    ],
    "users.py": ["one.get('ringmaster_vm_id') or 0"],
}
# Jinja's `default(x, true)` takes 0, false and "" for nothing as well.
NOT_OPTIONS_OF_ROLES = {
    "roles/dns/templates/exporter.conf.j2": 1,
    "roles/base/templates/hosts.j2": 2,
    "playbooks/shared/move_one_vm.yml": 1,
    "playbooks/drain_member.yml": 1,
}


def _is_empty(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value == ""
    return (isinstance(node, (ast.Tuple, ast.List)) and not node.elts) or (isinstance(node, ast.Dict) and not node.keys)


def _falsy(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.BoolOp) or not isinstance(node.op, ast.Or) or _is_empty(node.values[-1]):
            continue
        first = node.values[0]
        called = isinstance(first, ast.Call) and isinstance(first.func, ast.Attribute) and first.func.attr == "get"
        if called or isinstance(first, ast.Subscript):
            yield ast.unparse(node)


@pytest.mark.parametrize("path", sorted(COMPONENTS.glob("*.py")), ids=lambda path: path.name)
def test_no_option_is_taken_for_nothing_by_or(path: Path) -> None:
    assert sorted(_falsy(path)) == sorted(NOT_OPTIONS.get(path.name, []))


def test_no_option_is_taken_for_nothing_by_default_true() -> None:
    found: dict[str, int] = {}
    for folder in ("roles", "playbooks"):
        for path in [*(COLLECTION / folder).rglob("*.yml"), *(COLLECTION / folder).rglob("*.j2")]:
            if number := len(
                re.findall(r"default\((?:[^()]|\([^()]*\))*,\s*(?:boolean=)?true\)", path.read_text(), re.I)
            ):
                found[str(path.relative_to(COLLECTION))] = number
    assert found == NOT_OPTIONS_OF_ROLES


def site(**options: object) -> str:
    shared = nginx.Site("webgateway", ("192.0.2.1",), frozenset({"app"}), roots=("/srv",), tls="off")
    return nginx.render([{"name": "a.example", "root": "/srv/a", **options}], shared)["a.example"]


def test_a_body_limit_of_0_is_none_and_without_one_there_is_the_default() -> None:
    assert "client_max_body_size 0;" in site(body_limit="0")
    assert "client_max_body_size 64m;" in site()


@pytest.mark.parametrize("option", ["requests_per_second", "connections_per_client", "timeout"])
def test_what_nginx_cannot_take_is_not_left_out(option: str) -> None:
    with pytest.raises(nginx.VhostError, match=f"{option} is 0"):
        site(**{option: 0, "root": None, "backend": "app"})


def test_an_empty_permission_does_not_let_everybody_in() -> None:
    with pytest.raises(nginx.VhostError, match="auth is ''"):
        site(auth="")


def test_no_timeout_is_not_haproxys_default() -> None:
    backend = {"name": "a", "vms": ["b00"], "port": 80, "timeout": 0}
    with pytest.raises(haproxy.BackendError, match="timeout is 0"):
        haproxy.resolve([backend], "a00", [{"name": "b00", "srv_ipv4": "192.0.2.1", "srv_ipv6": ""}], {})


def test_a_quota_of_0_is_not_the_default() -> None:
    assert mailserver.quota_bytes("0", "a@a.example") == 0
