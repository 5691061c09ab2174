# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a description says about backups: the standard, and what ought to be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Description

#: How many days, weeks and months the newest backup of each is kept for.
KEPT: Mapping[str, int] = {"daily": 14, "weekly": 8, "monthly": 12}
NONE = "none"
#: What the secrets of backups are named after: one opens the backup machine, one the repository.
COMPONENT = "backup"
SECRETS = ("access", "repository")


def resolve(vm: Any, project: Any) -> dict[str, Any]:
    """Return what is backed up of a VM, given the values of key ``backup`` of the VM and of its project.

    Both are a record, ``none``, or None where nothing was said. The result has ``wanted``, a number of ``keep_daily``,
    ``keep_weekly`` and ``keep_monthly``, and the lists ``exclude`` and ``paths``.
    """
    said = {} if project in (None, NONE) else project
    own = {} if vm in (None, NONE) else vm
    result: dict[str, Any] = {"wanted": vm != NONE if vm is not None else project != NONE}
    for key, standard in (
        *((f"keep_{period}", number) for period, number in KEPT.items()),
        ("exclude", []),
        ("paths", []),
    ):
        given = [layer[key] for layer in (own, said) if layer.get(key) is not None]
        result[key] = given[0] if given else standard
    return result


def warnings(description: Description) -> list[str]:
    """Return what is allowed but unwise: backups that die with what they are backups of, or that go nowhere."""
    wanted = [vm.name for vm in description.vms.values() if vm.backup["wanted"]]
    target = (description.platform.get("services") or {}).get("backup")
    if not target:
        names = ", ".join(wanted)
        return [f"no machine is named for services.backup, so these VMs are not backed up: {names}"] if wanted else []
    place = description.ledger.placements.get(target, target)  # the target may be a VM of project platform
    shared = [name for name in wanted if name != target and description.ledger.placements.get(name) == place]
    if shared and place in description.hypervisors:
        return [
            f"services.backup is {target}, and these VMs run on the same hypervisor {place}: {', '.join(shared)}. "
            "If it is lost, their backups are lost with it"
        ]
    return []
