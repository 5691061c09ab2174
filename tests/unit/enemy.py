# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines whose root is the enemy, without machines: a program in the place of ssh runs commands here.

Real ansible-playbook and the real connection plugin talk with it. The Python of a host that lies says
what a test wants; ``good`` has the true one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SSH = '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n'
SFTP = """\
#!/usr/bin/python3
import shlex, shutil, sys
for line in sys.stdin:
    _verb, source, target = shlex.split(line)
    shutil.copyfile(source, target)
"""


@dataclass
class Outcome:
    """What a playbook did: its exit code, all that it printed, and the largest memory of any of its processes."""

    code: int
    text: str
    peak_mib: int


class Stage:
    """A folder with an inventory of ``good`` and of others that a test adds, and what stands for ssh."""

    def __init__(self, folder: Path) -> None:
        """Write the programs."""
        self.folder = folder
        self.ssh = self.program("ssh", SSH)
        self.sftp = self.program("sftp", SFTP)
        self.hosts: dict[str, dict[str, Any]] = {"good": {}}
        self.groups: dict[str, list[str]] = {}
        self.variables: dict[str, Any] = {"ringmaster_project": "mine"}

    def program(self, name: str, text: str) -> Path:
        """Write a program."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def says(self, host: str, answer: object) -> None:
        """Let a host say this, text or bytes as they are and other values as JSON, whatever is asked."""
        if not isinstance(answer, bytes):
            answer = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        (self.folder / f"said-{host}").write_bytes(answer + b"\n")
        self.does(host, f"cat >/dev/null\ncat {self.folder}/said-{host}")

    def does(self, host: str, script: str, **variables: Any) -> None:
        """Let a host run a shell script, whatever is asked."""
        liar = self.program(f"liar-{host}", f"#!/bin/sh\n{script}\n")
        self.hosts[host] = {"ansible_python_interpreter": str(liar), **variables}

    def play(
        self, plays: Sequence[Mapping[str, Any]], *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run plays on all hosts."""
        (self.folder / "play.yml").write_text(
            json.dumps([{"hosts": "all", "gather_facts": False, **play} for play in plays])
        )
        return self.playbook("play.yml", *arguments, environment=environment)

    def playbook(self, playbook: str | Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Outcome:
        """Run a playbook, which may be one of ours."""
        variables = {
            "ansible_connection": "ringmaster.hosting.ssh",
            "ansible_ssh_executable": str(self.ssh),
            "ansible_sftp_executable": str(self.sftp),
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_host": "192.0.2.1",
            **self.variables,
        }
        hosts = {name: {**variables, **own} for name, own in self.hosts.items()}
        inventory = self.folder / "inventory.json"
        groups = {name: {"hosts": {one: {} for one in members}} for name, members in self.groups.items()}
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "children": groups}}))
        settings = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_FORKS": "8",
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            **(environment or {}),
        }
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            str(inventory),
            *arguments,
            str(playbook),
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        try:
            done = subprocess.run(
                command, check=False, cwd=self.folder, env=settings, capture_output=True, timeout=300,
            )  # fmt: skip
        finally:
            self.end_liars()
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        text = (done.stdout + done.stderr).decode(errors="surrogateescape")
        return Outcome(done.returncode, text, max(peak, before) // 1024)

    def end_liars(self) -> None:
        """End what was cut off and does not mind: on a true machine it would stay there."""
        sign = f"{self.folder}/liar".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if sign in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)


def recap(outcome: Outcome, host: str) -> dict[str, int]:
    """Return the figures of the recap for a host."""
    line = next(line for line in outcome.text.splitlines() if line.startswith(f"{host} ") and "ok=" in line)
    return {name: int(value) for name, value in (word.split("=") for word in line.split()[2:])}


def failures(outcome: Outcome) -> dict[str, str]:
    """Return what the play's result says of each host that failed or was not reached."""
    found = re.findall(r"^fatal: \[([a-z0-9_]+)\]: [A-Z]+! => (.*)$", outcome.text, re.MULTILINE)
    return dict(found)
