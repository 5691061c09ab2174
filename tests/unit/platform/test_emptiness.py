# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that are empty: refused where nobody could log in or connect, and never read as everybody."""

from __future__ import annotations

import re

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.description import read_description
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.firewall_rules import resolve_rules

PLATFORM, PROJECT = "platform.yml", "projects/myapp.yml"
INCIDENT = "incidents/2026-11-20-storage.yml"

EMPTY = {
    "operators": (PLATFORM, r"operators:\n(  .*\n)+", "operators: ^[]\n", ["log in to no machine as root"]),
    "operators without a value": (PLATFORM, r"operators:\n(  .*\n)+", "^operators:\n", ["log in to no machine"]),
    "management networks": (
        PLATFORM,
        r"management_networks: .*",
        "management_networks: ^[]",
        ["log in to no machine as root", "from which Ansible runs"],
    ),
    "rule from nobody": (PROJECT, "from: svc0", "from: ^[]", ["nobody could connect", "write any for everybody"]),
    "rule from nothing": (PROJECT, "from: svc0", "from: ^", ["nobody could connect"]),
    "rule to nothing": (PROJECT, "to: 8080", "to: ^[]", ["would open nothing"]),
    "rule for no VM": (PROJECT, "to: 8080", "to: 8080, vms: ^[]", ["would be for all VMs", "leave it out"]),
    "check on no VM": (PROJECT, "name: cron", "name: cron, vms: ^[]", ["all VMs would run it"]),
    "no day": (PROJECT, r"days: \[sat, sun\]", "days: ^[]", ["updates would wait for ever"]),
}


@pytest.mark.parametrize("case", EMPTY)
def test_an_empty_list_that_locks_out_is_refused_with_whom(platform, case: str) -> None:
    name, old, new, said = EMPTY[case]
    path = platform.folder / name
    before = path.read_text()
    text, number = re.subn(old, new, before, count=1)
    assert number == 1
    line, column = text[: text.index("^")].count("\n") + 1, text.index("^") - text.rfind("\n", 0, text.index("^"))
    path.write_text(text.replace("^", "", 1))
    (mistake,) = platform.mistakes()
    for part in ["is empty", *said]:
        assert part in mistake.render()
    if "without a value" not in case:
        assert (mistake.line, mistake.column) == (line, column)


def test_an_incident_of_no_project_is_not_everybodys(platform) -> None:
    platform.write(INCIDENT, "title: x\nbegin: '2026-11-24T10:00:00Z'\nprojects: []\n")
    (mistake,) = platform.mistakes()
    assert "everybody would see it" in mistake.message


def test_in_a_lab_the_keys_of_the_lab_are_enough(platform) -> None:
    platform.edit(PLATFORM, lambda data: data.update(operators=[]))
    platform.write("platform.ringmaster.yml", "plugin: ringmaster.hosting.platform\nkey_directory: keys\n")
    assert platform.mistakes() == []


def test_an_empty_list_that_stands_is_nobody(platform) -> None:
    """A warning only for who has it already; it is read as none then, and never as all."""
    platform.allocate()
    platform.replace(PROJECT, "to: 8080", "to: 8080, vms: []")
    description, mistakes = read_description(platform.options)
    assert [mistake.eased for mistake in mistakes] == [True]
    assert resolve_rules(description, "myapp", lambda _description, _vm: ["192.0.2.1"]) == []
