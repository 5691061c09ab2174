# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Further addresses in a running guest, as systemd-networkd makes them of our files, and takes them away again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import networkd

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

NETWORKS = {
    "frontend": {"ipv4": "198.51.100.0/24", "ipv4_gateway": "198.51.100.1"},
    "server": {"ipv4": "172.20.0.0/22", "ipv4_gateway": "172.20.0.1"},
    "server_public": {"ipv4": "203.0.113.0/24", "ipv4_gateway": "203.0.113.1"},
}
VM = {"ringmaster_networks": NETWORKS, "ringmaster_fe_ipv4": "198.51.100.2", "ringmaster_srv_ipv4": "172.20.1.1"}
FURTHER = {"ringmaster_fe_extra_ipv4": ["198.51.100.3"], "ringmaster_srv_public_ipv4": ["203.0.113.9"]}
Apply = Callable[..., dict[str, Any]]


@pytest.fixture
def apply(tmp_path: Path) -> Iterator[Apply]:
    """Return a function that gives the guest the files of host variables, and returns what the kernel has then."""
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    guest = subprocess.Popen(
        [*argv, sys.executable, str(Path(__file__).with_name("guest.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert guest.stdin is not None
    assert guest.stdout is not None

    def give(vm: dict[str, Any], former: bool = False) -> dict[str, Any]:
        folder = tmp_path / f"files{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, text in networkd.render(vm, former=former).items():
            (folder / name).write_text(text)
        guest.stdin.write(f"{folder}\n")  # type: ignore[union-attr]
        guest.stdin.flush()  # type: ignore[union-attr]
        return json.loads(guest.stdout.readline())  # type: ignore[union-attr]

    yield give
    guest.kill()
    guest.wait()


def test_they_come_beside_the_first_ones_and_leave_no_trace(apply: Apply) -> None:
    before = apply(VM)
    assert before["addresses"] == {"ethfe": [["198.51.100.2/24", False]], "ethsrv": [["172.20.1.1/22", False]]}
    after = apply({**VM, **FURTHER})
    assert after["addresses"] == {
        "ethfe": [["198.51.100.2/24", False], ["198.51.100.3/24", True]],
        "ethsrv": [["172.20.1.1/22", False], ["203.0.113.9/24", False]],
    }
    assert [one for one in after["routes"]["main"] if one[0] == "default"] == [
        ["default", "198.51.100.1", "ethfe", "198.51.100.2"]
    ]
    assert after["rules"] == {
        "198.51.100.2": "1002",
        "198.51.100.3": "1002",
        "172.20.1.1": "1003",
        "203.0.113.9": "1004",
    }
    assert ["default", "203.0.113.1", "ethsrv", ""] in after["routes"]["1004"]
    assert ["default", "172.20.0.1", "ethsrv", ""] in after["routes"]["1003"]
    assert apply(VM) == before


def test_the_first_one_stays_the_first_while_it_changes(apply: Apply) -> None:
    apply({**VM, **FURTHER})
    moved = {**VM, **FURTHER, "ringmaster_fe_ipv4": "198.51.100.77"}
    former = {"ringmaster_former_addresses": {"fe_ipv4": "198.51.100.2"}}
    both = apply({**moved, **former}, former=True)
    assert {one for one, _secondary in both["addresses"]["ethfe"]} == {
        "198.51.100.77/24",
        "198.51.100.2/24",
        "198.51.100.3/24",
    }
    after = apply(moved)
    assert {one for one, _secondary in after["addresses"]["ethfe"]} == {"198.51.100.77/24", "198.51.100.3/24"}
    assert ["default", "198.51.100.1", "ethfe", "198.51.100.77"] in after["routes"]["main"]
