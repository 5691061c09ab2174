# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is allowed of backups but unwise: those that die with what they are backups of, or that go nowhere."""

from __future__ import annotations

from .model import Description


def warnings(description: Description) -> list[str]:
    """Return a sentence for each thing that ought to be looked at."""
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
