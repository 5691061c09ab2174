# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes with a component that is marked ``state: absent``, what stays, and what runs although nobody describes it.

The controller says what there is to take away, machine/leave.py takes it away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .catalogue import COMPONENTS, DUMPS, Component


def parts(names: Iterable[str]) -> list[str]:
    """Return the parts of the machine's program that components need, sorted. KeyError for an unknown component."""
    return sorted({part for name in names for part in COMPONENTS[name].parts})


def logs(names: Iterable[str]) -> dict[str, list[str]]:
    """Return, of each component, the units (or patterns of units) whose logs are its own."""
    return {
        name: sorted(
            {
                f"ringmaster-{name}-*",
                *COMPONENTS[name].part.units,
                *COMPONENTS[name].daemons,
                *(unit for shared in COMPONENTS[name].shared for unit in shared.part.units),
            }
        )
        for name in names
    }


def plan(name: str, present: Iterable[str], members: Iterable[Mapping[str, Any]], vm: str) -> dict[str, Any]:
    """Return what module ``component`` is to take away of a component. KeyError for an unknown one.

    :param present: components that stay on the VM: what they need as well stays, such as Postfix.
    :param members: the project's VMs (``name``, ``srv_ipv4``, ``srv_ipv6``), who may be using it.
    :param vm: the VM that it goes from.
    """
    going = COMPONENTS[name]
    staying = [COMPONENTS[one] for one in present]
    needed = {unit for one in staying for unit in one.part.units}
    kept = {path for one in staying for path in one.part.files}
    neighbours = {
        str(member[family]): str(member["name"])
        for member in members
        if member["name"] != vm
        for family in ("srv_ipv4", "srv_ipv6")
        if member.get(family)
    }
    return {
        "title": going.title,
        "daemons": list(going.daemons),
        "dump": f"{DUMPS}/{name}" if going.is_dumped else "",
        "units": [unit for unit in going.part.units if unit not in needed],
        "files": [path for path in going.part.files if path not in kept],
        "data": list(going.data),
        "certificates": list(going.certificates),
        "site": going.site,
        "shared": [
            {"name": one.name, "users": one.users, "units": list(one.part.units), "files": list(one.part.files)}
            for one in going.shared
        ],
        # Whoever has credentials may hold a connection for ever; visitors of a web page come and go.
        "ports": [int(port.number) for port in going.ports] if going.users else [],
        "neighbours": neighbours,
    }


def undescribed(described: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return, of each component that a VM is not described to have, title, daemons, and the mark that it is ours."""
    names = set(described)
    needed = {daemon for name in names if name in COMPONENTS for daemon in COMPONENTS[name].daemons}

    def facts(one: Component) -> dict[str, Any]:
        return {"title": one.title, "daemons": list(one.daemons), "mark": one.definition}

    return {
        name: facts(one)
        for name, one in sorted(COMPONENTS.items())
        if name not in names and not needed.intersection(one.daemons)
    }
