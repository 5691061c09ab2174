# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real VM moves between two hypervisors of a lab and back. Takes about twenty minutes without KVM."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
VM = "moving00"
ADDRESS = "172.20.1.1"
HYPERVISORS = {"hv0": "10.77.0.10", "hv1": "10.77.0.11"}


@dataclass
class Site:
    """A lab with two hypervisors and one VM."""

    lab: str
    platform: Path

    def argv(self, *arguments: str) -> list[str]:
        """Return a command line of bin/lab."""
        tool = [str(ROOT / ".venv/bin/python"), str(ROOT / "bin/lab"), "--lab", self.lab]
        return [*tool, "--platform", str(self.platform), *arguments]

    def start(self, playbook: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a playbook in the lab."""
        argv = self.argv("play", playbook, *arguments)
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def play(self, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook in the lab."""
        process = self.start(playbook, *arguments)
        output, _ = process.communicate()
        print(output)
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def ssh(self, address: str, command: str, wait: float = 0) -> str:
        """Run a command as root on a machine of the lab, which has `wait` seconds to answer."""
        deadline = time.monotonic() + wait
        while True:
            done = subprocess.run(
                [
                    *("nsenter", f"--net=/run/netns/{self.lab}", "ssh", "-F", "none", "-o", "BatchMode=yes"),
                    *("-i", str(ROOT / ".lab/keys/operator"), "-o", "ConnectTimeout=10"),
                    *("-o", f"UserKnownHostsFile={self.platform / 'known_hosts'}", f"root@{address}", command),
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                return done.stdout.strip()
            if time.monotonic() > deadline:
                pytest.fail(f"{address}: {done.stderr}\n{self.consoles() if address == ADDRESS else ''}")
            time.sleep(3)

    def consoles(self) -> str:
        """Give the end of the VM's console on each hypervisor: whether it still boots, or hangs."""
        show = f"tail -c 1500 /var/log/libvirt/console/{VM}.log 2>/dev/null; uptime"
        return "\n".join(self.ssh(address, show) for address in HYPERVISORS.values())

    @property
    def placement(self) -> str:
        """Hypervisor of the VM in the ledger."""
        return yaml.safe_load((self.platform / "allocations.yml").read_text())["placements"][VM]

    def domains(self) -> dict[str, str]:
        """State of the VM on each hypervisor that has it."""
        found = {}
        for name, address in HYPERVISORS.items():
            names = self.ssh(address, "virsh list --all --name").split()
            if VM in names:
                found[name] = self.ssh(address, f"virsh domstate {VM}")
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    platform = tmp_path_factory.mktemp("move") / "platform"
    shutil.copytree(
        ROOT / "example/two-hypervisors", platform, ignore=shutil.ignore_patterns("allocations.yml", "known_hosts")
    )
    source = platform / "platform.ringmaster.yml"
    source.write_text(source.read_text().replace("../../.lab", str(ROOT / ".lab")))
    found = Site(os.environ.get("LAB_MOVE", "rm-move"), platform)
    try:
        subprocess.run(found.argv("up", "--machines-only"), check=True)
        assert found.play("allocate.yml").returncode == 0
        assert found.play("provision.yml").returncode == 0
        yield found
    finally:
        subprocess.run(found.argv("down"), check=False)


def test_move_there_and_back(site: Site) -> None:
    here = site.placement
    there = {"hv0": "hv1", "hv1": "hv0"}[here]
    machine_id = site.ssh(ADDRESS, "echo kept >/root/kept; sync; cat /etc/machine-id", wait=900)
    assert site.domains() == {here: "running"}

    moved = site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={there}")
    assert moved.returncode == 0
    assert site.domains() == {there: "running"}
    assert site.placement == there
    assert site.ssh(ADDRESS, "cat /root/kept /etc/machine-id", wait=900).split() == ["kept", machine_id]
    # Root's swap and tmp were made anew, and are in use.
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
    assert site.domains() == {there: "running"}

    # Fenced, but its disk was local: nothing to start elsewhere, and nothing happens to the VM.
    lost = site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={here}", "-e", f"fenced={there}")
    assert lost.returncode != 0
    assert site.domains() == {there: "running"}
    assert site.placement == there

    two_at_once(site, there, here)
    assert site.ssh(ADDRESS, "cat /root/kept /etc/machine-id", wait=900).split() == ["kept", machine_id]

    assert site.play("evacuate.yml", "-e", f"hypervisor={here}").returncode == 0
    assert site.domains() == {there: "running"}
    assert site.placement == there
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
        running = [name for name, state in site.domains().items() if state != "shut off"]
        assert len(running) <= 1, running
        time.sleep(1)
    for reader in readers:
        reader.join()
    print("\n======\n".join(outputs))
    assert 0 in [process.returncode for process in processes]
    assert site.domains() == {there: "running"}
    assert site.placement == there
    # What the run that stopped left behind, if anything, is cleaned up by the same command.
    assert site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={there}").returncode == 0
    assert site.domains() == {there: "running"}
