# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring looks at each machine once: putting together the variables of 10,000 of them takes seconds each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.services import (
    alerting,
    exporters,
    fetching,
    monitored,
)

LOOK = "hostvars | ringmaster.hosting.monitored("
ROLE = Path(__file__).parents[3] / "roles/monitoring"
PLATFORM = {
    "ringmaster_networks": {
        "frontend": {"ipv4": "198.51.100.0/24", "ipv6": "2001:db8:2::/64"},
        "server": {"ipv4": "172.20.0.0/22", "ipv6": "2001:db8:3::/64"},
    },
    "ringmaster_management_networks": ["10.77.0.0/24"],
}
MACHINES: list[dict[str, Any]] = [
    {
        "inventory_hostname": f"shop{number:02}",
        "ringmaster_project": "shop",
        "ringmaster_project_contacts": ["shop@example.org"],
        "ringmaster_project_webhooks": [],
        "ringmaster_project_checks": [{"name": "front", "url": "https://shop.example.org/"}],
        "ringmaster_components": ["redis"],
        "ringmaster_srv_ipv4": f"172.20.1.{number}",
        "ansible_host": f"172.20.1.{number}",
    }
    for number in range(1, 4)
]


def test_each_machine_is_looked_at_once() -> None:
    looked: list[str] = []

    def machines():
        for machine in MACHINES:
            looked.append(machine["inventory_hostname"])
            yield machine

    targets, fetch = exporters.targets(MACHINES), fetching.rules(MACHINES, PLATFORM)
    found = monitored.monitored(machines(), PLATFORM)
    texts = found.pop("texts")
    assert texts.pop("wall") == fetching.wall(fetch)
    assert {name: json.loads(text) for name, text in texts.items()} == {**targets, "fetch": fetch}
    assert found == {"probed": ["shop"], "projects": alerting.projects(MACHINES)}
    assert looked == ["shop01", "shop02", "shop03"]


def test_a_file_of_targets_has_a_line_for_each() -> None:
    text = monitored.monitored(MACHINES, PLATFORM)["texts"]["ssh"]
    assert [json.loads(line.rstrip(","))["targets"] for line in text.splitlines()[1:-1]] == [
        [f"172.20.1.{number}:22"] for number in (1, 2, 3)
    ]
    assert monitored.monitored([], PLATFORM)["texts"]["ssh"] == "[\n\n]\n"
    assert json.loads("[\n\n]\n") == []


def test_the_role_asks_one_filter_of_all_machines_which_remembers_while_a_task_runs() -> None:
    texts = {path: path.read_text() for path in ROLE.rglob("*") if path.suffix in (".yml", ".j2")}
    looking = [path.relative_to(ROLE).as_posix() for path, text in texts.items() if "hostvars |" in text]
    assert looking == ["vars/main.yml"]
    assert texts[ROLE / looking[0]].count("hostvars |") == texts[ROLE / looking[0]].count(LOOK) == 1
