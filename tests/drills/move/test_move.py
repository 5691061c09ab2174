# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real VM moves between two hypervisors of a lab and back. Takes about ten minutes without KVM."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
VM = "moving00"
ADDRESS = "172.20.1.1"


@dataclass
class Site:
    """A lab with two hypervisors and one VM."""

    lab: str
    platform: Path

    def argv(self, *arguments: str) -> list[str]:
        """Return a command line of bin/lab."""
        tool = [str(ROOT / ".venv/bin/python"), str(ROOT / "bin/lab"), "--lab", self.lab]
        return [*tool, "--platform", str(self.platform), *arguments]

    def play(self, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook in the lab."""
        done = subprocess.run(
            self.argv("play", playbook, *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(done.stdout)
        return done

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
            if done.returncode == 0 or time.monotonic() > deadline:
                assert done.returncode == 0, done.stderr
                return done.stdout.strip()
            time.sleep(3)

    @property
    def placement(self) -> str:
        """Hypervisor of the VM in the ledger."""
        return yaml.safe_load((self.platform / "allocations.yml").read_text())["placements"][VM]

    def domains(self) -> dict[str, str]:
        """State of the VM on each hypervisor that has it."""
        found = {}
        for name, address in (("hv0", "10.77.0.10"), ("hv1", "10.77.0.11")):
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
    machine_id = site.ssh(ADDRESS, "echo kept >/root/kept; sync; cat /etc/machine-id", wait=300)
    assert site.domains() == {here: "running"}

    moved = site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={there}")
    assert moved.returncode == 0
    assert site.domains() == {there: "running"}
    assert site.placement == there
    assert site.ssh(ADDRESS, "cat /root/kept /etc/machine-id", wait=300).split() == ["kept", machine_id]
    # Root's swap and tmp were made anew, and are in use.
    assert "/dev/vdb" in site.ssh(ADDRESS, "swapon --show --noheadings")
    for address in ("10.77.0.10", "10.77.0.11"):
        assert "ringmaster-move" not in site.ssh(address, "cat /root/.ssh/authorized_keys")

    again = site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={there}")
    assert again.returncode == 0
    assert "changed=0" in again.stdout.split("PLAY RECAP")[1]

    # Its hypervisor does not answer: refused, and nothing happens to the VM.
    refused = site.play("move_vm.yml", "-e", f"vm={VM}", "-e", f"to={here}", "-e", "ansible_port=1")
    assert refused.returncode != 0
    assert f"fenced={there}" in refused.stdout
    assert site.domains() == {there: "running"}

    assert site.play("evacuate.yml", "-e", f"hypervisor={there}").returncode == 0
    assert site.domains() == {here: "running"}
    assert site.ssh(ADDRESS, "cat /root/kept", wait=300) == "kept"
