# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Light machines for measurements: those of a molecule scenario, in a lab of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PLATFORM = ROOT / "molecule/platform"


@contextmanager
def scenario(name: str) -> Iterator[None]:
    """Bring a scenario up, and take it down in the end. Raises SystemExit with what molecule said."""
    os.environ["MOLECULE_LAB"] = "rm-bench"
    try:
        for step in ("create", "prepare", "converge"):
            _molecule(step, name)
        yield
    finally:
        _molecule("destroy", name)


def _molecule(step: str, name: str) -> None:
    environment = {**os.environ, "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}
    argv = [str(ROOT / ".venv/bin/molecule"), step, "-s", name]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def on_machine(address: str, script: str) -> str:
    """Run a script as root on a machine and return its output; ends with what it said when it fails."""
    words = [
        str(ROOT / "molecule/shared/ssh"),
        *("-F", "none", "-i", str(ROOT / ".lab/keys/operator"), "-o", f"UserKnownHostsFile={PLATFORM}/known_hosts"),
        f"root@{address}",
        "sh -s",
    ]
    done = subprocess.run(words, input=script, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def address_of(vm: str) -> str:
    """Return a VM's address on the server network."""
    return yaml.safe_load((PLATFORM / "allocations.yml").read_text())["ipv4_srv"][vm]
