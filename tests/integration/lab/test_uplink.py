# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The uplink of a lab: a way to the Internet, and none to what this machine keeps to itself."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import network
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.network import LabNetwork, absent, present
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import end_all, run

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabNetwork]:
    lab = LabNetwork(f"rm-uplink-{os.getpid()}", tmp_path / "state")
    present(lab)
    yield lab
    absent(lab)


def reaches(lab: LabNetwork, address: str, port: int) -> bool:
    return run(["python3", "-c", CONNECT, address, str(port)], lab=lab.name, check=False).returncode == 0


@pytest.fixture
def port() -> Iterator[int]:
    """Return a port on which somebody listens on this machine's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_lab_reaches_nothing_on_this_machines_loopback(lab: LabNetwork, port: int) -> None:
    if network.nameservers() == network._routers():
        pytest.skip("this machine's only resolver is on its loopback")
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    for address in ("127.0.0.1", *network._routers()):
        assert not reaches(lab, address, port)


def test_an_uplink_that_was_open_is_started_again_once(
    lab: LabNetwork, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("pasta") is None or not network._loopback():
        pytest.skip("no pasta, or this machine's only resolver is on its loopback")
    with monkeypatch.context() as before:
        before.setattr(network, "_loopback", list)
        end_all(lambda: network._uplink_pids(lab))
        assert present(lab) == ["uplink"]
        assert present(lab) == []
        # What the word is for.
        assert reaches(lab, network._routers()[0], port)
    assert present(lab) == ["uplink"]
    assert present(lab) == []
    assert not reaches(lab, network._routers()[0], port)
