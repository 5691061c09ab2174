# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a project may have, and has: its ``quota``, counted over all that is described.

A quota is what people can add up in their own file: root disks without those for swap and /tmp, and no overhead.
Stopped VMs count, and retiring ones until they are deleted: what they have stays theirs, and both can come back. Nobody
orders above a quota, operators neither: whoever wants more raises it, in the same change if he likes, and git says who
did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sizes

from .model import Description, Vm

LIMITS = ("vms", "memory", "cores", "disk", "ipv4")
"""Keys of a quota; memory and disk in MiB."""
_CALLED = {
    "vms": "VMs",
    "memory": "memory",
    "cores": "virtual CPUs",
    "disk": "disk space",
    "ipv4": "public IPv4 addresses",
}


def used(vms: Sequence[Vm]) -> dict[str, int]:
    """Return what VMs have together, by the keys of a quota."""
    return {
        "vms": len(vms),
        "memory": sum(vm.booked_memory_mib for vm in vms),
        "cores": sum(vm.cores for vm in vms),
        "disk": sum(vm.disk_gib for vm in vms) * 1024,
        "ipv4": sum(vm.public_ipv4_count for vm in vms),
    }


def exceeded(quota: Mapping[str, Any] | None, has: Mapping[str, int]) -> list[str]:
    """Return the limits of a quota that are less than what there is."""
    limits = quota or {}
    return [name for name in LIMITS if limits.get(name) is not None and has[name] > limits[name]]


def called(limit: str) -> str:
    """Say what a limit limits."""
    return _CALLED[limit]


def shown(limit: str, amount: int) -> str:
    """Write an amount as people write it."""
    return sizes.render(amount) if limit in ("memory", "disk") else str(amount)


def check(description: Description) -> None:
    """Note what is above a quota; no more than there was is a warning, whoever lowered the quota below it."""
    for project, record in description.projects.items():
        source = description.sources[f"projects/{project}.yml"]
        quota = record["quota"] or {}
        if all(quota.get(limit) is None for limit in LIMITS):
            continue
        has = used(description.vms_of(project))
        for limit in exceeded(quota, has):
            source.wrong(
                source.find("quota", limit),
                f"quota.{limit}: the VMs of {project} have more {called(limit)} than the project may",
                found=shown(limit, has[limit]),
                allowed=f"at most {shown(limit, quota[limit])} in all",
                hint="make it less, or let an operator raise the quota: change_project",
                eased=True,
                stood=partial(_stood, project, limit, has[limit]),
            )


def _stood(project: str, limit: str, amount: int, earlier: Description) -> bool:
    """Tell whether a project had as much before."""
    return project in earlier.projects and used(earlier.vms_of(project))[limit] >= amount
