# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time of accounts.yml over up to 20 light machines, and what one more machine costs.

100 people with two keys each. The kernel gives root a number of inotify instances (mostly 128), and a machine takes
about ten: fs.inotify.max_user_instances is raised while this runs and put back at its end, and it is said.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/integration/accounts"), str(ROOT / "tests/bench")]

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import machine as machines  # noqa: E402
from bench_accounts import key  # noqa: E402
from light_machine import PLAYBOOK, LightMachine  # noqa: E402

MACHINES, FEW = 20, 5
PEOPLE = 100
LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH = 1024


@contextmanager
def enough_inotify_instances() -> Iterator[None]:
    """Let the kernel give as many inotify instances as so many machines need."""
    before = LIMIT.read_text()
    if int(before) >= ENOUGH:
        yield
        return
    print(f"fs.inotify.max_user_instances is {ENOUGH} while this runs, instead of {before.strip()}")
    LIMIT.write_text(str(ENOUGH))
    try:
        yield
    finally:
        LIMIT.write_text(before)


def roster(generation: int) -> dict[str, Any]:
    """Return a roster; each generation gives everybody another second key."""
    people = [
        {
            "name": f"p{number}",
            "uid": 21000 + number,
            "full_name": f"Person {number}",
            "state": "active",
            "permissions": ["login", "sudo-srv"],
            "ssh_keys": [key(f"a{number}"), key(f"b{number}-{generation}")],
        }
        for number in range(PEOPLE)
    ]
    content = {"format": 1, "project": "bench", "generation": generation, "hash": str(generation)}
    return content | {"people": people, "service_users": [{"name": "s-bench", "uid": 20110}]}


@contextmanager
def site(number: int) -> Iterator[tuple[LightMachine, list[str]]]:
    """Start machines in one lab; yield the first one, and the addresses of all."""
    with tempfile.TemporaryDirectory() as folder:
        first = LightMachine.start(Path(folder))
        others: list[machines.Machine] = []
        try:
            etc = first.specification.upper / "etc/ssh"
            for index in range(1, number):
                (nic,) = first.specification.nics
                nic = dataclasses.replace(nic, addresses=[f"172.20.2.{index}/22"])
                other = dataclasses.replace(first.specification, name=f"myapp{index:02}", nics=[nic])
                for path in ("sshd_config.d/10-ringmaster.conf", "authorized_keys.d/root"):
                    target = other.upper / "etc/ssh" / path
                    target.parent.mkdir(parents=True)
                    target.write_text((etc / path).read_text())
                others.append(other)
                machines.started(other)
            yield first, ["172.20.1.5", *(f"172.20.2.{index}" for index in range(1, number))]
        finally:
            for other in others:
                machines.absent(other)
            first.stop()


def run(first: LightMachine, addresses: list[str], wanted: dict[str, Any]) -> float:
    """Return the seconds of accounts.yml over some machines."""
    hosts = {
        f"myapp{index:02}": {
            "ansible_host": address,
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_private_key_file": str(first.folder / "operator"),
            "ansible_ssh_common_args": "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
            f"-o LogLevel=ERROR -o ControlMaster=auto -o ControlPersist=60 -o ControlPath={first.folder}/%C",
        }
        for index, address in enumerate(addresses)
    }
    inventory = first.folder / "many.yml"
    inventory.write_text(json.dumps({"vms": {"hosts": hosts, "vars": {"ringmaster_roster": wanted}}}))
    argv = [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(inventory), "--forks", "10", str(PLAYBOOK)]
    environment = os.environ | {"ANSIBLE_INVENTORY_ENABLED": "yaml", "ANSIBLE_HOME": str(first.folder / "ansible")}
    begun = time.monotonic()
    done = subprocess.run(
        first.inside(argv),
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return time.monotonic() - begun


def main() -> None:
    """Measure and print a table."""
    rows: dict[str, float] = {}
    with enough_inotify_instances(), site(MACHINES) as (first, addresses):
        rows[f"{MACHINES} machines, first run"] = run(first, addresses, roster(1))
        # Generations: a machine that has one does nothing when it comes again.
        for title, of_few, of_all in (("no change", 1, 1), ("everybody has another key", 2, 3)):
            few = rows[f"{FEW} machines, {title}"] = run(first, addresses[:FEW], roster(of_few))
            every = rows[f"{MACHINES} machines, {title}"] = run(first, addresses, roster(of_all))
            rows[f"one more machine, {title}"] = (every - few) / (MACHINES - FEW)
    for title, seconds in rows.items():
        print(f"{seconds:9.2f} s  {title}")
    print(json.dumps(rows))


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
