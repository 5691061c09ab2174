# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the monitoring host reads from whom: exporters of machines and components, and probes from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue

#: Component or service -> (job, port) of each of its exporters. ``host`` is every machine's own.
EXPORTERS: dict[str, tuple[tuple[str, int], ...]] = {
    "host": (("node", 9100),),
    "dns": (("bind", 9119),),
    **{name: one.exporters for name, one in catalogue.COMPONENTS.items() if one.exporters},
}
#: Port on which a machine hands out the sentences of its checks.
RESULTS_PORT = 9990
#: The project that alerts of hypervisors and service machines belong to.
PLATFORM = "platform"
SSH_PORT = 22
#: Variable with an address -> how probes from outside name it: network and family.
PROBED = {
    "ringmaster_srv_ipv4": ("srv", "ipv4"),
    "ringmaster_srv_ipv6": ("srv", "ipv6"),
    "ringmaster_fe_ipv4": ("fe", "ipv4"),
    "ringmaster_fe_ipv6": ("fe", "ipv6"),
}

Target = dict[str, Any]


def address_of(machine: Mapping[str, Any]) -> str:
    """Return the address on which a machine is read: on the server network, else where Ansible reaches it."""
    for name in ("ringmaster_srv_ipv4", "ringmaster_srv_ipv6", "ansible_host"):
        if machine.get(name):
            return str(machine[name])
    return ""


def endpoint(address: str, port: int) -> str:
    """Join address and port; an IPv6 address gets its brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def targets(machines: Iterable[Mapping[str, Any]]) -> dict[str, list[Target]]:
    """Return the targets for Prometheus: file name -> list as ``file_sd_configs`` takes it.

    :param machines: host variables of VMs, hypervisors and service machines; a VM has ``ringmaster_project``.
    :returns: ``exporters``, ``ping``, ``ssh`` and ``http``. A target of exporters carries its job as a label, so that
        a new component needs no change of Prometheus's configuration.
    """
    result: dict[str, list[Target]] = {"exporters": [], "ping": [], "ssh": [], "http": []}
    projects: set[str] = set()
    for machine in machines:
        address = address_of(machine)
        if not address or machine.get("ringmaster_state", "running") != "running":
            continue
        labels = _labels(machine)
        services = [
            service
            for service, host in (machine.get("ringmaster_services") or {}).items()
            if host == machine["inventory_hostname"]
        ]
        for component in ("host", *(machine.get("ringmaster_components") or []), *services):
            for job, port in EXPORTERS.get(component, ()):
                own = {"job": job, **labels}
                if component != "host":  # whose metrics name the component themselves
                    own["component"] = component
                result["exporters"].append(_target(endpoint(address, port), own))
        for variable, (network, family) in PROBED.items():
            if machine.get(variable):
                probed = {**labels, "network": network, "family": family}
                result["ping"].append(_target(str(machine[variable]), probed))
        if not any(machine.get(variable) for variable in PROBED):
            result["ping"].append(_target(address, {**labels, "network": "mgmt", "family": _family(address)}))
        result["ssh"].append(_target(endpoint(address, SSH_PORT), labels))
        project = str(machine.get("ringmaster_project") or "")
        if project and project not in projects:
            projects.add(project)
            result["http"] += _url_checks(machine, project)
    return result


def _labels(machine: Mapping[str, Any]) -> dict[str, str]:
    name = str(machine["inventory_hostname"])
    project = str(machine.get("ringmaster_project") or "")
    labels = {"instance": name, "project": project or PLATFORM}
    if project:
        labels["vm"] = name
    labels["production"] = "yes" if machine.get("ringmaster_production", True) else "no"
    return labels


def _family(address: str) -> str:
    return "ipv6" if ":" in address else "ipv4"


def _target(address: str, labels: Mapping[str, str]) -> Target:
    return {"targets": [address], "labels": dict(labels)}


def _url_checks(machine: Mapping[str, Any], project: str) -> list[Target]:
    return [
        _target(str(check["url"]), {"instance": project, "project": project, "check": str(check["name"])})
        for check in machine.get("ringmaster_project_checks") or []
        if check and check.get("url")
    ]
