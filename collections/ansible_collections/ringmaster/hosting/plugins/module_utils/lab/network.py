# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's network: one namespace with a user-mode uplink, bridges, routes and NAT.

Everything lives inside the namespace. The host's sysctls, firewall tables and links stay as they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import LabError, namespace_path, run

UPLINK = "uplink"
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
        """Where the uplink's process id lies."""
        return self.state_folder / "uplink.pid"


def present(network: LabNetwork, *, dry_run: bool = False) -> list[str]:
    """Make the namespace what `network` says; return the changes in words.

    Raises LabError when /dev/net/tun is missing, no uplink program starts, or a tool refuses.
    """
    changes: list[str] = []
    exists = namespace_path(network.name).exists()
    if not exists:
        changes.append(f"network namespace {network.name}")
        if dry_run:
            return changes
        run(["ip", "netns", "add", network.name])
    network.state_folder.mkdir(parents=True, exist_ok=True)
    changes += _ensure_links(network, dry_run)
    if not _uplink_runs(network):
        changes.append("uplink")
        if not dry_run:
            _start_uplink(network)
    if exists and dry_run:
        return changes
    for key, value in SYSCTLS.items():
        if run(["sysctl", "-n", key], lab=network.name).stdout.strip() != value:
            changes.append(f"sysctl {key}={value}")
            run(["sysctl", "-q", "-w", f"{key}={value}"], lab=network.name)
    if run(["nft", "list", "table", "ip", "lab"], lab=network.name, check=False).returncode != 0:
        changes.append("NAT towards the uplink")
        _load_nat(network)
    changes += _ensure_routes(network)
    return changes


def absent(network: LabNetwork, *, dry_run: bool = False) -> list[str]:
    """Remove the uplink and the namespace with all its links; return the changes in words."""
    changes: list[str] = []
    if _uplink_runs(network):
        changes.append("uplink")
        if not dry_run:
            _stop_uplink(network)
    if namespace_path(network.name).exists():
        changes.append(f"network namespace {network.name}")
        if not dry_run:
            _end_processes(network)
            run(["ip", "netns", "del", network.name])
    if not dry_run:
        network.pid_file.unlink(missing_ok=True)
    return changes


def _end_processes(network: LabNetwork) -> None:
    """End what still runs in the namespace, such as ssh's shared connections, which would keep it alive."""
    own = os.getpid()
    for pid in run(["ip", "netns", "pids", network.name]).stdout.split():
        if int(pid) != own:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM)


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
        has = {f"{a['local']}/{a['prefixlen']}" for a in (link or {}).get("addr_info", [])}
        for address in bridge.addresses:
            if address not in has:
                changes.append(f"address {address} on {bridge.name}")
                if not dry_run:
                    run(["ip", "addr", "add", address, "dev", bridge.name, *_nodad(address)], lab=network.name)
        if not dry_run and "UP" not in (link or {}).get("flags", []):
            run(["ip", "link", "set", bridge.name, "up"], lab=network.name)
    return changes


def _nodad(address: str) -> list[str]:
    return ["nodad"] if ":" in address else []


def _ensure_routes(network: LabNetwork) -> list[str]:
    changes = []
    for route in network.routes:
        family = "-6" if ":" in route.to else "-4"
        shown = run(["ip", family, "route", "show", route.to], lab=network.name).stdout
        if f"via {route.via} " not in shown:
            changes.append(f"route {route.to} via {route.via}")
            run(["ip", family, "route", "replace", route.to, "via", route.via], lab=network.name)
    return changes


def _load_nat(network: LabNetwork) -> None:
    rules = network.state_folder / "nat.nft"
    rules.write_text(NAT_TABLE, encoding="utf-8")
    run(["nft", "-f", str(rules)], lab=network.name)


def _uplink_pid(network: LabNetwork) -> int | None:
    try:
        pid = int(network.pid_file.read_text(encoding="ascii"))
        program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(namespace_path(network.name)).encode() in program else None


def _uplink_runs(network: LabNetwork) -> bool:
    return _uplink_pid(network) is not None and UPLINK in _links(network.name)


def _start_uplink(network: LabNetwork) -> None:
    if not Path("/dev/net/tun").exists():
        raise LabError(
            "/dev/net/tun is missing, and the lab's uplink needs it: load the kernel's module 'tun', "
            "or start this container with access to /dev/net/tun"
        )
    _stop_uplink(network)
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
            *("-t", "none", "-u", "none", "-T", "none", "-U", "none"),
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


def _stop_uplink(network: LabNetwork) -> None:
    pid = _uplink_pid(network)
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def nameservers() -> list[str]:
    """Return resolvers that a machine in the lab can reach: the host's, or the uplink's way to a local one."""
    found: list[str] = []
    for source in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        if not source.is_file():
            continue
        for line in source.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver" and not words[1].startswith(("127.", "::1")):
                found.append(words[1])
        if found:
            return found
    gateway = run(["ip", "-j", "route", "show", "default"]).stdout
    return [route["gateway"] for route in json.loads(gateway or "[]") if "gateway" in route]
