# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's network: one namespace with a user-mode uplink, bridges, routes and NAT.

Everything lives inside the namespace. The host's sysctls, firewall tables and links stay as they are.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup, forward
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import (
    LabError,
    end_all,
    locked,
    namespace_path,
    run,
)

UPLINK = "uplink"
UPLINK_PROGRAMS = ("pasta", "slirp4netns")
SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv4.conf.all.rp_filter": "2",
}
# pasta of Debian 12 sends window updates without the ACK flag: they match no connection, so the namespace itself
# would answer them with a reset and end the connection of the machine behind it.
NAT_TABLE = """table ip lab {
  chain prerouting {
    type filter hook prerouting priority mangle;
    iifname "uplink" ct state invalid drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "uplink" masquerade
  }
}
"""


@dataclass(frozen=True)
class Bridge:
    """A bridge in the namespace, with the addresses (with prefix length) that the namespace has on it."""

    name: str
    addresses: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Route:
    """A route of the namespace: a prefix and the address of the router."""

    to: str
    via: str


@dataclass(frozen=True)
class LabNetwork:
    """What the namespace should hold."""

    name: str
    state_folder: Path
    bridges: list[Bridge] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)

    @property
    def pid_file(self) -> Path:
        """Where the uplink writes its process id. For people: we find it by what it was started with."""
        return self.state_folder / "uplink.pid"

    @property
    def group(self) -> str:
        """The control group that holds those of the lab's machines."""
        return f"ringmaster/{self.name}"


def present(network: LabNetwork, *, dry_run: bool = False) -> list[str]:
    """Make the namespace what `network` says; return the changes in words.

    Raises LabError when /dev/net/tun is missing, no uplink program starts, or a tool refuses.
    """
    if dry_run:
        return _present(network, dry_run=True)
    with locked(network.state_folder):
        return _present(network, dry_run=False)


def _present(network: LabNetwork, *, dry_run: bool) -> list[str]:
    changes: list[str] = []
    if not lives(network.name):
        changes.append(f"network namespace {network.name}")
        if dry_run:
            return changes
        # A file without a namespace is what `ip netns add` leaves behind when it is killed.
        namespace_path(network.name).unlink(missing_ok=True)
        run(["ip", "netns", "add", network.name])
    changes += _ensure_links(network, dry_run)
    if not _uplink_runs(network):
        changes.append("uplink")
        if not dry_run:
            _start_uplink(network)
    for key, value in SYSCTLS.items():
        if run(["sysctl", "-n", key], lab=network.name).stdout.strip() != value:
            changes.append(f"sysctl {key}={value}")
            if not dry_run:
                run(["sysctl", "-q", "-w", f"{key}={value}"], lab=network.name)
    if run(["nft", "list", "table", "ip", "lab"], lab=network.name, check=False).returncode != 0:
        changes.append("NAT towards the uplink")
        if not dry_run:
            _load_nat(network)
    changes += _ensure_routes(network, dry_run)
    return changes


def absent(network: LabNetwork, *, dry_run: bool = False) -> list[str]:
    """Remove the uplink, pages that are open, the namespace, and what is left of machines; return the changes in words.

    Raises LabError when a process does not end.
    """
    changes: list[str] = []
    if cgroup.processes(network.group):
        # Machines whose folders somebody removed: nobody else would find them again.
        changes.append("processes of machines")
    if _uplink_pids(network):
        changes.append("uplink")
    changes += forward.stop(network.state_folder, dry_run=True)
    if namespace_path(network.name).exists():
        changes.append(f"network namespace {network.name}")
    if dry_run:
        return changes
    with locked(network.state_folder) if network.state_folder.exists() else contextlib.nullcontext():
        _remove(network)
    return changes


def _remove(network: LabNetwork) -> None:
    path = namespace_path(network.name)
    cgroup.kill(network.group)
    cgroup.remove(network.group)
    end_all(lambda: _uplink_pids(network))
    forward.stop(network.state_folder)
    if lives(network.name):
        end_all(lambda: _processes_inside(network))
        run(["ip", "netns", "del", network.name])
    path.unlink(missing_ok=True)
    if path.parent.is_mount() and not list(path.parent.iterdir()):
        # `ip netns add` mounts this folder on itself and never takes that back.
        run(["umount", str(path.parent)], check=False)
    network.pid_file.unlink(missing_ok=True)


def lives(lab: str) -> bool:
    """Tell whether the lab's file holds a network namespace, and is not merely there."""
    path = namespace_path(lab)
    return path.exists() and run(["nsenter", f"--net={path}", "true"], check=False).returncode == 0


def _processes_inside(network: LabNetwork) -> list[int]:
    """Return what still runs in the namespace, such as ssh's shared connections, which would keep it alive.

    Without ourselves and those who started us, who may be inside as well.
    """
    own, pid = {os.getpid()}, os.getpid()
    while pid > 1 and (pid := cgroup.parent(pid)) > 1:
        own.add(pid)
    listed = run(["ip", "netns", "pids", network.name]).stdout.split()
    return [int(pid) for pid in listed if int(pid) not in own and cgroup.lives(int(pid))]


def _links(lab: str) -> dict[str, dict[str, Any]]:
    listing = json.loads(run(["ip", "-j", "addr", "show"], lab=lab).stdout or "[]")
    return {link["ifname"]: link for link in listing}


def _ensure_links(network: LabNetwork, dry_run: bool) -> list[str]:
    changes = []
    links = _links(network.name)
    if not dry_run:
        run(["ip", "link", "set", "lo", "up"], lab=network.name)
    for bridge in network.bridges:
        link = links.get(bridge.name)
        if link is None:
            changes.append(f"bridge {bridge.name}")
            if dry_run:
                continue
            run(["ip", "link", "add", bridge.name, "type", "bridge", "mcast_snooping", "0"], lab=network.name)
        has = {ipaddress.ip_interface(f"{a['local']}/{a['prefixlen']}") for a in (link or {}).get("addr_info", [])}
        for address in bridge.addresses:
            if ipaddress.ip_interface(address) not in has:
                changes.append(f"address {address} on {bridge.name}")
                if not dry_run:
                    run(["ip", "addr", "add", address, "dev", bridge.name, *_nodad(address)], lab=network.name)
        if not dry_run and "UP" not in (link or {}).get("flags", []):
            run(["ip", "link", "set", bridge.name, "up"], lab=network.name)
    return changes


def _nodad(address: str) -> list[str]:
    return ["nodad"] if ":" in address else []


def _ensure_routes(network: LabNetwork, dry_run: bool) -> list[str]:
    changes = []
    for route in network.routes:
        family = "-6" if ":" in route.to else "-4"
        shown = run(["ip", family, "route", "show", route.to], lab=network.name).stdout
        if f"via {route.via} " not in shown:
            changes.append(f"route {route.to} via {route.via}")
            if not dry_run:
                run(["ip", family, "route", "replace", route.to, "via", route.via], lab=network.name)
    return changes


def _load_nat(network: LabNetwork) -> None:
    rules = network.state_folder / "nat.nft"
    rules.write_text(NAT_TABLE, encoding="utf-8")
    run(["nft", "-f", str(rules)], lab=network.name)


def _uplink_pids(network: LabNetwork) -> list[int]:
    """Return the uplink's processes, by what they were started with: a file with their number may be lost or old."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            program, *arguments = path.read_text(encoding="utf-8", errors="replace").split("\0")
        except OSError:
            continue
        if Path(program).name in UPLINK_PROGRAMS and str(namespace_path(network.name)) in arguments:
            found.append(int(path.parent.name))
    return found


def _uplink_runs(network: LabNetwork) -> bool:
    """Tell whether the uplink is there, and closed to this machine's loopback where it can be."""
    pids = _uplink_pids(network)
    if not pids or UPLINK not in _links(network.name):
        return False
    words = Path(f"/proc/{pids[0]}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    return Path(words[0]).name != "pasta" or {*_loopback()} <= {*words}


def _loopback() -> list[str]:
    """Return pasta's word that closes this machine's loopback to the lab, whose router's address would be a way there.

    It stays open where the only resolver is there; ``nameservers`` says so.
    """
    gateways = _routers()
    return [] if any(address in gateways for address in nameservers()) else ["--no-map-gw"]


def _start_uplink(network: LabNetwork) -> None:
    if not Path("/dev/net/tun").exists():
        raise LabError(
            "/dev/net/tun is missing, and the lab's uplink needs it: load the kernel's module 'tun', "
            "or start this container with access to /dev/net/tun"
        )
    end_all(lambda: _uplink_pids(network))
    refusals = []
    for start in (_start_pasta, _start_slirp):
        try:
            start(network)
        except LabError as refusal:
            refusals.append(str(refusal))
            continue
        return
    raise LabError("no user-mode uplink could be started: " + "; ".join(refusals))


def _start_pasta(network: LabNetwork) -> None:
    # --runas 0: where root has no syslog, pasta's drop to 'nobody' cannot open the namespace any more.
    run(
        [
            *("pasta", "--config-net", "--runas", "0", "--ns-ifname", UPLINK, "--pid", str(network.pid_file)),
            *("--netns", str(namespace_path(network.name))),
            *("-t", "none", "-u", "none", "-T", "none", "-U", "none", *_loopback()),
        ]
    )


def _start_slirp(network: LabNetwork) -> None:
    run(
        [
            *("start-stop-daemon", "--start", "--background", "--make-pidfile", "--pidfile", str(network.pid_file)),
            *("--exec", "/usr/bin/slirp4netns", "--", "--configure", "--mtu=65520", "--disable-host-loopback"),
            *("--netns-type=path", str(namespace_path(network.name)), UPLINK),
        ]
    )
    deadline = time.monotonic() + 5
    while UPLINK not in _links(network.name):
        if time.monotonic() > deadline:
            raise LabError("slirp4netns made no interface within 5 s")
        time.sleep(0.05)


def nameservers() -> list[str]:
    """Return resolvers that a machine in the lab can reach: the host's, or the uplink's way to a local one."""
    found: list[str] = []
    for source in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        if not source.is_file():
            continue
        for line in source.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver" and reachable(words[1]):
                found.append(words[1])
        if found:
            return found
    return _routers()


def _routers() -> list[str]:
    shown = run(["ip", "-j", "route", "show", "default"]).stdout
    return [route["gateway"] for route in json.loads(shown or "[]") if "gateway" in route]


def reachable(address: str) -> bool:
    """Tell whether a text is an address that a machine in the lab could reach: none of this machine's own."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (found.is_loopback or found.is_link_local or found.is_unspecified)
