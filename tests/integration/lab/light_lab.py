# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A light lab of its own name, run by the playbook that people run, and what it may leave on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup

REPOSITORY = Path(__file__).resolve().parents[3]
ADDRESS = "172.20.1.1"
SOURCE = """plugin: ringmaster.hosting.platform
key_directory: keys
private_key_file: keys/operator
"""
PROJECT = """description: Machines of the lab's own tests
service_users: [s-mol]
vms:
  mol00: {memory: 1GiB, frontend_ipv4: true}
"""


def output(*argv: str) -> str:
    """Return what a program prints; it must succeed."""
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@dataclass
class LightLab:
    """A lab with one light machine, mol00. `folder` holds its platform, keys and state."""

    name: str
    folder: Path

    def prepare(self) -> None:
        """Write the platform, make the operator's key, allocate."""
        platform = self.folder / "platform"
        (platform / "projects").mkdir(parents=True)
        (platform / "platform.ringmaster.yml").write_text(SOURCE)
        (platform / "platform.yml").write_text((REPOSITORY / "molecule/platform/platform.yml").read_text())
        (platform / "projects/mol.yml").write_text(PROJECT)
        (platform / "keys").symlink_to(self.folder / "keys")
        (self.folder / "keys").mkdir()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.play("allocate.yml")

    @property
    def key(self) -> Path:
        """The operator's private key."""
        return self.folder / "keys/operator"

    @property
    def state(self) -> Path:
        """The folder of what the lab's machines wrote."""
        return self.folder / "labs" / self.name

    @property
    def namespace(self) -> Path:
        """The file of the lab's network namespace."""
        return Path("/run/netns") / self.name

    def play(self, playbook: str, **variables: Any) -> int:
        """Run a playbook, which must succeed; return how many tasks changed something."""
        given = {
            "lab_name": self.name,
            "lab_folder": str(self.folder),
            "lab_cache_folder": str(REPOSITORY / ".lab/cache"),
            "lab_light": True,
            "lab_hosts": "mol00",
            **variables,
        }
        argv = [
            *(str(REPOSITORY / ".venv/bin/ansible-playbook"), "-i", f"{self.folder}/platform/platform.ringmaster.yml"),
            *(str(REPOSITORY / "playbooks" / playbook), "-e", json.dumps(given)),
        ]
        done = subprocess.run(
            argv, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=600, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return sum(int(count) for count in re.findall(r"changed=(\d+)", done.stdout))

    def up(self) -> int:
        """Bring the lab up; return how many tasks changed something."""
        return self.play("lab.yml")

    def down(self) -> int:
        """Take the lab down; return how many tasks changed something."""
        return self.play("lab.yml", lab_state="down")

    def inside(self, *argv: str) -> list[str]:
        """Return argv as it runs in the lab's namespace."""
        return ["nsenter", f"--net={self.namespace}", *argv]

    def ssh(self, command: str) -> str:
        """Run a command on the machine as root, whose host key must be the recorded one."""
        known = self.folder / "platform/known_hosts"
        options = f"BatchMode=yes IdentitiesOnly=yes UserKnownHostsFile={known} StrictHostKeyChecking=yes"
        flags = [word for option in options.split() for word in ("-o", option)]
        argv = self.inside("ssh", "-F", "none", "-i", str(self.key), *flags, f"root@{ADDRESS}", command)
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
        return done.stdout.strip() if done.returncode == 0 else ""

    def boot(self) -> str:
        """Return what changes with each start of the machine, or nothing while it does not answer."""
        return self.ssh("cut -d' ' -f22 /proc/1/stat")

    def processes(self, program: str) -> list[int]:
        """Return the processes of a program that work for this lab: the machine's, or the uplink."""
        found = []
        for pid in cgroup.processes(f"ringmaster/{self.name}") | set(self.named()):
            with contextlib.suppress(OSError):
                if Path(Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[0]).name == program:
                    found.append(pid)
        return found

    def named(self) -> list[int]:
        """Return the processes whose arguments name this lab, without ourselves."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                arguments = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            if self.name in arguments and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
        return found

    def traces(self) -> dict[str, Any]:
        """Return all that this machine shows of the lab."""
        mounts = Path("/proc/1/mountinfo").read_text() + Path("/proc/self/mountinfo").read_text()
        return {
            "processes": sorted(cgroup.processes(f"ringmaster/{self.name}") | set(self.named())),
            "namespaces": [line for line in output("ip", "netns").splitlines() if line.split()[0] == self.name],
            "mounts": [line for line in mounts.splitlines() if self.name in line],
            "groups": [str(path) for path in cgroup.folders(f"ringmaster/{self.name}") if path.exists()],
            "state": [str(self.state)] if self.state.exists() else [],
        }


def host_state() -> dict[str, Any]:
    """Return what a lab must never touch: the host's sysctls, firewall, links, addresses and routes."""
    sysctls = {}
    for pattern in ("ipv4/ip_forward", "ipv4/conf/*/*", "ipv6/conf/*/*"):
        for path in Path("/proc/sys/net").glob(pattern):
            try:
                sysctls[str(path)] = path.read_text()
            except OSError:
                continue
    links = json.loads(output("ip", "-j", "address"))
    return {
        "sysctls": sysctls,
        "nft": output("nft", "list", "ruleset"),
        "links": [(link["ifname"], link["flags"], [a["local"] for a in link["addr_info"]]) for link in links],
        "routes": output("ip", "route") + output("ip", "-6", "route"),
    }


def wait(condition: Any, seconds: float = 20.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
