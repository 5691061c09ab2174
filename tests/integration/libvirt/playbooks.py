# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks over a platform whose hypervisors are private libvirtds: no lab, no SSH, guests without an OS."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent

CONVERGE = """\
- hosts: hypervisors
  gather_facts: false
  vars:
    __vms: "{{ groups['hypervisor_' ~ inventory_hostname ~ '_vms'] | default([]) | sort }}"
  tasks:
    - ringmaster.hosting.vms:
        hypervisor: "{{ inventory_hostname }}"
        virtualization: qemu
        disk_cache: writeback
        vms: "{{ __vms | map('extract', hostvars) | map('ringmaster.hosting.vm_spec', image='IMAGE',
                 bridges={'ethfe': 'br-fe', 'ethsrv': 'br-srv'}) | list }}"
"""
"""What provision.yml does to VMs, without the roles and the image."""


@dataclass
class Platform:
    """A copy of the example's description with hypervisors of our own."""

    folder: Path

    def play(self, playbook: str, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run a playbook of the repository, or one in the platform's folder."""
        own = self.folder / playbook
        words = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
        return subprocess.run(
            [
                *(str(BIN / "ansible-playbook"), "-i", str(self.folder / "platform.ringmaster.yml")),
                *(str(own) if own.exists() else f"playbooks/{playbook}", *words, *arguments),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
                "RINGMASTER_CACHE_DIRECTORY": "",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, playbook: str, *arguments: str, **variables: Any) -> str:
        """Run a playbook that must end well; give its output."""
        found = self.play(playbook, *arguments, **variables)
        assert found.returncode == 0, found.stdout + found.stderr
        return found.stdout

    def read(self, name: str) -> Any:
        """Give a file of the description as data."""
        return yaml.safe_load((self.folder / name).read_text())

    def edit(self, name: str, change: Any) -> None:
        """Change the data of a file of the description."""
        data = self.read(name)
        change(data)
        (self.folder / name).write_text(yaml.safe_dump(data, sort_keys=False))


def make(folder: Path, hypervisors: Mapping[str, int], image: str, tools: Path | None = None) -> Platform:
    """Copy the example; ``hypervisors`` names each libvirtd's process, in whose namespaces its modules run."""
    for part in ("platform.yml", "users", "projects"):
        source = ROOT / "example/platform" / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
    (folder / "platform.ringmaster.yml").write_text("plugin: ringmaster.hosting.platform\n")
    (folder / "converge.yml").write_text(CONVERGE.replace("IMAGE", image))
    (folder / "host_vars").mkdir()
    path = f"{tools}:" if tools else ""
    for name, process in hypervisors.items():
        wrapper = folder / f"python-{name}"
        namespaces = f"nsenter -t {process} -m -n -p"
        wrapper.write_text(f'#!/bin/sh\nPATH={path}$PATH exec {namespaces} -- {sys.executable} "$@"\n')
        wrapper.chmod(0o755)
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(wrapper),
            "hypervisor_virtualization": "qemu",
            "hypervisor_disk_cache": "writeback",
            # Nothing in these guests hears the power button.
            "hypervisor_shutdown_timeout": 0.3,
        }
        (folder / f"host_vars/{name}.yml").write_text(yaml.safe_dump(variables))
    platform = Platform(folder)
    record = platform.read("platform.yml")["hypervisors"]["hv0"]
    platform.edit("platform.yml", lambda data: data.update(hypervisors=dict.fromkeys(hypervisors, record)))
    return platform
