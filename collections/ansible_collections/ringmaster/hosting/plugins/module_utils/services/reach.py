# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What machines reach of each other: whom each asks, what it should find, and what was found.

The counterpart on machines is the part ``reach`` of the machine's program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import names
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import firewall
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.addresses import of_machine


def targets_of(asker: str, running: Sequence[str], everybody: bool = False) -> list[str]:
    """Return whom a machine asks: all, or its neighbours in two rings, so that the work is shared by all VMs."""
    if everybody:
        return sorted(set(running) - {asker}, key=names.natural)
    if asker not in running:
        return []
    ring = sorted(running, key=names.natural)
    place = ring.index(asker)
    others = ring[place + 1 :] + ring[:place]
    own = [name for name in others if names.project_of(name) == names.project_of(asker)]
    foreign = [name for name in others if name not in own]
    # Not the next one: all VMs of a project would ask the same.
    return own[:1] + ([foreign[place % len(foreign)]] if foreign else [])


def questions(
    hostvars: Mapping[str, Any], asker: str, running: Sequence[str], ports: Sequence[int], everybody: bool = False
) -> list[dict[str, Any]]:
    """Return the questions of a machine with the answers that the description wants.

    :param hostvars: host variables of all machines.
    :param running: VMs that can be asked.
    """
    targets = {name: hostvars[name] for name in (targets_of(asker, running, everybody) if ports else ())}
    return firewall.questions(hostvars[asker], targets, ports)


def compare(
    hostvars: Mapping[str, Any], answers: Mapping[str, Sequence[Mapping[str, Any]]], vms: Sequence[str]
) -> dict[str, Any]:
    """Return what was found open, against the description: ``{asked, wrong: [sentences]}``.

    :param answers: those of module ``network_probe``, by who asked.
    :param vms: those that were asked.
    """
    targets = {name: hostvars[name] for name in vms}
    places = {
        address: (name, interface)
        for name, variables in targets.items()
        for role, interface in (("fe", "ethfe"), ("srv", "ethsrv"))
        for address in of_machine(variables, role)
    }
    # Without a way to an address (no IPv6 here, say) there was no question.
    found = [
        {**one, "from": who, "vm": places[one["address"]][0], "interface": places[one["address"]][1]}
        for who, given in answers.items()
        for one in given
        if one["answer"] != "no way there" and one["source"]
    ]
    return firewall.compare(targets, found)
