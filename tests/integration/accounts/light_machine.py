# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One light machine of the lab, reached over SSH as an outside user would reach a VM."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import machine as machines
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import network as networks
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.machine_files import Machine, Nic

REPOSITORY = Path(__file__).resolve().parents[3]
PLAYBOOK = REPOSITORY / "playbooks/accounts.yml"
ADDRESS = "172.20.1.5"
SSHD = """PasswordAuthentication no
KbdInteractiveAuthentication no
AllowGroups root login
AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u
"""


@dataclass
class LightMachine:
    """The machine, and a folder with the private keys of those who visit it."""

    lab: str
    folder: Path
    specification: Machine
    network: networks.LabNetwork
    states: dict[str, str] | None = None
    generation: int = 0

    @classmethod
    def start(cls, folder: Path) -> LightMachine:
        answer = folder / "tree"
        argv = [
            *(str(REPOSITORY / ".venv/bin/ansible-playbook"), "-i", "localhost,"),
            *(str(Path(__file__).with_name("tree.yml")), "-e", f"answer={answer}"),
        ]
        built = subprocess.run(
            argv,
            cwd=REPOSITORY,
            env=os.environ | {"ANSIBLE_INVENTORY_ENABLED": "host_list", "PWD": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode != 0:
            raise RuntimeError(built.stdout + built.stderr)
        lab = f"rm-acc-{os.getpid()}"
        network = networks.LabNetwork(lab, folder, [networks.Bridge("lab-srv", ["172.20.0.1/22"])])
        for user in ("operator", "alice", "bob", "carol", "dave", "mallory"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", user, "-f", str(folder / user)],
                check=True,
            )
        specification = Machine(
            lab=lab,
            name="myapp00",
            state_folder=folder,
            tree=Path(answer.read_text()),
            nics=[Nic("ethsrv", "lab-srv", [f"{ADDRESS}/22"])],
        )
        etc = specification.upper / "etc/ssh"
        (etc / "sshd_config.d").mkdir(parents=True)
        (etc / "sshd_config.d/10-ringmaster.conf").write_text(SSHD)
        (etc / "authorized_keys.d").mkdir()
        (etc / "authorized_keys.d/root").write_text((folder / "operator.pub").read_text())
        new = cls(lab, folder, specification, network)
        try:
            networks.present(network)
            machines.started(specification)
        except BaseException:
            new.stop()
            raise
        return new

    def stop(self) -> None:
        machines.absent(self.specification)
        networks.absent(self.network)

    def key(self, user: str) -> str:
        return (self.folder / f"{user}.pub").read_text().strip()

    def inside(self, argv: list[str]) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.lab}", *argv]

    def ssh_argv(self, user: str, key: str | None = None) -> list[str]:
        options = "BatchMode=yes IdentitiesOnly=yes StrictHostKeyChecking=no UserKnownHostsFile=/dev/null"
        flags = [flag for option in options.split() for flag in ("-o", option)]
        return self.inside(
            ["ssh", "-q", "-F", "none", *flags, "-i", str(self.folder / (key or user)), f"{user}@{ADDRESS}"]
        )

    def ssh(self, user: str, command: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
        argv = [*self.ssh_argv(user, key), command]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    def quick(self, user: str, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command over a connection that stays open for the next one."""
        argv = self.ssh_argv(user)
        shared = f"-oControlMaster=auto -oControlPersist=15 -oControlPath={self.folder}/%r.socket".split()
        return subprocess.run(
            [*argv[:-1], *shared, argv[-1], command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def root(self, command: str) -> str:
        done = self.ssh("root", command, key="operator")
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def reboot(self) -> None:
        before = self.root("cat /proc/1/stat | cut -d' ' -f22")
        self.ssh("root", "systemctl reboot", key="operator")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.5)
            done = self.ssh("root", "cat /proc/1/stat | cut -d' ' -f22", key="operator")
            if done.returncode == 0 and done.stdout.strip() != before:
                self.root("systemctl is-system-running --wait || true")
                return
        raise TimeoutError("the machine does not come back from its reboot")

    def play(
        self, roster: dict[str, Any], *extra: str, playbook: Path = PLAYBOOK, **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a playbook, accounts.yml if no other is named, for the machine."""
        host = self.variables(ADDRESS, "-o ControlPath=none")
        return self.run_playbook(roster, {"myapp00": host}, str(playbook), "-e", json.dumps(variables), *extra)

    def variables(self, address: str, *ssh_options: str) -> dict[str, str]:
        """Return the host variables of a machine that knows the operator's key of this one."""
        options = [
            "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            *ssh_options,
        ]
        return {
            "ansible_host": address,
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_private_key_file": str(self.folder / "operator"),
            "ansible_ssh_common_args": " ".join(options),
        }

    def run_playbook(
        self, roster: dict[str, Any], hosts: dict[str, dict[str, str]], *words: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ansible-playbook from the machine's network, with these hosts in group `vms`, which share the roster."""
        inventory = self.folder / "inventory.yml"
        inventory.write_text(json.dumps({"vms": {"hosts": hosts, "vars": {"ringmaster_roster": roster}}}))
        environment = os.environ | {
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "ANSIBLE_HOME": str(self.folder / "ansible"),
        }
        argv = [str(REPOSITORY / ".venv/bin/ansible-playbook"), "-i", str(inventory), *words]
        return subprocess.run(
            self.inside(argv),
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def apply(self, roster: dict[str, Any], *extra: str, **variables: Any) -> bool:
        """Run the playbook, which must succeed; return whether it changed something."""
        done = self.play(roster, *extra, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return "changed=0" not in done.stdout
