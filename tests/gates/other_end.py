# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a gate with the other end of what is supported: another Python and ansible-core, in an environment of theirs.

``other_end.py units|plugins|sanity|lint|inventory|scenario``. Where bin/bootstrap found no such Python, it says so and
ends with status 77.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from items import INVENTORY_BENCHMARK  # noqa: E402

LEFT_OUT = 77
OF_ANSIBLE = ("action", "callback", "connection", "filter", "inventory_plugins", "lookup", "playbooks")
"""Tests of what ansible-core calls: of these, those that start programs run as well."""
SCENARIO = "redis"
"""One that has a component, its users and its backup."""
INSTEAD = 'mount --bind "$1" "$2"; shift 2; exec "$@"'
"""Scenarios and their tests call what they need in .venv: for them, and nobody else, the other environment is there."""


def main(name: str) -> int:
    """Run the gate in each such environment; return the first status that is not 0."""
    folders = sorted(path for path in ROOT.glob(".venv-*") if (path / "bin/ansible-test").exists())
    if not folders:
        print("left out: bin/bootstrap found no other Python that is supported; docs/dependencies.md names them")
        return LEFT_OUT
    for folder in folders:
        python = str(folder / "bin/python")
        pytest = [python, "-m", "pytest", "-q", "-n", "2", "-m"]
        argv = {
            "units": [*pytest, "not slow and not thorough", "tests/unit"],
            "plugins": [*pytest, "not slow and thorough", *(f"tests/unit/{name}" for name in OF_ANSIBLE)],
            "sanity": [python, "tests/gates/collection.py", "sanity"],
            "lint": [str(folder / "bin/ansible-lint"), "-q"],
            "inventory": [python, *INVENTORY_BENCHMARK],
            "scenario": [
                *("unshare", "--mount", "--propagation=private", "sh", "-euc", INSTEAD, "sh"),
                *(str(folder), str(ROOT / ".venv"), str(folder / "bin/molecule"), "test", "-s", SCENARIO),
            ],
        }[name]
        there = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        if code := subprocess.run(argv, cwd=ROOT, env=there, check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
