# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pages tell of VMs, people and requests, as plain data; nothing here asks whether somebody may see it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.ssh_keys import fingerprint
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description, Vm
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.common import PERMISSIONS
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses, sizes
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.fqdn import fqdn, frontend_fqdn

from ..queue import models
from ..queue.people import seen_by

STATES = {"running": ("ok", "Running"), "stopped": ("off", "Stopped"), "retiring": ("warning", "Retiring")}
"""The wanted state of a VM: class of the style sheet, and word."""
LATELY = 200
"""How many requests are looked through for those about something."""


def size(mib: int) -> str:
    """Write a size as people read it: the number and its unit apart, and never on two lines."""
    return re.sub(r"([0-9])([A-Z])", "\\1\u00a0\\2", sizes.render(mib))


def networks(found: Description, vm: Vm) -> dict[str, list[str]]:
    """Return the addresses of a VM by its interface; none while it has no id."""
    ledger = found.ledger
    by_network: dict[str, list[str]] = {"ethfe": [], "ethsrv": []}
    identity = ledger.vm_ids.get(vm.name)
    if identity is not None:
        by_network["ethfe"] += [ledger.ipv4_frontend.get(vm.name, ""), *ledger.ipv4_frontend_extra.get(vm.name, [])]
        by_network["ethfe"].append(addresses.ipv6(found.network("frontend")["ipv6"], identity))
        by_network["ethsrv"] += [ledger.ipv4_srv.get(vm.name, ""), *ledger.ipv4_server_public.get(vm.name, [])]
        by_network["ethsrv"].append(addresses.ipv6(found.network("server")["ipv6"], identity))
    return {network: [one for one in listed if one] for network, listed in by_network.items()}


def of_vm(found: Description, vm: Vm) -> dict[str, Any]:
    """Return what is told of a VM."""
    kind, word = STATES[vm.state]
    ledger = found.ledger
    cores = f"{vm.cores} core" if vm.cores == 1 else f"{vm.cores} cores"
    known = networks(found, vm)
    return {
        "name": vm.name,
        "project": vm.project,
        "kind": kind,
        "word": word,
        "state": vm.state,
        "delete_after": vm.delete_after,
        "size": f"{cores}, {size(vm.memory_mib)} of memory, {size(vm.disk_gib * 1024)} of disk",
        "memory": size(vm.memory_mib),
        "memory_max": size(vm.memory_max_mib) if vm.memory_max_mib != vm.memory_mib else "",
        "cores": cores,
        "disk": size(vm.disk_gib * 1024),
        "comment": vm.comment,
        "is_production": vm.production,
        "is_protected": vm.protected,
        "fqdn": fqdn(vm.name, found.domain),
        "fe_fqdn": frontend_fqdn(vm.name, found.domain),
        "hypervisor": ledger.placements.get(vm.name, ""),
        "addresses": [one for listed in known.values() for one in listed],
        "networks": known,
        "host_keys": [fingerprint(key) for key in ledger.host_keys.get(vm.name, [])],
        "components": [COMPONENTS[name].title for name in vm.components],
        "maintenance": vm.maintenance,
        "backup": vm.backup,
    }


def people(found: Description, project: str) -> list[dict[str, Any]]:
    """Return the people of a project with what each may do."""
    permissions = found.projects[project]["permissions"] or {}
    return [
        {
            "name": name,
            "full_name": found.users[name]["full_name"],
            "state": found.users[name]["state"],
            "keys": [fingerprint(key) for key in found.users[name]["ssh_keys"]],
            "permissions": [word for word in PERMISSIONS if word in words],
            "row": [(word, word in words) for word in PERMISSIONS],
        }
        for name, words in permissions.items()
        if name in found.users and found.users[name]["state"] != "removed"
    ]


def requests_about(person: str, things: Sequence[str], most: int = 8) -> list[models.Request]:
    """Return the newest requests that somebody may see and that name one of some VMs or projects."""
    wanted = set(things)
    latest = seen_by(person).order_by("-id")[:LATELY]
    return [one for one in latest if wanted & set(_named(one))][:most]


def _named(request: models.Request) -> Iterable[str]:
    yield request.subject
    for change in request.changes:
        for argument in ("vm", "project"):
            if isinstance(change["arguments"].get(argument), str):
                yield change["arguments"][argument]
