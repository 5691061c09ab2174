# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform brought up from nothing, and the hands of an outside user."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import example_platform
import pytest

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = "198.18.0.7"
"""The namespace's address that is in no management network."""
HYPERVISOR = "10.77.0.10"
"""Address of hv0."""


@dataclass
class Site:
    """The example platform in a lab of its own, as seen from outside."""

    lab: str
    platform: Path
    check_output: str = ""
    up_output: str = ""

    @property
    def keys(self) -> Path:
        """The folder of private keys."""
        return ROOT / ".lab/keys"

    def tool(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run bin/lab on this site; its output goes to the terminal as well."""
        argv = [
            str(ROOT / ".venv/bin/python"),
            "bin/lab",
            "--lab",
            self.lab,
            "--platform",
            str(self.platform),
        ]
        lines = []
        with subprocess.Popen(
            [*argv, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line)
        output = "".join(lines)
        if check:
            assert process.returncode == 0, f"bin/lab {' '.join(arguments)} failed"
        return subprocess.CompletedProcess(argv, process.returncode, output, "")

    def outside(self, *argv: str, timeout: float = 120, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the lab's 'Internet'."""
        return subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.lab}", *argv],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            input=stdin,
        )

    @cached_property
    def hostvars(self) -> dict[str, Any]:
        """The variables of the VM, as the inventory gives them."""
        argv = [
            str(ROOT / ".venv/bin/ansible-inventory"),
            "-i",
            str(self.platform / "platform.ringmaster.yml"),
        ]
        done = subprocess.run([*argv, "--host", "myapp00"], cwd=ROOT, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def ssh_options(self, key: Path | None) -> list[str]:
        """Return ssh's options: only this key, only known hosts, never a question."""
        identity = ["-i", str(key)] if key else ["-o", "IdentityFile=none"]
        return [
            *("-F", "none", *identity, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
            *("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={self.platform / 'known_hosts'}"),
            *("-o", "ConnectTimeout=30", "-o", "LogLevel=ERROR"),
        ]

    def ssh(
        self,
        user: str,
        command: str,
        *,
        key: Path | None = None,
        address: str = "",
        source: str = "",
        stdin: str | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the VM as `user`; by default with the user's own key, to the frontend address."""
        options = self.ssh_options(key or self.keys / user)
        if source:
            options += ["-b", source]
        target = f"{user}@{address or self.hostvars['ringmaster_fe_ipv4']}"
        return self.outside("ssh", *options, target, command, timeout=timeout, stdin=stdin)

    def service_user(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a shell script as s-myapp, the way the seed shows: bob logs in and becomes the service user."""
        return self.ssh("bob", "sudo -n -u s-myapp -i sh -s", stdin=script)

    def root(self, command: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command on the VM as the operator does."""
        address = self.hostvars["ansible_host"]
        return self.ssh("root", command, key=self.keys / "operator", address=address, timeout=timeout)

    def boot_id(self) -> str:
        """Return what changes with each boot, or nothing while the VM does not answer."""
        try:
            return self.root("cat /proc/sys/kernel/random/boot_id", timeout=60).stdout.strip()
        except subprocess.TimeoutExpired:
            return ""

    def reboot(self, patience: float = 300) -> float:
        """Reboot the VM from within, wait until it answers again, and return the seconds that took."""
        before, start = self.boot_id(), time.monotonic()
        self.root("systemctl reboot")
        while time.monotonic() - start < patience:
            time.sleep(3)
            now = self.boot_id()
            if now and now != before:
                return time.monotonic() - start
        raise AssertionError(f"the VM did not come back within {patience:.0f} s")

    def play(self, playbook: str, *arguments: str) -> str:
        """Run a playbook in the lab and return its output."""
        return self.tool("play", playbook, *arguments).stdout


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Bring the example platform up from nothing in a lab of its own; take it down at the end.

    While developing, E2E_PLATFORM=<folder> keeps lab and platform from run to run.
    """
    kept = os.environ.get("E2E_PLATFORM")
    platform = Path(kept) if kept else tmp_path_factory.mktemp("site") / "platform"
    # A name of its own: what another checkout may have left behind is none of this run's business.
    site = Site(lab="e2e-kept" if kept else f"e2e-{os.getpid()}", platform=platform)
    try:
        if not platform.exists():
            example_platform.copy_for_a_lab(platform)
            # Requests have a drill of their own; here the folder is the description, and operators change it in place.
            whole = platform / "platform.yml"
            whole.write_text(example_platform.without_requests(whole.read_text()))
            site.tool("down")
            site.tool("up", "--machines-only")
            site.check_output = site.play("site.yml", "--check", "--diff")
        site.up_output = site.tool("up").stdout
        yield site
    finally:
        if not kept:
            site.tool("down")
