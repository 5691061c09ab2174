# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring looks at each machine once: putting together the variables of 10,000 of them takes seconds each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.filter.core import to_nice_json
from ansible_collections.ringmaster.hosting.plugins.filter.monitoring_targets import FilterModule
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import alerting, exporters, fetching

LOOK = "hostvars | ringmaster.hosting.machines("
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
    assert FilterModule().filters()["monitored"](machines(), PLATFORM) == {
        # To the byte what the files had in them when templates made them.
        "texts": {name: to_nice_json(data, indent=1) + "\n" for name, data in {**targets, "fetch": fetch}.items()},
        "checks": targets["http"],
        "fetch": fetch,
        "projects": alerting.projects(MACHINES),
    }
    assert looked == ["shop01", "shop02", "shop03"]


def test_the_role_does_so_in_one_task_and_in_no_variable_that_is_rendered_wherever_it_is_used() -> None:
    texts = {path: path.read_text() for path in ROLE.rglob("*") if path.suffix in (".yml", ".j2")}
    looking = [path.relative_to(ROLE).as_posix() for path, text in texts.items() if LOOK in text]
    assert looking == ["tasks/main.yml"]
    assert texts[ROLE / looking[0]].count(LOOK) == 1
