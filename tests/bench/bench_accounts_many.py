# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time of accounts.yml over up to 20 light machines, and what one more machine costs.

100 people with two keys each. The kernel gives root a number of inotify instances (mostly 128), and a machine takes
about ten: fs.inotify.max_user_instances is raised while this runs and put back at its end, and it is said.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import table

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/integration/accounts"), str(ROOT / "tests/bench")]

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import machine as machines  # noqa: E402
from bench_accounts import roster  # noqa: E402
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


def another(generation: int) -> dict[str, Any]:
    """Return a roster; each generation gives everybody another second key."""
    return roster(generation, PEOPLE, lambda number: f"b{number}-{generation}")


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
    options = f"-o ControlMaster=auto -o ControlPersist=60 -o ControlPath={first.folder}/%C"
    hosts = {f"myapp{index:02}": first.variables(address, options) for index, address in enumerate(addresses)}
    begun = time.monotonic()
    done = first.run_playbook(wanted, hosts, "--forks", "10", str(PLAYBOOK))
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return time.monotonic() - begun


def main() -> None:
    """Measure and print a table."""
    rows: dict[str, float] = {}
    with enough_inotify_instances(), site(MACHINES) as (first, addresses):
        rows[f"{MACHINES} machines, first run"] = run(first, addresses, another(1))
        # Generations: a machine that has one does nothing when it comes again.
        for title, of_few, of_all in (("no change", 1, 1), ("everybody has another key", 2, 3)):
            few = rows[f"{FEW} machines, {title}"] = run(first, addresses[:FEW], another(of_few))
            every = rows[f"{MACHINES} machines, {title}"] = run(first, addresses, another(of_all))
            rows[f"one more machine, {title}"] = (every - few) / (MACHINES - FEW)
    table.show(rows.items())


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
