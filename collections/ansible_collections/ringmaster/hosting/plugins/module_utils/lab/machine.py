# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab machine: a full Debian with systemd in systemd-nspawn, on the lab's bridges.

The machine's root is an overlay: the shared tree below, read-only, and the machine's own folder above. It is
mounted in the mount namespace of the machine's launcher, so that no mount is ever seen on the host and none
is left behind.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.network import nameservers
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import LabError, namespace_path, run

LAUNCHER = """#!/bin/sh
# Written by ringmaster.hosting.lab_machine. nspawn ends with status 133 when the machine reboots.
set -eu
for group in {cgroups}; do mkdir -p "$group"; echo $$ > "$group/cgroup.procs"; done
mount -t overlay overlay -o lowerdir={tree},upperdir={upper},workdir={work} {root}
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
while :; do
  ( {attach} ) &
  status=0
  {nspawn} || status=$?
  [ "$status" = 133 ] || break
done
exit "$status"
"""
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


@dataclass(frozen=True)
class Nic:
    """An interface of a machine: its name inside, the lab's bridge it is plugged into, and what it is given."""

    name: str
    bridge: str
    addresses: list[str] = field(default_factory=list)
    gateways: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Machine:
    """What a machine should be. `state_folder` is the lab's, `tree` the folder of the shared Debian."""

    lab: str
    name: str
    state_folder: Path
    tree: Path
    nics: list[Nic] = field(default_factory=list)
    authorized_keys: list[str] = field(default_factory=list)
    binds: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The machine's own folder: overlay, launcher, console log."""
        return self.state_folder / "machines" / self.name

    @property
    def upper(self) -> Path:
        """What the machine wrote over the shared tree."""
        return self.folder / "upper"

    @property
    def group(self) -> str:
        """The machine's control group."""
        return f"ringmaster/{self.lab}/{self.name}"

    def veth(self, index: int) -> str:
        """Return the name of the namespace's end of the index-th NIC (at most 15 characters)."""
        return f"v{index}-{self.name}"[:15]

    def specification(self) -> dict[str, Any]:
        """Return what a running machine is compared with."""
        return json.loads(json.dumps(asdict(self), default=str))


def running(machine: Machine) -> bool:
    """Tell whether any process of the machine lives."""
    return bool(cgroup.processes(machine.group))


def started(machine: Machine, *, timeout: float = 60.0, dry_run: bool = False) -> list[str]:
    """Make the machine run and answer on SSH; return the changes in words.

    Raises LabError when the tree is missing, when a running machine was started with another specification, or
    when SSH does not answer within `timeout` seconds.
    """
    if running(machine) and _ssh_answers(machine, 10.0):
        _refuse_other_specification(machine)
        return []
    changes = [f"machine {machine.name}"]
    if dry_run:
        return changes
    stopped(machine)
    if not (machine.tree / "usr/bin/systemctl").exists():
        raise LabError(f"{machine.tree} holds no Debian tree with systemd; 'make up' builds one")
    _prepare(machine)
    with (machine.folder / "console.log").open("ab") as console:
        subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", str(machine.folder / "launch")],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )
    if not _ssh_answers(machine, timeout):
        raise LabError(
            f"machine {machine.name} of lab {machine.lab} does not answer on SSH after {timeout:.0f} s; "
            f"its console: {machine.folder / 'console.log'}"
        )
    return changes


def stopped(machine: Machine, *, patience: float = 90.0, dry_run: bool = False) -> list[str]:
    """Power the machine off, after `patience` seconds by force; return the changes in words."""
    if not running(machine):
        if not dry_run:
            cgroup.remove(machine.group)
        return []
    if dry_run:
        return [f"machine {machine.name} stopped"]
    for pid in _nspawn_pids(machine):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while running(machine) and time.monotonic() < deadline:
        time.sleep(0.1)
    cgroup.kill(machine.group)
    cgroup.remove(machine.group)
    return [f"machine {machine.name} stopped"]


def absent(machine: Machine, *, dry_run: bool = False) -> list[str]:
    """Stop the machine at once and remove everything it wrote; return the changes in words."""
    changes = stopped(machine, patience=0, dry_run=dry_run)
    if machine.folder.exists():
        changes.append(f"folder {machine.folder}")
        if not dry_run:
            shutil.rmtree(machine.folder)
    return changes


def host_keys(machine: Machine) -> list[str]:
    """Return the machine's public SSH host keys as 'type base64' strings."""
    found = []
    for path in sorted((machine.upper / "etc/ssh").glob("ssh_host_*_key.pub")):
        found.append(" ".join(path.read_text(encoding="ascii").split()[:2]))
    return found


def _refuse_other_specification(machine: Machine) -> None:
    record = machine.folder / "specification.json"
    try:
        was = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        was = {}
    now = machine.specification()
    fields = sorted(key for key in now if now[key] != was.get(key))
    if fields:
        raise LabError(
            f"machine {machine.name} of lab {machine.lab} runs, but was started with another "
            f"{', '.join(fields)}: stop the lab first ('make down'), then start it again"
        )


def _prepare(machine: Machine) -> None:
    """Write the machine's own files into the upper layer, and its launcher."""
    etc = machine.upper / "etc"
    for folder in (machine.folder / "work", machine.folder / "root", etc / "ssh", etc / "systemd/network"):
        folder.mkdir(parents=True, exist_ok=True)
    if not (etc / "hostname").exists():
        _first_files(machine)
    (machine.folder / "specification.json").write_text(json.dumps(machine.specification(), indent=1), encoding="utf-8")
    launcher = machine.folder / "launch"
    launcher.write_text(_launcher(machine), encoding="utf-8")
    launcher.chmod(0o755)


def _first_files(machine: Machine) -> None:
    etc = machine.upper / "etc"
    if not list((etc / "ssh").glob("ssh_host_*_key")):
        key = str(etc / "ssh/ssh_host_ed25519_key")
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", machine.name, "-f", key])
    keys = machine.upper / "root/.ssh"
    keys.mkdir(parents=True, exist_ok=True)
    (machine.upper / "root").chmod(0o700)
    keys.chmod(0o700)
    (keys / "authorized_keys").write_text("".join(f"{key}\n" for key in machine.authorized_keys), encoding="utf-8")
    for nic in machine.nics:
        # One without addresses is a bridge port to be: whoever makes the bridge configures it.
        if nic.addresses:
            (etc / "systemd/network" / f"10-{nic.name}.network").write_text(_networkd(nic), encoding="utf-8")
    (etc / "resolv.conf").write_text("".join(f"nameserver {a}\n" for a in nameservers()), encoding="utf-8")
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {machine.name}\n", encoding="utf-8")
    (etc / "machine-id").write_text("", encoding="utf-8")
    # Last: this file tells the next start that the others are whole.
    (etc / "hostname").write_text(f"{machine.name}\n", encoding="utf-8")


def _networkd(nic: Nic) -> str:
    lines = ["[Match]", f"Name={nic.name}", "", "[Network]", "IPv6AcceptRA=no", "LinkLocalAddressing=ipv6"]
    lines += [f"Address={address}" for address in nic.addresses]
    lines += [f"Gateway={gateway}" for gateway in nic.gateways]
    return "\n".join(lines) + "\n"


def _launcher(machine: Machine) -> str:
    root = machine.folder / "root"
    nspawn = [
        *(
            "nsenter",
            f"--net={namespace_path(machine.lab)}",
            "systemd-nspawn",
            "--quiet",
            f"--directory={root}",
        ),
        *(
            f"--machine={machine.name}",
            f"--hostname={machine.name}",
            "--boot",
            "--register=no",
            "--keep-unit",
        ),
        *("--resolv-conf=off", "--timezone=off", "--link-journal=no", "--settings=no", "--console=read-only"),
        *(f"--network-veth-extra={machine.veth(i)}:{nic.name}" for i, nic in enumerate(machine.nics)),
        *(f"--bind={bind}" for bind in machine.binds),
    ]
    attach = [
        f"until nsenter --net={namespace_path(machine.lab)} ip link set {machine.veth(i)} master {nic.bridge} up "
        "2>/dev/null; do sleep 0.05; done"
        for i, nic in enumerate(machine.nics)
    ]
    return LAUNCHER.format(
        cgroups=" ".join(shlex.quote(str(path)) for path in cgroup.folders(machine.group)),
        tree=machine.tree,
        upper=machine.upper,
        work=machine.folder / "work",
        root=root,
        attach="; ".join(attach) or ":",
        nspawn=shlex.join(nspawn),
    )


def _nspawn_pids(machine: Machine) -> list[int]:
    found = []
    for pid in cgroup.processes(machine.group):
        try:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="ascii", errors="replace").strip()
            parent = int(
                Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1]
            )
            parent_name = Path(f"/proc/{parent}/comm").read_text(encoding="ascii", errors="replace").strip()
        except (OSError, ValueError, IndexError):
            continue
        if name == "systemd-nspawn" and parent_name != "systemd-nspawn":
            found.append(pid)
    return found


def _ssh_answers(machine: Machine, timeout: float) -> bool:
    address = next((a.partition("/")[0] for nic in machine.nics for a in nic.addresses), None)
    if address is None:
        return running(machine)
    argv = [sys.executable, "-c", CONNECT, address, str(timeout)]
    return run(argv, lab=machine.lab, check=False).returncode == 0
