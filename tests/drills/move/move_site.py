# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab with two hypervisors, and what its tests do there."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
HYPERVISORS = {"hv0": "10.77.0.10", "hv1": "10.77.0.11"}


@dataclass
class Site:
    """A lab with two hypervisors and its VMs."""

    lab: str
    platform: Path
    variables: tuple[str, ...] = ()
    """Variables of all playbooks, as words."""

    def argv(self, *arguments: str) -> list[str]:
        """Return a command line of bin/lab."""
        tool = [str(ROOT / ".venv/bin/python"), str(ROOT / "bin/lab"), "--lab", self.lab]
        return [*tool, "--platform", str(self.platform), *self.variables, *arguments]

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
                pytest.fail(f"{address}: {done.stderr}\n{self.consoles()}")
            time.sleep(3)

    def consoles(self) -> str:
        """Give the end of the VMs' consoles on each hypervisor: whether they still boot, or hang."""
        show = "tail -n +0 -c 1500 /var/log/libvirt/console/*.log 2>/dev/null; uptime"
        return "\n".join(self.ssh(address, show) for address in HYPERVISORS.values())

    def placement(self, vm: str) -> str:
        """Hypervisor of a VM in the ledger."""
        return yaml.safe_load((self.platform / "allocations.yml").read_text())["placements"][vm]

    def domains(self, vm: str) -> dict[str, str]:
        """State of a VM on each hypervisor that has it."""
        found = {}
        for name, address in HYPERVISORS.items():
            names = self.ssh(address, "virsh list --all --name").split()
            if vm in names:
                found[name] = self.ssh(address, f"virsh domstate {vm}")
        return found


@contextmanager
def lab(platform: Path, *variables: str) -> Iterator[Site]:
    """Start two hypervisors and what the example says is on them."""
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    shutil.copytree(
        ROOT / "example/two-hypervisors", platform, ignore=shutil.ignore_patterns("allocations.yml", "known_hosts")
    )
    source = platform / "platform.ringmaster.yml"
    source.write_text(source.read_text().replace("../../.lab", str(ROOT / ".lab")))
    words = tuple(word for variable in variables for word in ("-e", variable))
    found = Site(os.environ.get("LAB_MOVE", "rm-move"), platform, words)
    try:
        subprocess.run(found.argv("up", "--machines-only"), check=True)
        yield found
    finally:
        subprocess.run(found.argv("down"), check=False)
