# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a new VM goes: pure arithmetic over what every hypervisor has promised already."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sizes

from .model import Vm


@dataclass
class Room:
    """What is left of a hypervisor's promised capacity, in MiB, and what runs on it."""

    name: str
    memory_mib: int
    disk_mib: int
    accepts_vms: bool = True
    used_memory_mib: int = 0
    used_disk_mib: int = 0
    vms: int = 0
    components: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, vm: Vm) -> None:
        """Book a VM."""
        self.used_memory_mib += vm.booked_memory_mib
        self.used_disk_mib += vm.booked_disk_mib
        self.vms += 1
        for component in vm.components:
            self.components[component, ""] += 1
            self.components[component, vm.project] += 1

    def fits(self, vm: Vm) -> bool:
        """Tell whether there is room for a VM."""
        return (
            self.accepts_vms
            and vm.booked_memory_mib <= self.memory_mib - self.used_memory_mib
            and vm.booked_disk_mib <= self.disk_mib - self.used_disk_mib
        )

    def lacks(self, vm: Vm) -> str:
        """Say why a VM does not fit, or nothing."""
        if not self.accepts_vms:
            return "accepts no new VMs"
        free_memory = self.memory_mib - self.used_memory_mib
        free_disk = self.disk_mib - self.used_disk_mib
        lacking = []
        if vm.booked_memory_mib > free_memory:
            lacking.append(f"{sizes.render(max(0, free_memory))} of memory left")
        if vm.booked_disk_mib > free_disk:
            lacking.append(f"{sizes.render(max(0, free_disk))} of disk left")
        return " and ".join(lacking)

    def likeness(self, vm: Vm) -> int:
        """Count VMs here for each component they share with this one; those of its own project weigh most."""
        return sum(
            1000 * self.components[component, vm.project] + self.components[component, ""]
            for component in vm.components
        )

    def fullness(self) -> float:
        """Return the part of the scarcer capacity that is promised."""
        return max(self.used_memory_mib / max(1, self.memory_mib), self.used_disk_mib / max(1, self.disk_mib))


def rooms(
    hypervisors: Mapping[str, Mapping[str, Any]], placements: Mapping[str, str], vms: Iterable[Vm]
) -> dict[str, Room]:
    """Return every hypervisor with the VMs booked on it."""
    result = {
        name: Room(name, record["memory"] or 0, record["disk"] or 0, bool(record["accepts_vms"]))
        for name, record in hypervisors.items()
    }
    for vm in vms:
        room = result.get(placements.get(vm.name, ""))
        if room:
            room.add(vm)
    return result


def choose(vm: Vm, candidates: Mapping[str, Room]) -> Room | None:
    """Return the hypervisor for a new VM: it fits, has the fewest VMs alike, is the least full; else None."""
    fitting = [room for room in candidates.values() if room.fits(vm)]
    return min(fitting, key=lambda room: (room.likeness(vm), room.fullness(), room.name), default=None)


Rank = tuple[int, float, str]


class Chooser:
    """Chooses as ``choose`` does among the same rooms for many VMs, without looking at all of them for each VM.

    Rooms are only ever booked, so nothing about one gets less: not how full it is, nor how many VMs alike it has. So
    the rooms stand in a heap for each set of components, by what they were when they were last looked at; whoever is at
    its top and is still that, is the first. VMs of the same project weigh more, which only those at the top are asked.
    """

    def __init__(self, rooms: Mapping[str, Room]) -> None:
        """Choose among these; they are booked by whoever asks."""
        self.rooms = rooms
        self._heaps: dict[tuple[str, ...], list[Rank]] = {}

    def choose(self, vm: Vm) -> Room | None:
        """Return the hypervisor for a new VM, or None where it fits on no one."""
        alike = tuple(sorted(vm.components))
        heap = self._heaps.get(alike)
        if heap is None:
            heap = self._heaps[alike] = [self._rank(room, alike) for room in self.rooms.values()]
            heapq.heapify(heap)
        best: Room | None = None
        first: Rank | None = None
        seen: list[Rank] = []
        while heap and (first is None or heap[0] < first):
            room = self.rooms[heap[0][2]]
            now = self._rank(room, alike)
            if now != heap[0]:
                heapq.heapreplace(heap, now)
                continue
            seen.append(heapq.heappop(heap))
            if room.fits(vm):
                rank = (room.likeness(vm), now[1], room.name)
                if first is None or rank < first:
                    best, first = room, rank
        for rank in seen:
            heapq.heappush(heap, rank)
        return best

    @staticmethod
    def _rank(room: Room, alike: tuple[str, ...]) -> Rank:
        return sum(room.components[component, ""] for component in alike), room.fullness(), room.name


def needs(vm: Vm) -> str:
    """Say what a VM books, for messages."""
    return (
        f"{sizes.render(vm.booked_memory_mib)} of memory and {sizes.render(vm.booked_disk_mib)} of disk "
        f"(root {vm.disk_gib}GiB, swap {sizes.render(vm.swap_mib)}, tmp {vm.tmp_gib}GiB)"
    )
