# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing for many VMs is choosing for one, again and again."""

from __future__ import annotations

import copy

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import placement
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Vm
from hypothesis import given, settings
from hypothesis import strategies as st

COMPONENTS = ("redis", "nginx", "mysql")
ordered = st.tuples(
    st.sampled_from(["shop", "blog"]),
    st.sampled_from([1024, 2048, 8192]),
    st.sampled_from([10, 30]),
    st.sets(st.sampled_from(COMPONENTS)),
)
room = st.tuples(st.sampled_from([4096, 16384, 65536]), st.sampled_from([60, 400]), st.booleans())


def vm_of(number: int, project: str, memory: int, disk: int, components: set[str]) -> Vm:
    return Vm(
        name=f"{project}{number:02}",
        project=project,
        memory_mib=memory,
        memory_max_mib=memory,
        cores=1,
        disk_gib=disk,
        image="default",
        frontend_ipv4=False,
        components={name: {} for name in components},
        protected=False,
        state="running",
        delete_after="",
        hypervisor="",
        production=False,
        maintenance={},
        backup={},
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(room, max_size=5), st.lists(ordered, max_size=25))
def test_a_chooser_chooses_what_a_look_at_all_would(rooms, wanted) -> None:
    one = {
        f"hv{number}": placement.Room(f"hv{number}", memory, disk * 1024, accepts_vms=accepts)
        for number, (memory, disk, accepts) in enumerate(rooms)
    }
    other = copy.deepcopy(one)
    chooser = placement.Chooser(other)
    for number, order in enumerate(wanted):
        vm = vm_of(number, *order)
        expected, found = placement.choose(vm, one), chooser.choose(vm)
        assert (expected and expected.name) == (found and found.name)
        if expected and found:
            expected.add(vm)
            found.add(vm)
