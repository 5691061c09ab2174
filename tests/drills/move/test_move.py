# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real VM moves between two hypervisors of a lab and back. Takes about twenty minutes without KVM."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from move_site import HYPERVISORS, Site, lab

VM = "moving00"
ADDRESS = "172.20.1.1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with lab(tmp_path_factory.mktemp("move") / "platform") as found:
        assert found.play("allocate.yml").returncode == 0
        assert found.play("provision.yml").returncode == 0
        yield found


def test_move_there_and_back(site: Site) -> None:
    here = site.placement(VM)
    there = {"hv0": "hv1", "hv1": "hv0"}[here]
    machine_id = site.ssh(ADDRESS, "echo kept >/root/kept; sync; cat /etc/machine-id", wait=900)
    assert site.domains(VM) == {here: "running"}

    moved = site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={there}")
    assert moved.returncode == 0
    assert site.domains(VM) == {there: "running"}
    assert site.placement(VM) == there
    assert site.ssh(ADDRESS, "cat /root/kept /etc/machine-id", wait=900).split() == ["kept", machine_id]
    # Root's swap and tmp were remade, and are in use.
    assert "/dev/vdb" in site.ssh(ADDRESS, "swapon --show --noheadings")
    for address in HYPERVISORS.values():
        assert "ringmaster-move" not in site.ssh(address, "cat /root/.ssh/authorized_keys")

    again = site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={there}")
    assert again.returncode == 0
    assert "changed=0" in again.stdout.split("PLAY RECAP")[1]

    # Its hypervisor does not answer: refused, and nothing happens to the VM.
    refused = site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={here}", "-e", "ansible_port=1")
    assert refused.returncode != 0
    assert f"fenced={there}" in refused.stdout
    assert site.domains(VM) == {there: "running"}

    # Fenced, but its disk was local: nothing to start elsewhere, and nothing happens to the VM.
    lost = site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={here}", "-e", f"fenced={there}")
    assert lost.returncode != 0
    assert site.domains(VM) == {there: "running"}
    assert site.placement(VM) == there

    two_at_once(site, there, here)
    assert site.ssh(ADDRESS, "cat /root/kept /etc/machine-id", wait=900).split() == ["kept", machine_id]

    assert site.play("evacuate.yml", "-e", f"hypervisor={here}").returncode == 0
    assert site.domains(VM) == {there: "running"}
    assert site.placement(VM) == there
    assert site.ssh(ADDRESS, "cat /root/kept", wait=900) == "kept"


def two_at_once(site: Site, here: str, there: str) -> None:
    """Start the same move twice: the VM is moved, and runs in one place only at every moment."""
    processes = [site.start("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={there}") for _ in range(2)]
    outputs: list[str] = []
    readers = [
        threading.Thread(target=lambda one=process: outputs.append(one.communicate()[0])) for process in processes
    ]
    for reader in readers:
        reader.start()
    while any(process.poll() is None for process in processes):
        running = [name for name, state in site.domains(VM).items() if state != "shut off"]
        assert len(running) <= 1, running
        time.sleep(1)
    for reader in readers:
        reader.join()
    print("\n======\n".join(outputs))
    assert 0 in [process.returncode for process in processes]
    assert site.domains(VM) == {there: "running"}
    assert site.placement(VM) == there
    # What the run that stopped left behind, if anything, is cleaned up by the same command.
    assert site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={there}").returncode == 0
    assert site.domains(VM) == {there: "running"}
