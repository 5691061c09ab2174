# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time for 1,000 people with two keys each on a light machine, against loops over the usual modules.

The loop makes 50 people (ansible.builtin.user, then ansible.builtin.copy for the key file) and is scaled to
1,000: its cost grows with the number of items. Measured are whole playbook runs over SSH, with pipelining and
one connection; for our module also the time that the same code takes on the machine alone, without Ansible.
"""

from __future__ import annotations

import base64
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import table

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/integration/accounts")]

from light_machine import LightMachine  # noqa: E402

PEOPLE = 1000
LOOPED = 50
LOOP = """
- hosts: vms
  gather_facts: false
  tasks:
    - ansible.builtin.user:
        name: "l{{ item }}"
        uid: "{{ 3000 + item }}"
        group: users
        shell: /bin/bash
      loop: "{{ range(count) | list }}"
    - ansible.builtin.copy:
        content: "{{ key }}"
        dest: "/etc/ssh/authorized_keys.d/l{{ item }}"
        mode: "0644"
      loop: "{{ range(count) | list }}"
"""


def key(name: str) -> str:
    """Make a public key that differs by name."""
    parts = (b"ssh-ed25519", name.encode().ljust(32))
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {name}"


def roster(
    generation: int, people: int = PEOPLE, second_key: Callable[[int], str] = lambda number: f"b{number}"
) -> dict[str, Any]:
    """Return a roster; ``second_key`` names the second key of each person by number."""
    members = [
        {
            "name": f"p{number}",
            "uid": 21000 + number,
            "full_name": f"Person {number}",
            "state": "active",
            "permissions": ["login", "sudo-srv"],
            "ssh_keys": [key(f"a{number}"), key(second_key(number))],
        }
        for number in range(people)
    ]
    content = {"format": 1, "project": "bench", "generation": generation, "hash": str(generation)}
    return content | {"people": members, "service_users": [{"name": "s-bench", "uid": 20110}]}


def connection(machine: LightMachine) -> str:
    """Return ssh options that keep one connection open for all tasks."""
    return (
        "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
        f"-o ControlMaster=auto -o ControlPersist=20 -o ControlPath={machine.folder}/%C"
    )


def timed(machine: LightMachine, wanted: dict[str, Any]) -> float:
    """Return the seconds of a whole playbook run."""
    start = time.monotonic()
    machine.apply(wanted, ansible_ssh_common_args=connection(machine))
    return time.monotonic() - start


def loop(machine: LightMachine) -> float:
    """Return the seconds of the loops over 50 people."""
    play = machine.folder / "loop.yml"
    play.write_text(LOOP)
    start = time.monotonic()
    options = {"count": LOOPED, "key": key("x"), "ansible_ssh_common_args": connection(machine)}
    done = machine.play(roster(1), playbook=play, **options)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return time.monotonic() - start


def main() -> None:
    """Measure and print a table."""
    rows: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        machine = LightMachine.start(Path(folder))
        try:
            rows.append((f"loops, {LOOPED} people, first run", first := loop(machine)))
            rows.append((f"loops, {LOOPED} people, no change", again := loop(machine)))
            rows.append((f"loops, {PEOPLE} people, first run (scaled)", first * PEOPLE / LOOPED))
            rows.append((f"loops, {PEOPLE} people, no change (scaled)", again * PEOPLE / LOOPED))
            rows.append((f"accounts, {PEOPLE} people, first run", timed(machine, roster(1))))
            rows.append((f"accounts, {PEOPLE} people, no change", timed(machine, roster(1))))
            changed = roster(2, second_key=lambda number: "other" if number == PEOPLE // 2 else f"b{number}")
            rows.append((f"accounts, {PEOPLE} people, one key changed", timed(machine, changed)))
            program = ["python3", "-I", "/usr/lib/ringmaster/accounts.pyz"]
            measure = (
                "import subprocess, time; start = time.monotonic(); "
                f"subprocess.run({program}); print(time.monotonic() - start)"
            )
            seconds = float(machine.root(f"python3 -c {shlex.quote(measure)}").splitlines()[-1])
            rows.append((f"the same in the machine alone, {PEOPLE} people, no change", seconds))
        finally:
            machine.stop()
    table.show(rows)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
