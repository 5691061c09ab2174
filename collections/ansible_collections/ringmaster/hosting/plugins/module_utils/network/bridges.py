# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd-networkd files of a hypervisor's bridges; their templates are those of role ``hypervisor``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

FOLDER = "/etc/systemd/network"
TAGGED = re.compile(r"(.+)[.][0-9]+")


def files(bridges: Iterable[str], ports: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the files: bridges, their ports, and VLANs with the interfaces that carry them.

    :param ports: port by bridge. ``eno1.12`` is VLAN 12 on eno1 and is made, too; any other port is there already.
    """
    return list(_files(bridges, ports))


def _files(bridges: Iterable[str], ports: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for bridge in bridges:
        yield _file(f"20-{bridge}.netdev", "bridge.netdev.j2", __bridge=bridge)
        yield _file(f"20-{bridge}.network", "bridge.network.j2", __bridge=bridge)
    for bridge, port in ports.items():
        yield _file(f"20-{bridge}-port.network", "port.network.j2", __bridge=bridge, __port=port)
    for interface, tagged in vlans(ports.values()).items():
        yield _file(f"90-{interface}.network", "trunk.network.j2", __interface=interface, __ports=tagged)
        for port in tagged:
            yield _file(f"20-{port}.netdev", "vlan.netdev.j2", __port=port)


def vlans(ports: Iterable[str]) -> dict[str, list[str]]:
    """Return ports such as eno1.12 by their interface."""
    found: dict[str, list[str]] = {}
    for port in ports:
        if match := TAGGED.fullmatch(port):
            found.setdefault(match[1], []).append(port)
    return found


def _file(name: str, template: str, **variables: Any) -> dict[str, Any]:
    return {"path": f"{FOLDER}/{name}", "template": template, "mode": "0644", "vars": variables}
