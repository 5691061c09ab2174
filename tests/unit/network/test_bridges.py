# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of bridges; the expected ones are what the role's template gave before they were made here."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.network import bridges

PORTS = {"br-fe": "eno1.12", "br-srv": "eno1.13", "br-x": "eno2", "br-y": "eno3.4.5", "br-z": ".7"}


def entry(name: str, template: str, **variables: Any) -> dict[str, Any]:
    return {"path": f"/etc/systemd/network/{name}", "template": template, "mode": "0644", "vars": variables}


def test_bridges_ports_and_vlans_in_this_order() -> None:
    assert bridges.files(["br-fe", "br-x"], PORTS) == [
        entry("20-br-fe.netdev", "bridge.netdev.j2", __bridge="br-fe"),
        entry("20-br-fe.network", "bridge.network.j2", __bridge="br-fe"),
        entry("20-br-x.netdev", "bridge.netdev.j2", __bridge="br-x"),
        entry("20-br-x.network", "bridge.network.j2", __bridge="br-x"),
        entry("20-br-fe-port.network", "port.network.j2", __bridge="br-fe", __port="eno1.12"),
        entry("20-br-srv-port.network", "port.network.j2", __bridge="br-srv", __port="eno1.13"),
        entry("20-br-x-port.network", "port.network.j2", __bridge="br-x", __port="eno2"),
        entry("20-br-y-port.network", "port.network.j2", __bridge="br-y", __port="eno3.4.5"),
        entry("20-br-z-port.network", "port.network.j2", __bridge="br-z", __port=".7"),
        entry("90-eno1.network", "trunk.network.j2", __interface="eno1", __ports=["eno1.12", "eno1.13"]),
        entry("20-eno1.12.netdev", "vlan.netdev.j2", __port="eno1.12"),
        entry("20-eno1.13.netdev", "vlan.netdev.j2", __port="eno1.13"),
        entry("90-eno3.4.network", "trunk.network.j2", __interface="eno3.4", __ports=["eno3.4.5"]),
        entry("20-eno3.4.5.netdev", "vlan.netdev.j2", __port="eno3.4.5"),
    ]


def test_no_bridges_no_files() -> None:
    assert bridges.files([], {}) == []
