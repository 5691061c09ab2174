# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What names concern: the VMs of a group, and the hypervisors on which VMs are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..platform.language.errors import DescriptionError
from ..platform.model import Description
from .lanes import Members


def members(read: Callable[[], Description]) -> Members:
    """Return what gives, for a name, the keys that a run about it has for itself."""

    def of(name: str) -> Iterable[str]:
        try:
            found = read()
        except DescriptionError:
            return (name,)
        project = name.removeprefix("project_")
        vms = [vm.name for vm in found.vms_of(project)] if project != name and project in found.projects else [name]
        hypervisors = [f"hypervisor {found.ledger.placements[vm]}" for vm in vms if vm in found.ledger.placements]
        return (*vms, *hypervisors)

    return of
