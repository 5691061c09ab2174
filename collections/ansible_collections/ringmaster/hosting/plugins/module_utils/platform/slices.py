# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a platform, for one of several processes: whole projects, because their VMs have to know each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

PLAYBOOKS = ("base", "certificates", "components", "set_up_vms", "withdrawn")
"""Those that need nothing of VMs of other projects. Services are set up for all VMs, and would lose the others."""
REFUSED = (
    "The inventory is narrowed (option 'only', RINGMASTER_ONLY), and this playbook needs all VMs: services would lose "
    f"the others. Leave it out, or run one of these: {', '.join(PLAYBOOKS)}"
)


def only(data: Mapping[str, Any], chosen: Collection[str]) -> dict[str, Any]:
    """Return the inventory of some VMs: ``{groups, hosts}`` with all groups, and in them the hosts that are left.

    :param data: the inventory of the whole platform.
    :param chosen: names of VMs or of projects. Machines, and hypervisors of these VMs, are left as well.
    """
    hosts, groups = data["hosts"], data["groups"]
    chosen = set(chosen)
    project_of = {name: own.get("ringmaster_project", "") for name, own in hosts.items()}
    projects = chosen | {project_of[name] for name in chosen if name in hosts}
    left = {name for name, project in project_of.items() if project and project in projects}
    left |= {own for name in left if (own := hosts[name].get("ringmaster_hypervisor")) in hosts}
    left |= set(groups.get("machines", {}).get("hosts", []))
    left |= {host for host in groups["all"]["vars"].get("ringmaster_services", {}).values() if host in hosts}
    return {
        "groups": {
            name: {**group, "hosts": [host for host in group["hosts"] if host in left]}
            for name, group in groups.items()
        },
        "hosts": {name: own for name, own in hosts.items() if name in left},
    }


def share(vms: Mapping[str, Sequence[str]], number: int) -> list[list[str]]:
    """Share VMs, given by project, among a number of slices of about the same size; a project is never cut."""
    result: list[list[str]] = [[] for _one in range(max(1, number))]
    for project in sorted(vms, key=lambda name: (-len(vms[name]), name)):
        min(result, key=len).extend(vms[project])
    return [one for one in result if one]
