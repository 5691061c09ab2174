# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example platform in a lab of its own, for measurements."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class LabSite:
    """A lab and the copy of the example platform that it holds."""

    lab: str
    platform: Path

    def tool(self, *arguments: str) -> str:
        """Run bin/lab and return its output; raises RuntimeError with its end when it fails."""
        argv = [str(ROOT / ".venv/bin/python"), "bin/lab", "--lab", self.lab, "--platform", str(self.platform)]
        done = subprocess.run([*argv, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"bin/lab {' '.join(arguments)} failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
        return done.stdout

    def inside(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the lab's network namespace."""
        command = ["nsenter", f"--net=/run/netns/{self.lab}", *argv]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    def root(self, address: str, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on a host of the lab as the operator."""
        options = ["-F", "none", "-i", str(ROOT / ".lab/keys/operator"), "-o", "ConnectTimeout=5"]
        known = ["-o", f"UserKnownHostsFile={self.platform / 'known_hosts'}", "-o", "StrictHostKeyChecking=yes"]
        return self.inside("ssh", *options, *known, f"root@{address}", command)


@contextlib.contextmanager
def lab_site(lab: str) -> Iterator[LabSite]:
    """Give a site whose lab is down; it is taken down again at the end."""
    with tempfile.TemporaryDirectory() as folder:
        platform = Path(folder) / "platform"
        ignore = shutil.ignore_patterns("allocations.yml", "known_hosts")
        shutil.copytree(ROOT / "example/platform", platform, ignore=ignore)
        source = platform / "platform.ringmaster.yml"
        source.write_text(source.read_text().replace("../../.lab", str(ROOT / ".lab")))
        site = LabSite(lab, platform)
        site.tool("down")
        try:
            yield site
        finally:
            site.tool("down")
