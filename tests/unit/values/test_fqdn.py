# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What machines are called, and that nobody builds such names by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import fqdn

ROOT = Path(__file__).parents[3]
HOME = "values/fqdn.py"
# f"{vm.name}.{description.domain}", ".fe.", inventory_hostname ~ '.' ~ ringmaster_domain and the like.
BY_HAND = re.compile(
    r"""\{[\w.]*name\}\.(fe\.)?\{[\w.]*domain\}|\}\.fe\b|["']\.fe\.?["']|hostname\s*(~\s*["']\.|\}\}\.)"""
)


def test_the_names_of_a_machine() -> None:
    assert fqdn.fqdn("myapp00", "example.org") == "myapp00.example.org"
    assert fqdn.frontend_fqdn("myapp00", "example.org") == "myapp00.fe.example.org"
    assert fqdn.frontend_name("gateway") == "gateway.fe"
    assert [fqdn.frontend_name("myapp00", number) for number in (1, 2, 11)] == [
        "myapp00.fe",
        "myapp00.fe2",
        "myapp00.fe11",
    ]


@pytest.mark.parametrize("name", ["myapp00", "myapp00.fe", "myapp00.fe2", "myapp00.fe16"])
def test_all_names_stand_for_the_machine(name: str) -> None:
    assert fqdn.machine_of(name) == "myapp00"


def test_a_name_that_only_looks_alike_is_left_alone() -> None:
    assert fqdn.machine_of("cafe") == "cafe"
    assert fqdn.machine_of("myapp00.fe.old") == "myapp00.fe.old"
    assert fqdn.machine_of("myapp00.fe1") == "myapp00.fe1"
    assert fqdn.machine_of("myapp00.fe02") == "myapp00.fe02"


def test_nobody_builds_such_a_name_by_hand() -> None:
    places = [*ROOT.glob("collections/**/plugins/**/*.py"), *ROOT.glob("inventory_plugins/*.py")]
    for folder in ("roles", "playbooks"):
        places += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yml", ".j2")]
    assert len(places) > 300
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in places
        if not path.as_posix().endswith(HOME)
        for match in BY_HAND.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found
