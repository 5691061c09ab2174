# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status pages say of the platform that no measurement tells: projects, VMs, settings, incidents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_entries import of_texts
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import convergence
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.addresses import VARIABLES

from .exporters import PROBED, RESULTS_PORT, address_of, endpoint

#: Settings whose values are not shown to anybody.
SECRET = re.compile(r"password|passwd|secret|token|credential|private|(^|_)key($|_)|hash", re.IGNORECASE)
HIDDEN = "(hidden)"
#: Limits of the checks of every machine; those of components are among their settings.
LIMIT = re.compile(r"monitoring_agent_\w*(warning|critical)\w*")


def description(
    machines: Iterable[Mapping[str, Any]],
    incidents: Mapping[str, Mapping[str, Any]],
    platform: Mapping[str, Any],
    without_vms: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return what the program that makes the pages reads.

    :param machines: host variables of all machines with ``group_names``.
    :param incidents: name -> incident, as the description has them.
    :param platform: ``{domain, timezone, services}``.
    :param without_vms: variables of projects that have no VM.
    """
    projects = {str(project["ringmaster_project"]): _project_of(project) for project in without_vms}
    others: list[dict[str, Any]] = []
    for machine in machines:
        name = str(machine.get("ringmaster_project") or "")
        if name:
            project = projects.setdefault(name, _project_of(machine))
            project["vms"].append(_vm(machine))
        else:
            others.append(_machine(machine, platform.get("services") or {}))
    return {
        "domain": str(platform["domain"]),
        "timezone": str(platform["timezone"]),
        "projects": sorted(projects.values(), key=lambda project: project["name"]),
        "machines": others,
        "incidents": [{"name": name, **record} for name, record in sorted(incidents.items(), reverse=True)],
    }


def password_files(machines: Iterable[Mapping[str, Any]], folder: str) -> list[dict[str, Any]]:
    """Return a file for each project, with the people who have a password for web pages and any permission there.

    :param machines: host variables of all machines; one of each project stands for it.
    :returns: entries for module ``files``.
    """
    texts: dict[str, str] = {}
    for machine in machines:
        project = machine.get("ringmaster_project")
        if project is not None and project not in texts:
            people: dict[str, str] = {}
            for found in (machine.get("ringmaster_web_passwords") or {}).values():
                people.update(found)
            texts[project] = "\n".join(f"{person}:{people[person]}" for person in sorted(people)) + "\n"
    return of_texts(texts, f"{folder}/%s", group="www-data", mode="0640", sensitive=True)


def _project_of(machine: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": str(machine["ringmaster_project"]),
        "description": str(machine.get("ringmaster_project_description") or ""),
        "public": machine.get("ringmaster_status_page") == "public",
        "contacts": list(machine.get("ringmaster_project_contacts") or []),
        "urls": [
            {"name": check["name"], "url": check["url"]}
            for check in machine.get("ringmaster_project_checks") or []
            if check and check.get("url")
        ],
        "vms": [],
    }


def _vm(machine: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": str(machine["inventory_hostname"]),
        "fqdn": str(machine.get("ringmaster_fqdn") or ""),
        "state": str(machine.get("ringmaster_state") or "running"),
        "production": bool(machine.get("ringmaster_production", True)),
        "protected": bool(machine.get("ringmaster_protected", False)),
        "memory_mib": int(machine["ringmaster_memory_mib"]),
        "cores": int(machine["ringmaster_cores"]),
        "disk_gib": int(machine["ringmaster_disk_gib"]),
        "swap_mib": int(machine.get("ringmaster_swap_mib") or 0),
        "tmp_gib": int(machine.get("ringmaster_tmp_gib") or 0),
        "image": str(machine.get("ringmaster_image") or ""),
        "hypervisor": str(machine.get("ringmaster_hypervisor") or ""),
        "addresses": [
            {"network": network, "family": family, "address": str(machine[variable])}
            for variable, (network, family) in PROBED.items()
            if machine.get(variable)
        ]
        + [
            {"network": network, "family": "ipv4", "address": str(address)}
            for network in ("srv", "fe")
            for address in machine.get(VARIABLES[network][-1]) or []
        ],
        "components": {
            component: settings(machine, component) for component in machine.get("ringmaster_components") or []
        },
        "limits": limits(machine),
        "maintenance": _maintenance(machine),
        "results": endpoint(address_of(machine), RESULTS_PORT),
        "digest": convergence.wanted(machine),
    }


def _maintenance(machine: Mapping[str, Any]) -> dict[str, Any]:
    record = machine.get("ringmaster_maintenance") or {}
    return {key: record[key] for key in ("days", "start", "hours", "timezone") if key in record}


def _machine(machine: Mapping[str, Any], services: Mapping[str, str]) -> dict[str, Any]:
    name = str(machine["inventory_hostname"])
    return {
        "name": name,
        "hypervisor": "hypervisors" in (machine.get("group_names") or []),
        "services": sorted(service for service, host in services.items() if host == name),
        "limits": limits(machine),
        "results": endpoint(address_of(machine), RESULTS_PORT),
        "digest": convergence.wanted(machine),
    }


def limits(machine: Mapping[str, Any]) -> dict[str, float]:
    """Return the limits of checks that are set for a machine, for its graphs; others are those of the role."""
    found = ((name, machine[name]) for name in sorted(machine) if isinstance(name, str) and LIMIT.fullmatch(name))
    return {name: value for name, value in found if type(value) in (int, float)}


def settings(machine: Mapping[str, Any], component: str) -> dict[str, Any]:
    """Return the declared settings of a component, without its prefix and without secrets."""
    prefix = f"{component}_"
    return {
        name.removeprefix(prefix): _plain(name, machine[name])
        for name in sorted(machine)
        if isinstance(name, str) and name.startswith(prefix)
    }


def _plain(name: str, value: Any) -> Any:
    if SECRET.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _plain(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain("", item) for item in value]
    return value if isinstance(value, (bool, int, float)) or value is None else str(value)
