# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab machine should be, and what is written for it below its folder before it starts."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.keys import make_pair
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.network import nameservers
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import namespace_path

# Text in Python and no file of its own: with a module, Ansible brings nothing but Python along.
LAUNCHER = """#!/bin/sh
# Written by ringmaster.hosting.lab_machine. nspawn ends with status 133 when the machine reboots.
set -eu
for group in {cgroups}; do mkdir -p "$group"; echo $$ > "$group/cgroup.procs"; done
mount -t overlay overlay -o {layers} {root}
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
while :; do
  ( {attach} ) &
  attach=$!
  status=0
  {nspawn} || status=$?
  kill "$attach" 2>/dev/null || :
  [ "$status" = 133 ] || break
done
exit "$status"
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
        """Return the name of the namespace's end of the index-th NIC: at most 15 characters, and no other's."""
        name = f"v{index}-{self.name}"
        return name if len(name) <= 15 else f"v{index}-{hashlib.sha256(self.name.encode()).hexdigest()[:12]}"

    def specification(self) -> dict[str, Any]:
        """Return what a running machine is compared with."""
        return json.loads(json.dumps(asdict(self), default=str))


def host_keys(machine: Machine) -> list[str]:
    """Return the machine's public SSH host keys as 'type base64' strings."""
    found = []
    for path in sorted((machine.upper / "etc/ssh").glob("ssh_host_*_key.pub")):
        found.append(" ".join(path.read_text(encoding="ascii").split()[:2]))
    return found


def recorded(machine: Machine) -> dict[str, Any]:
    """Return the specification that the machine was last prepared for, {} when that never ended."""
    try:
        return json.loads((machine.folder / "specification.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def prepare(machine: Machine) -> None:
    """Write the machine's own files into the upper layer where they are not yet, and its launcher."""
    etc = machine.upper / "etc"
    for folder in (machine.folder / "work", machine.folder / "root", etc / "ssh", etc / "systemd/network"):
        folder.mkdir(parents=True, exist_ok=True)
    if recorded(machine) != machine.specification():
        _first_files(machine)
        # Last: this file tells the next start that the others are whole.
        record = machine.folder / "specification.json"
        fresh = record.with_suffix(".new")
        fresh.write_text(json.dumps(machine.specification(), indent=1), encoding="utf-8")
        fresh.rename(record)
    launcher = machine.folder / "launch"
    launcher.write_text(_launcher(machine), encoding="utf-8")
    launcher.chmod(0o755)


def _first_files(machine: Machine) -> None:
    etc = machine.upper / "etc"
    make_pair(etc / "ssh/ssh_host_ed25519_key", machine.name, machine.folder / "new_host_key")
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
    if not (etc / "machine-id").exists():
        (etc / "machine-id").write_text("", encoding="utf-8")
    (etc / "hostname").write_text(f"{machine.name}\n", encoding="utf-8")


def _networkd(nic: Nic) -> str:
    lines = ["[Match]", f"Name={nic.name}", "", "[Network]", "IPv6AcceptRA=no", "LinkLocalAddressing=ipv6"]
    lines += [f"Address={address}" for address in nic.addresses]
    lines += [f"Gateway={gateway}" for gateway in nic.gateways]
    return "\n".join(lines) + "\n"


def _launcher(machine: Machine) -> str:
    root = machine.folder / "root"
    layers = {"lowerdir": machine.tree, "upperdir": machine.upper, "workdir": machine.folder / "work"}
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
        layers=shlex.quote(",".join(f"{option}={_layer(folder)}" for option, folder in layers.items())),
        root=shlex.quote(str(root)),
        attach="; ".join(attach) or ":",
        nspawn=shlex.join(nspawn),
    )


def _layer(folder: Path) -> str:
    """Return a folder as overlay's options take it."""
    return "".join(f"\\{letter}" if letter in "\\:," else letter for letter in str(folder))
