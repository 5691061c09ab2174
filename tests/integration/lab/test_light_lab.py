# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A light lab: up, again, through faults, and down without a trace. The tests tell one story: order matters."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup
from light_lab import LightLab, host_state, output, wait


@pytest.fixture(scope="module")
def host() -> dict[str, Any]:
    """Return the host as it was before."""
    return host_state()


@pytest.fixture(scope="module")
def lab(host: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LightLab]:
    lab = LightLab(f"rm-lab-{os.getpid()}", tmp_path_factory.mktemp("lab"))
    lab.prepare()
    yield lab
    lab.down()


def test_up_and_again(lab: LightLab) -> None:
    assert lab.up() > 0
    assert lab.ssh("hostname") == "mol00"
    assert lab.up() == 0


def test_the_host_is_as_it_was(lab: LightLab, host: dict[str, Any]) -> None:
    now = host_state()
    for what, before in host.items():
        assert now[what] == before, what


def test_the_machine_reboots_and_comes_back(lab: LightLab) -> None:
    before = lab.boot()
    lab.ssh("touch /tmp/left-over /root/kept; systemctl reboot")
    wait(lambda: lab.boot() not in {"", before}, 40)
    assert lab.ssh("ls /root/kept /tmp/left-over 2>/dev/null; true") == "/root/kept"
    assert lab.up() == 0


Fault = Callable[[LightLab], None]


def kill(program: str) -> Fault:
    def act(lab: LightLab) -> None:
        pids = lab.processes(program)
        assert pids
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    return act


def delete_namespace(lab: LightLab) -> None:
    """And put what `ip netns add` leaves behind when it is killed at the wrong moment in its place."""
    subprocess.run(["ip", "netns", "del", lab.name], check=True)
    lab.namespace.touch()


def break_network(lab: LightLab) -> None:
    kill("pasta")(lab)
    for command in (
        "ip link del lab-srv",
        "ip address flush dev lab-mgmt",
        "nft flush ruleset",
        "sysctl -qw net.ipv4.ip_forward=0",
    ):
        subprocess.run(lab.inside(*command.split()), check=True)


def half_make_machine(lab: LightLab) -> None:
    """The machine has ended, and its preparation was killed before it was whole."""
    cgroup.kill(f"ringmaster/{lab.name}")
    folder = lab.state / "machines/mol00"
    (folder / "specification.json").unlink()
    (folder / "launch").write_text("#!/bin/sh\nexec false")
    (folder / "upper/etc/systemd/network/10-ethsrv.network").write_text("[Mat")
    (folder / "new_host_key").write_text("half")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(kill("systemd-nspawn"), id="systemd-nspawn"),
        break_network,
        half_make_machine,
        delete_namespace,
    ],
)
def test_the_next_run_mends_it(lab: LightLab, fault: Fault) -> None:
    before = lab.boot()
    fault(lab)
    assert lab.up() > 0
    assert lab.ssh("ls /root/kept") == "/root/kept", "it answers with its own host key and has kept its disk"
    if fault is break_network:
        assert lab.boot() == before, "the machine need not start again for this"
    assert "uplink" in output(*lab.inside("ip", "route", "show", "default"))
    assert len(lab.processes("pasta")) == 1
    assert output(*lab.inside("nft", "list", "tables")).split() == ["table", "ip", "lab"]
    assert lab.up() == 0


def test_down_leaves_no_trace(lab: LightLab, host: dict[str, Any]) -> None:
    """Also of a machine whose folder somebody removed, and of a shell that somebody left in the namespace."""
    shutil.rmtree(lab.state / "machines")
    with subprocess.Popen(lab.inside("sh", "-c", "trap '' TERM; sleep 1000 & wait; wait")):
        assert lab.down() > 0
    assert lab.traces() == {"processes": [], "namespaces": [], "mounts": [], "groups": [], "state": []}
    now = host_state()
    for what, before in host.items():
        assert now[what] == before, what
    assert lab.down() == 0
    assert not Path(f"/run/netns/{lab.name}").exists()
