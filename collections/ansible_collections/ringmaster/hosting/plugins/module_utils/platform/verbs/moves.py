# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where VMs go that leave their hypervisor: the same arithmetic as for new ones. Pure."""

from __future__ import annotations

from .. import placement
from ..language.errors import did_you_mean, one_of
from ..model import Description, Vm
from .request import Request


def plan(found: Description, vm: str = "", hypervisor: str = "", to: str = "") -> list[dict[str, str]]:
    """Return ``vm``, ``from`` and ``to`` of every move: of one VM, or of all of a hypervisor, largest first.

    A VM that is there already is not in the list. Raises RequestError with everything that does not fit.
    """
    request = Request("move_vm" if vm else "evacuate")
    for argument, name in (("hypervisor", hypervisor), ("to", to)):
        if name:
            request.find(argument, "hypervisor", name, found.hypervisors)
    leaving = _leaving(found, request, vm, hypervisor)
    request.refuse()
    rooms = placement.rooms(found.hypervisors, found.ledger.placements, found.vms.values())
    moves = []
    for one in sorted(leaving, key=lambda vm: (-vm.booked_memory_mib, vm.name)):
        here = found.ledger.placements[one.name]
        if to == here:
            continue
        candidates = {to: rooms[to]} if to else {name: room for name, room in rooms.items() if name != here}
        room = placement.choose(one, candidates)
        if room is None:
            reasons = "; ".join(f"{other.name}: {other.lacks(one)}" for other in candidates.values())
            request.wrong(
                f"{one.name} fits on no other hypervisor" if not to else f"{one.name} does not fit on {to}",
                found=reasons or "there is no other hypervisor",
                allowed=f"room for {placement.needs(one)}",
            )
            continue
        room.add(one)
        moves.append({"vm": one.name, "from": here, "to": room.name})
    request.refuse()
    return moves


def _leaving(found: Description, request: Request, vm: str, hypervisor: str) -> list[Vm]:
    placements = found.ledger.placements
    if hypervisor:
        return [one for one in found.vms.values() if placements.get(one.name) == hypervisor]
    if not vm:
        request.wrong("vm is missing", allowed="the name of a VM")
    elif vm not in found.vms:
        request.wrong(
            f"vm: the VM '{vm[:40]}' is not known",
            found=vm,
            allowed=one_of(found.vms),
            hint=did_you_mean(vm, found.vms),
        )
    elif vm not in placements:
        request.wrong(f"vm: {vm} is on no hypervisor yet", hint="allocate.yml places it")
    else:
        return [found.vms[vm]]
    return []
