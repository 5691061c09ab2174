# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that the tests of several scenarios take."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testinfra.host import Host

ROOT = Path(__file__).parents[1]


def checks_of(host: Host) -> list[dict[str, Any]]:
    """Run all checks of a machine now and return them."""
    return json.loads(host.check_output("ringmaster-check --now --json"))["checks"]


def check_of(host: Host, name: str) -> dict[str, Any]:
    """Run all checks of a machine now and return one, such as 'redis/login'."""
    return next(check for check in checks_of(host) if f"{check['component']}/{check['check']}" == name)


def writer(service_user: str, folder: str) -> Callable[[Host, str, str], None]:
    """Return a function that writes a file in a machine's folder, such as an inbox, as the service user does."""

    def put(host: Host, name: str, text: str) -> None:
        shell = f"printf %s {shlex.quote(text)} > {folder}/{name}"
        host.check_output(f"sudo -u {service_user} sh -c {shlex.quote(shell)}")

    return put


def sandboxed(host: Host, unit: str, command: str) -> str:
    """Run a command in the sandbox of a unit of ours, such as 'backup/ringmaster-backup'; return what it printed.

    Its file is taken from the role, since the scenario of a component need not have the role.
    """
    role, _slash, name = unit.partition("/")
    text = (ROOT / f"roles/{role}/files/rootfs/etc/systemd/system/{name}.service").read_text()
    kept = [line for line in text.splitlines() if not line.startswith("ExecStart=")]
    out, errors = "/run/sandboxed.out", "/run/sandboxed.errors"
    lines = [
        *kept,
        "[Service]",
        f"ExecStart={command}",
        f"StandardOutput=truncate:{out}",
        f"StandardError=truncate:{errors}",
    ]
    host.check_output(
        f"printf '%s\\n' {shlex.join(lines)} > /run/systemd/system/sandboxed.service; systemctl daemon-reload"
    )
    done = host.run(f"systemctl start sandboxed.service; code=$?; cat {errors} >&2; cat {out}; exit $code")
    assert done.rc == 0, done.stderr
    return done.stdout


@contextmanager
def small_disk(host: Host, unit: str, folder: str, room_mib: int) -> Iterator[Callable[[int], str]]:
    """Let a service's data lie on a file system of their own with little room, and keep what it writes there.

    Yields a function that fills it but for some MiB; removing ``<folder>/ballast`` makes room again.
    """
    size = f"$(( $(du -sm {folder}.disk | cut -f1) + {room_mib} ))M"
    host.check_output(
        f"set -e; systemctl stop {unit}; mv {folder} {folder}.disk; mkdir {folder}"
        f"; mount -t tmpfs -o size={size} tmpfs {folder}; cp -a {folder}.disk/. {folder}; systemctl start {unit}"
    )
    try:
        ballast = f"{folder}/ballast"
        full = f"dd if=/dev/zero of={ballast} bs=64k 2>/dev/null"
        yield lambda left_mib: host.check_output(f"{full}; truncate -s -{left_mib}M {ballast}")
    finally:
        host.check_output(
            f"set -e; systemctl stop {unit}; rm -rf {folder}.disk {folder}/ballast; cp -a {folder} {folder}.disk"
            f"; umount {folder}; rmdir {folder}; mv {folder}.disk {folder}; systemctl start {unit}"
        )


def playbook(name: str, *words: str, source: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run an operator's playbook from inside the lab, where the controller of real machines would stand.

    ``source`` is another description than the scenarios'.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    # Connections of another lab's machines, which have the same addresses, are not ours.
    lab = os.environ.get("MOLECULE_LAB", "rm-molecule")
    environment |= {"PWD": str(ROOT), "ANSIBLE_SSH_CONTROL_PATH_DIR": f"~/.ansible/cp-{lab}-inside"}
    inventory = source or ROOT / "molecule/platform/platform.ringmaster.yml"
    return subprocess.run(
        [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(inventory), str(ROOT / "playbooks" / name), *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def lose(machine: str, source: Path) -> None:
    """Take a light machine away with all that it held.

    :param source: the inventory of the scenario's platform.
    """
    lab = os.environ.get("MOLECULE_LAB", "rm-molecule")
    words = {"lab": lab, "name": machine, "state": "absent", "state_folder": str(ROOT / ".lab/labs" / lab)}
    argv = [str(ROOT / ".venv/bin/ansible"), "localhost", "-c", "local", "-m", "ringmaster.hosting.lab_machine"]
    argv += ["-i", str(source), "-a", json.dumps(words)]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
