# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridges of a hypervisor over VLANs, as files for systemd-networkd: kernels of labs often have no VLANs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from namespaces import ROOT


def rendered(folder: Path, ports: dict[str, str]) -> dict[str, list[str]]:
    """Return the lines of each file, without comments and blank ones."""
    done = subprocess.run(
        [
            ROOT / ".venv/bin/ansible-playbook",
            *("-i", ROOT / "example/platform/platform.ringmaster.yml", Path(__file__).with_name("bridges.yml")),
            *("-e", json.dumps({"hypervisor_bridge_ports": ports, "folder": str(folder)})),
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        path.name: [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        for path in folder.iterdir()
    }


def test_vlans_behind_the_bridges(tmp_path: Path) -> None:
    files = rendered(tmp_path, {"br-fe": "eno1.11", "br-srv": "eno1.12"})
    assert files["20-eno1.11.netdev"] == ["[NetDev]", "Name=eno1.11", "Kind=vlan", "[VLAN]", "Id=11"]
    assert files["20-eno1.12.netdev"] == ["[NetDev]", "Name=eno1.12", "Kind=vlan", "[VLAN]", "Id=12"]
    trunk = files["90-eno1.network"]
    assert [line for line in trunk if line.startswith("VLAN=")] == ["VLAN=eno1.11", "VLAN=eno1.12"]
    assert {"Name=eno1", "KeepConfiguration=yes"} <= set(trunk)
    assert not [line for line in trunk if line.startswith("Bridge=")]
    for bridge, port in (("br-fe", "eno1.11"), ("br-srv", "eno1.12")):
        assert {f"Name={port}", f"Bridge={bridge}"} <= set(files[f"20-{bridge}-port.network"])


def test_interfaces_of_their_own_are_left_alone(tmp_path: Path) -> None:
    files = rendered(tmp_path, {"br-fe": "eno2", "br-srv": "eno3"})
    assert sorted(files) == [
        *("20-br-fe-port.network", "20-br-fe.netdev", "20-br-fe.network"),
        *("20-br-srv-port.network", "20-br-srv.netdev", "20-br-srv.network"),
    ]
