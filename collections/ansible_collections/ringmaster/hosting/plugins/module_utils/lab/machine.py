# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab machine: a full Debian with systemd in systemd-nspawn, on the lab's bridges.

The machine's root is an overlay: the shared tree below, read-only, and the machine's own folder above. It is
mounted in the mount namespace of the machine's launcher, so that no mount is ever seen on the host and none
is left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.machine_files import Machine, prepare, recorded
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import LabError, locked, namespace_path, run

ANSWER_SECONDS = 60.0
"""How long a running machine may take to answer before it counts as lost: the host may be busy emulating."""
HALT = signal.SIGRTMIN + 3
"""What systemd as init takes as: halt."""
TELL_AGAIN = 3.0
# A process of its own, because it runs in the network namespace of the lab.
CONNECT = """
import socket, sys, time
deadline = time.monotonic() + float(sys.argv[2])
while True:
    try:
        with socket.create_connection((sys.argv[1], 22), timeout=2) as s:
            s.settimeout(2)
            if s.recv(4) == b"SSH-":
                sys.exit(0)
    except OSError:
        pass
    if time.monotonic() > deadline:
        sys.exit(1)
    time.sleep(0.1)
"""


def running(machine: Machine) -> bool:
    """Tell whether any process of the machine lives."""
    return bool(cgroup.processes(machine.group))


def started(machine: Machine, *, timeout: float = 60.0, dry_run: bool = False) -> list[str]:
    """Make the machine run and answer on SSH; return the changes in words.

    Raises LabError when the tree is missing, when a running machine was started with another specification, when a
    stopped one was made over another tree, or when SSH does not answer within `timeout` seconds.
    """
    if dry_run:
        return _started(machine, timeout, dry_run=True)
    with locked(machine.state_folder):
        return _started(machine, timeout, dry_run=False)


def _started(machine: Machine, timeout: float, *, dry_run: bool) -> list[str]:
    if running(machine):
        attached = _attach(machine, dry_run)
        if attached is not None and _ssh_answers(machine, ANSWER_SECONDS):
            _refuse_other_specification(machine)
            return attached
    _refuse_other_tree(machine)
    changes = [f"machine {machine.name}"]
    if dry_run:
        return changes
    _stop(machine, 90.0)
    if not (machine.tree / "usr/bin/systemctl").exists():
        raise LabError(f"{machine.tree} holds no Debian tree with systemd; 'make up' builds one")
    try:
        cgroup.create(machine.group)
    except OSError as error:
        raise LabError(
            f"control groups cannot be made here, and every machine needs one: {error}; "
            "in a container, give it a writable /sys/fs/cgroup"
        ) from error
    prepare(machine)
    log = machine.folder / "console.log"
    with log.open("ab") as console:
        launcher = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", str(machine.folder / "launch")],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )
    deadline = time.monotonic() + timeout
    while not _ssh_answers(machine, min(5.0, timeout)):
        if launcher.poll() is not None:
            _stop(machine, 0)
            shown = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise LabError(f"machine {machine.name} of lab {machine.lab} ended at its start: {' '.join(shown)} ({log})")
        if time.monotonic() > deadline:
            raise LabError(
                f"machine {machine.name} of lab {machine.lab} does not answer on SSH after {timeout:.0f} s; "
                f"its console: {log}"
            )
        time.sleep(0.1)
    return changes


def stopped(machine: Machine, *, patience: float = 90.0, dry_run: bool = False) -> list[str]:
    """Power the machine off, after `patience` seconds by force; return the changes in words."""
    changes = [f"machine {machine.name} stopped"] if running(machine) else []
    if not dry_run and machine.state_folder.exists():
        with locked(machine.state_folder):
            _stop(machine, patience)
    elif not dry_run:
        _stop(machine, patience)
    return changes


def _stop(machine: Machine, patience: float) -> None:
    deadline = time.monotonic() + patience
    told: dict[int, float] = {}
    # The machine's init is told, as nspawn would: it may have lost its nspawn. Again from time to time, because an
    # init that has just started does not listen yet.
    while (pids := _inits(machine)) and (now := time.monotonic()) < deadline:
        for pid in pids:
            if now - told.get(pid, 0) > TELL_AGAIN:
                told[pid] = now
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, HALT)
        time.sleep(0.1)
    cgroup.kill(machine.group)
    cgroup.remove(machine.group)


def absent(machine: Machine, *, dry_run: bool = False) -> list[str]:
    """Stop the machine at once and remove everything it wrote; return the changes in words."""
    changes = stopped(machine, patience=0, dry_run=dry_run)
    if machine.folder.exists():
        changes.append(f"folder {machine.folder}")
        if not dry_run:
            shutil.rmtree(machine.folder)
    return changes


def _refuse_other_tree(machine: Machine) -> None:
    """Refuse to start what the machine wrote over one tree above another: its package database would be wrong."""
    was = recorded(machine).get("tree")
    if was is not None and was != str(machine.tree):
        raise LabError(
            f"machine {machine.name} of lab {machine.lab} was made over {was}, and now would start over "
            f"{machine.tree}: take the lab down first ('make down'), then bring it up again"
        )


def _refuse_other_specification(machine: Machine) -> None:
    was, now = recorded(machine), machine.specification()
    fields = sorted(key for key in now if now[key] != was.get(key))
    if fields:
        raise LabError(
            f"machine {machine.name} of lab {machine.lab} runs, but was started with another "
            f"{', '.join(fields)}: stop the lab first ('make down'), then start it again"
        )


def _attach(machine: Machine, dry_run: bool) -> list[str] | None:
    """Plug the machine's NICs into their bridges; return the changes in words, or None where that cannot be.

    It cannot when the machine runs in a namespace that was deleted behind its back, or has lost its nspawn.
    """
    if not _supervised(machine):
        return None
    # While the machine reboots, its NICs are gone for a moment.
    wanted = {machine.veth(index): nic for index, nic in enumerate(machine.nics)}
    deadline = time.monotonic() + 5
    while not wanted.keys() <= (links := _links(machine.lab)).keys():
        if time.monotonic() > deadline or not running(machine):
            return None
        time.sleep(0.2)
    changes = []
    for veth, nic in wanted.items():
        if links[veth].get("master") != nic.bridge:
            changes.append(f"NIC {nic.name} of {machine.name} on {nic.bridge}")
            if not dry_run:
                run(["ip", "link", "set", veth, "master", nic.bridge, "up"], lab=machine.lab, check=False)
    return changes


def _supervised(machine: Machine) -> bool:
    """Tell whether an nspawn runs the machine, in the namespace that has the lab's name now.

    A machine outlives an nspawn that is killed, and could not reboot any more.
    """
    deadline = time.monotonic() + 2
    while not (pids := _nspawn_pids(machine)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    try:
        current = namespace_path(machine.lab).stat().st_ino
        return all(Path(f"/proc/{pid}/ns/net").stat().st_ino == current for pid in pids)
    except OSError:
        return False


def _links(lab: str) -> dict[str, dict[str, Any]]:
    shown = run(["ip", "-j", "link", "show"], lab=lab, check=False)
    return {link["ifname"]: link for link in json.loads(shown.stdout)} if shown.returncode == 0 else {}


def _nspawn_pids(machine: Machine) -> list[int]:
    found = []
    for pid in cgroup.processes(machine.group):
        try:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="ascii", errors="replace").strip()
            above = cgroup.parent(pid)
            parent_name = Path(f"/proc/{above}/comm").read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            continue
        if name == "systemd-nspawn" and parent_name != "systemd-nspawn":
            found.append(pid)
    return found


def _inits(machine: Machine) -> list[int]:
    """Return the machine's init, as we see its number: the one that sees itself as number 1."""
    found = []
    for pid in cgroup.processes(machine.group):
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
        # Deeper ones belong to containers in the machine.
        if len(numbers) == 2 and numbers[1] == "1":
            found.append(pid)
    return found


def _ssh_answers(machine: Machine, timeout: float) -> bool:
    address = next((a.partition("/")[0] for nic in machine.nics for a in nic.addresses), None)
    if address is None:
        return running(machine)
    argv = [sys.executable, "-c", CONNECT, address, str(timeout)]
    return run(argv, lab=machine.lab, check=False).returncode == 0
