# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may be worked on when: VMs that stand in for each other get parts of their window that never meet.

These are the VMs of a project with the same component, a gateway with the members of its backends, and those that the
project says to keep in service.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from types import ModuleType
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import haproxy
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import program
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.secret import derive, generation

SHORTEST_MINUTES = 15
WEEKS = 54
PLATFORM = "platform"
WINDOW = ("days", "start", "hours", "timezone")


def windows(members: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the window of each VM of a project with its slot.

    :param members: host variables of the project's VMs.
    :raises ValueError: when a slot would be too short to work in, or windows of two such VMs meet.
    """
    vms = sorted(members, key=lambda vm: int(vm.get("ringmaster_vm_id") or 0))
    components = {str(vm["inventory_hostname"]): set(vm.get("ringmaster_components") or []) for vm in vms}
    for group in kept(vms):
        for name in group.members:
            components[name].add(group.name)
    apart = _slots({name: components[name] | behind for name, behind in backends(vms).items()})
    shortest = min((float(vm["ringmaster_maintenance"]["hours"]) for vm in vms), default=0.0)
    if _minutes(shortest, apart) < SHORTEST_MINUTES:
        # Rather those with data apart than a window in which nothing can be done.
        apart = _slots(components)
    number = max(apart.values(), default=0) + 1
    result = {
        str(vm["inventory_hostname"]): {
            **{key: vm["ringmaster_maintenance"][key] for key in WINDOW},
            "exclusions": list(vm["ringmaster_maintenance"].get("exclusions") or []),
            "slot": apart[str(vm["inventory_hostname"])],
            "slots": number,
        }
        for vm in vms
    }
    for name, record in result.items():
        if _minutes(record["hours"], apart) < SHORTEST_MINUTES:
            raise ValueError(
                f"the maintenance window of {name} is too short: {number} VMs with the same component share "
                f"{record['hours']} hours, and each needs {SHORTEST_MINUTES} minutes; make it longer"
            )
    _refuse_meeting(result, components, _window_module())
    return result


@dataclass(frozen=True)
class Group:
    """VMs of which so many stay in service while others are worked on. ``name`` says to people why."""

    name: str
    members: tuple[str, ...]
    in_service: int


def groups(members: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Return which VMs of a project stand in for each other, and how many of them are kept in service.

    That is all but one, where the project says nothing else. What is a group of one is none.

    :param members: host variables of the project's VMs.
    """
    vms = list(members)
    project = next((str(vm.get("ringmaster_project") or "") for vm in vms), "")
    found: dict[str, list[str]] = {}
    for vm in vms:
        for component in vm.get("ringmaster_components") or []:
            found.setdefault(f"{component} in {project}", []).append(str(vm["inventory_hostname"]))
    for name, behind in backends(vms).items():
        for reason in behind:
            found.setdefault(reason, []).append(name)
    known = [Group(name, tuple(sorted(set(names))), len(set(names)) - 1) for name, names in sorted(found.items())]
    return [group for group in known if len(group.members) > 1] + kept(vms)


def kept(vms: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Return the groups that a project declares (``maintenance.keep``), as far as their VMs are there."""
    known = list(vms)
    names = {str(vm["inventory_hostname"]) for vm in known}
    declared = next((vm.get("ringmaster_maintenance_keep") or [] for vm in known), [])
    result = []
    for one in declared:
        there = tuple(sorted(names & set(one["vms"])))
        most = len(there) - 1
        in_service = most if one.get("in_service") is None else min(int(one["in_service"]), most)
        if most > 0:
            result.append(Group(f"{', '.join(there)} by maintenance.keep", there, in_service))
    return result


def backends(vms: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Return the backends that each VM has a part in, as a member or as the gateway itself.

    While one of them restarts, the others have to be there.

    :param vms: host variables of the project's VMs.
    """
    known = {str(vm["inventory_hostname"]): vm for vm in vms}
    result: dict[str, set[str]] = {name: set() for name in known}
    groups: dict[str, list[str]] = {}
    for name, vm in known.items():
        for component in vm.get("ringmaster_components") or []:
            groups.setdefault(f"component_{component}", []).append(name)
    for gateway in groups.get("component_webgateway", []):
        for item in known[gateway].get("webgateway_backends") or []:
            backend = str(item.get("name", ""))
            # What is wrong with it, the gateway's own role says.
            with contextlib.suppress(haproxy.BackendError):
                for name in [gateway, *haproxy.members_of(backend, item, gateway, known, groups)]:
                    result[name].add(f"the backend {backend} of {gateway}")
    return result


def policy(hostvars: Mapping[str, Mapping[str, Any]], vms: Iterable[str], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the service ``maintenance`` keeps to: the machines that get turns, and their groups.

    VMs that are switched off are nobody's help and get none.

    :param vms: names of VMs that are there.
    :param limits: what counts where a project says nothing: ``notice_hours``.
    """
    projects: dict[str, list[Mapping[str, Any]]] = {}
    for name in sorted(vms):
        if hostvars[name].get("ringmaster_state", "running") == "running":
            projects.setdefault(str(hostvars[name]["ringmaster_project"]), []).append(hostvars[name])
    machines: dict[str, Any] = {}
    found: list[dict[str, Any]] = []
    for project, members in sorted(projects.items()):
        those = groups(members)
        found += [asdict(group) | {"members": list(group.members)} for group in those]
        for vm in members:
            window = vm["ringmaster_maintenance"]
            notice = window.get("notice_hours")
            machines[str(vm["inventory_hostname"])] = {
                "project": project,
                "window": {**{key: window[key] for key in WINDOW}, "exclusions": list(window.get("exclusions") or [])},
                "notice_hours": limits["notice_hours"] if notice is None else notice,
                "hypervisor": str(vm.get("ringmaster_hypervisor") or ""),
                "is_gateway": "webgateway" in (vm.get("ringmaster_components") or []),
                "ignore_checks": list(vm.get("ringmaster_maintenance_ignore_checks") or []),
            }
    return {"machines": machines, "groups": found}


def passwords(hostvars: Mapping[str, Mapping[str, Any]], vms: Iterable[str], platform_secret: str) -> dict[str, str]:
    """Return the digest of each machine's password; those have 190 bits, so that a quick one gives nothing away."""
    return {
        name: hashlib.sha256(password(hostvars[name], platform_secret).encode()).hexdigest() for name in sorted(vms)
    }


def password(machine: Mapping[str, Any], platform_secret: str) -> str:
    """Return what a machine says to the service to show who it is."""
    return derive(
        platform_secret,
        project=str(machine["ringmaster_project"]),
        vm=str(machine["inventory_hostname"]),
        component="maintenance",
        object_name="turns",
        generation=generation(machine, "maintenance", "turns"),
    )


def calendars(projects: Iterable[str], platform_secret: str) -> dict[str, str]:
    """Return the word that names each project's calendar, and by an empty name that of all projects.

    Who knows it may read it: programs for calendars cannot sign in.
    """
    return {
        project: derive(
            platform_secret,
            project=project or PLATFORM,
            vm="calendar",
            component="maintenance",
            object_name="project" if project else "all",
        )
        for project in ["", *sorted(projects)]
    }


def _slots(reasons: Mapping[str, set[str]]) -> dict[str, int]:
    """Return a number for each VM; those that have a reason in common have different ones."""
    slots: dict[str, int] = {}
    for name, mine in reasons.items():
        taken = {slots[other] for other in slots if mine & reasons[other]}
        slots[name] = next(number for number in range(len(reasons)) if number not in taken)
    return slots


def _minutes(hours: float, slots: Mapping[str, int]) -> float:
    return 60 * hours / (max(slots.values(), default=0) + 1)


def _refuse_meeting(
    records: Mapping[str, Mapping[str, Any]], components: Mapping[str, set[str]], module: ModuleType
) -> None:
    """Look a year ahead, so that changes of the clock count; windows that are the same cannot meet."""
    begin = datetime.datetime.now(datetime.UTC)
    for one, other in combinations(records, 2):
        shared = components[one] & components[other]
        alike = all(records[one][key] == records[other][key] for key in WINDOW)
        if not shared or alike:
            continue
        # Whether days are excluded or not: some day they are not.
        first, second = (
            module.Window.from_mapping({key: records[name][key] for key in (*WINDOW, "slot", "slots")})
            for name in (one, other)
        )
        for week in range(WEEKS):
            met = module.overlap(first, second, begin + datetime.timedelta(weeks=week))
            if met:
                raise ValueError(
                    f"{one} and {other} have {', '.join(sorted(shared))} both and could be restarted together, "
                    f"on {met.begin:%Y-%m-%d at %H:%M} UTC; give them the same maintenance window, or windows that "
                    "never meet"
                )


def _window_module() -> ModuleType:
    """Load the arithmetic of windows from the machine's program, which uses it as well."""
    path = program.source() / "maintenance/window.py"
    specification = importlib.util.spec_from_file_location("ringmaster_maintenance_window", path)
    if specification is None or specification.loader is None:
        raise ValueError(f"{path} is missing")
    module = importlib.util.module_from_spec(specification)
    # Dataclasses look their module up by its name.
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module
