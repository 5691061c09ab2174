# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much the services that we ship may do, in systemd's own figures, and how much each of them may at most.

``systemd-analyze security`` gives 0.0 to what may do nothing and 10.0 to what may do everything.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import machines

PAGE = "exposure.md"
MEASURED_WITH = "252"
"""The version of systemd whose figures are on the page, Debian 12's. Debian 13's gives 0.2 less to the same unit."""

NETWORK, DATA, OTHER = "network", "data", "other"
LIMITS = {NETWORK: 3.0, DATA: 4.0, OTHER: 5.0}
"""What a service of a kind may have at most: who answers the network or reads what strangers answer; backups, proofs
and what converges a machine; everything else."""

KINDS: dict[str, str] = {
    "ringmaster-accounts.service": DATA,
    "ringmaster-backup-proof.service": DATA,
    "ringmaster-backup-server-copy.service": DATA,
    "ringmaster-backup-server-guard.service": DATA,
    "ringmaster-backup-server.service": DATA,
    "ringmaster-backup.service": DATA,
    "ringmaster-certificates.service": NETWORK,
    "ringmaster-check-own.service": OTHER,
    "ringmaster-check-results@.service": NETWORK,
    "ringmaster-check.service": OTHER,
    "ringmaster-fetch.service": NETWORK,
    "ringmaster-firewall-inbox.service": DATA,
    "ringmaster-firewall.service": OTHER,
    "ringmaster-firstboot.service": OTHER,
    "ringmaster-gateway.service": OTHER,
    "ringmaster-graphs.service": NETWORK,
    "ringmaster-grow-root.service": OTHER,
    "ringmaster-guard.service": OTHER,
    "ringmaster-host-keys.service": OTHER,
    "ringmaster-hypervisor-reboots.service": DATA,
    "ringmaster-hypervisor.service": OTHER,
    "ringmaster-inbox-again@.service": DATA,
    "ringmaster-mail-metrics.service": OTHER,
    "ringmaster-mail-password.service": NETWORK,
    "ringmaster-mail-redis.service": OTHER,
    "ringmaster-mail-out.service": OTHER,
    "ringmaster-mailserver-inbox.service": DATA,
    "ringmaster-maintenance.service": NETWORK,
    "ringmaster-monitoring-guard.service": OTHER,
    "ringmaster-mysql-inbox.service": DATA,
    "ringmaster-nginx-inbox.service": DATA,
    "ringmaster-package-cache.service": OTHER,
    "ringmaster-portal-copy.service": NETWORK,
    "ringmaster-portal-mail.service": NETWORK,
    "ringmaster-portal-steward.service": NETWORK,
    "ringmaster-portal.service": NETWORK,
    "ringmaster-postgresql-backup.service": DATA,
    "ringmaster-postgresql-inbox.service": DATA,
    "ringmaster-redis-inbox.service": DATA,
    "ringmaster-series.service": NETWORK,
    "ringmaster-status.service": NETWORK,
    "ringmaster-steward-commit.service": OTHER,
    "ringmaster-steward.service": NETWORK,
    "ringmaster-swap.service": OTHER,
    "ringmaster-tmp.service": OTHER,
    "ringmaster-unconfirmed.service": OTHER,
    "ringmaster-webgateway-inbox.service": DATA,
    "apt-cacher-ng.service": NETWORK,
    "clamav-daemon.service": NETWORK,
    "clamav-freshclam.service": NETWORK,
    "dovecot.service": NETWORK,
    "haproxy.service": NETWORK,
    "memcached.service": NETWORK,
    "mariadb.service": NETWORK,
    "named.service": NETWORK,
    "nginx.service": NETWORK,
    "nginx.service (portal)": NETWORK,
    "nginx.service (status)": NETWORK,
    "php8.4-fpm.service": NETWORK,
    "postfix.service": NETWORK,
    "postfix.service (mailserver)": NETWORK,
    "postgresql@.service": NETWORK,
    "postsrsd.service": NETWORK,
    "prometheus-alertmanager.service": NETWORK,
    "prometheus-bind-exporter.service": NETWORK,
    "prometheus-blackbox-exporter.service": NETWORK,
    "prometheus-mysqld-exporter.service": NETWORK,
    "prometheus-nginx-exporter.service": NETWORK,
    "prometheus-node-exporter.service": NETWORK,
    "prometheus-postgres-exporter.service": NETWORK,
    "prometheus-redis-exporter.service": NETWORK,
    "prometheus.service": NETWORK,
    "redis-server.service": NETWORK,
    "restic-rest-server.service": NETWORK,
    "rspamd.service": NETWORK,
    "unbound.service": NETWORK,
    "valkey-server.service": NETWORK,
}

UNLIMITED: dict[str, str] = {
    "ringmaster-updates-arrived.service": "it runs programs of the project's service users, with all that they may do",
    "ringmaster-updates-security.service": "it runs dpkg, and the scripts of packages may do anything to a system",
    "ringmaster-updates-window.service": "the same, with all updates",
}
"""Units that have no sandbox, and why none can be."""

OF_DEBIAN: dict[str, tuple[str, ...]] = {
    "apt-cacher-ng.service": ("User=apt-cacher-ng",),
    "clamav-daemon.service": (),
    "clamav-freshclam.service": (),
    "dovecot.service": ("PrivateTmp=yes", "ProtectSystem=full", "PrivateDevices=yes"),
    "haproxy.service": (),
    "memcached.service": (
        *("PrivateTmp=yes", "ProtectSystem=full", "NoNewPrivileges=yes", "PrivateDevices=yes"),
        *("CapabilityBoundingSet=CAP_SETGID CAP_SETUID CAP_SYS_RESOURCE", "MemoryDenyWriteExecute=yes"),
        *("RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "ProtectKernelModules=yes", "ProtectKernelTunables=yes"),
        *("ProtectControlGroups=yes", "RestrictRealtime=yes", "RestrictNamespaces=yes"),
    ),
    "mariadb.service": ("User=mysql", "AmbientCapabilities=CAP_IPC_LOCK", "UMask=007"),
    "named.service": (),
    "nginx.service": (),
    "php8.4-fpm.service": (),
    "postfix.service": (
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_SETGID CAP_SETUID CAP_DAC_OVERRIDE CAP_CHOWN",
        *("CapabilityBoundingSet=CAP_DAC_READ_SEARCH", "LockPersonality=yes", "MemoryDenyWriteExecute=yes"),
        *("ProtectControlGroups=yes", "ProtectClock=yes", "PrivateDevices=yes", "ProtectHostname=yes"),
        *("ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes", "ProcSubset=pid"),
        *("ProtectSystem=full", "RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6"),
        *("RestrictNamespaces=yes", "RestrictRealtime=yes", "SystemCallFilter=@system-service @setuid chroot"),
    ),
    "postgresql@.service": (),
    "postsrsd.service": (),
    "prometheus-alertmanager.service": ("User=prometheus",),
    "prometheus-bind-exporter.service": ("User=prometheus", "PrivateUsers=yes"),
    "prometheus-blackbox-exporter.service": ("User=prometheus",),
    "prometheus-mysqld-exporter.service": ("User=prometheus",),
    "prometheus-nginx-exporter.service": ("User=prometheus",),
    "prometheus-node-exporter.service": ("User=prometheus",),
    "prometheus-postgres-exporter.service": ("User=prometheus",),
    "prometheus-redis-exporter.service": ("User=prometheus",),
    "prometheus.service": ("User=prometheus", "MemoryDenyWriteExecute=yes", "PrivateUsers=yes", "DevicePolicy=strict"),
    "redis-server.service": (
        *("User=redis", "UMask=007", "PrivateTmp=yes", "PrivateDevices=yes", "ProtectHome=yes", "ProtectSystem=strict"),
        *("CapabilityBoundingSet=", "LockPersonality=yes", "MemoryDenyWriteExecute=yes", "NoNewPrivileges=yes"),
        *("PrivateUsers=yes", "ProtectClock=yes", "ProtectControlGroups=yes", "ProtectHostname=yes"),
        *("ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes", "ProtectProc=invisible"),
        *("RemoveIPC=yes", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "RestrictNamespaces=yes"),
        *("RestrictRealtime=yes", "RestrictSUIDSGID=yes", "SystemCallArchitectures=native"),
        *("SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources"),
    ),
    "restic-rest-server.service": (
        *("User=restic-rest-server", "LockPersonality=yes", "MemoryDenyWriteExecute=yes", "NoNewPrivileges=yes"),
        *("PrivateTmp=yes", "PrivateDevices=yes", "PrivateUsers=yes", "ProtectHome=yes", "ProtectClock=yes"),
        *("ProtectControlGroups=yes", "ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes"),
        *("ProtectProc=invisible", "ProtectHostname=yes", "RemoveIPC=yes", "RestrictNamespaces=yes"),
        *("RestrictSUIDSGID=yes", "RestrictRealtime=yes", "SystemCallArchitectures=native"),
        "SystemCallFilter=@system-service @network-io",
    ),
    "rspamd.service": ("User=_rspamd",),
    "unbound.service": (),
    "valkey-server.service": (
        *(
            "User=valkey",
            "UMask=007",
            "PrivateTmp=yes",
            "PrivateDevices=yes",
            "ProtectHome=yes",
            "ProtectSystem=strict",
        ),
        *("CapabilityBoundingSet=", "LockPersonality=yes", "MemoryDenyWriteExecute=yes", "NoNewPrivileges=yes"),
        *("PrivateUsers=yes", "ProtectClock=yes", "ProtectControlGroups=yes", "ProtectHostname=yes"),
        *("ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes", "ProtectProc=invisible"),
        *("RemoveIPC=yes", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "RestrictNamespaces=yes"),
        *("RestrictRealtime=yes", "RestrictSUIDSGID=yes", "SystemCallArchitectures=native"),
        *("SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources"),
    ),
}
"""What Debian 13's own units say that counts, for those that drop-ins of ours extend by a sandbox."""

RESTARTS_ONLY: dict[str, str] = {
    "ssh.service": "vm_image",
    "ringmaster-status.service": "status",
}
"""Services with drop-ins of ours that are no sandbox, with the role that brings them."""

LEFT: dict[str, str] = {
    "clamav-freshclam-once.service": "it is switched off, wherever Debian's package switches it on",
    "libvirtd.service": "it starts virtual machines, mounts, makes networks: what a sandbox takes is what it is for",
    "postfix.service (mailstub)": "3.9 as Debian has it: it takes mail on loopback only",
    "ssh.service": "people do on a machine what they may do there, in sessions that sshd starts",
    "systemd-journald.service": "systemd ships its own services in sandboxes",
    "systemd-networkd.service": "systemd ships its own services in sandboxes",
    "systemd-sysctl.service": "it sets what the kernel has, once, from files of root's",
    "systemd-timesyncd.service": "systemd ships its own services in sandboxes",
}
"""Services of Debian that roles name, by themselves or in one role, and that get no sandbox of ours; and why."""

HEAD = f"""\
# How much services may do

Generated by `docs/reference/generate` from the units and drop-ins of the roles; do not edit.
The figures are those of `systemd-analyze security`: 0.0 is what may do nothing, 10.0 what may do everything.
They were measured with systemd {MEASURED_WITH}; that of the machines, Debian 13's 257, gives 0.2 less to the same unit.
A test measures every unit again, and fails for one that is above its limit or has none.

| Limit | For what |
| --- | --- |
| {LIMITS[NETWORK]} | what answers the network, or reads what strangers answer |
| {LIMITS[DATA]} | backups, proofs, and what brings a machine to its configuration |
| {LIMITS[OTHER]} | everything else |

What no program of ours needs is the same in all of their units: [sandbox.conf](../../roles/machine/files/sandbox.conf),
which `bin/generate` writes into them, so that each unit can be read by itself.

"""

TAIL = """
Services of Debian that roles switch on or configure, and that get no sandbox of ours:

"""


@dataclass(frozen=True)
class Service:
    """A service and what is measured: its unit, or what counts of Debian's with our drop-in."""

    name: str
    source: str
    text: str

    @property
    def unit(self) -> str:
        """Return the unit that stands for it where it is measured; of a template, an instance called x."""
        return re.sub(r"\.service \((\w+)\)$", r"-\1.service", self.name).replace("@.", "@x.")


def services() -> list[Service]:
    """Return all services of ours, and those of Debian that drop-ins of ours extend, by name."""
    found = [Service(unit.name, unit.source, unit.text) for unit in machines.units() if unit.name.endswith(".service")]
    for name, path, text in drop_ins():
        if name not in RESTARTS_ONLY:
            own = "".join(f"{line}\n" for line in OF_DEBIAN.get(name, ()))
            source = path.relative_to(machines.ROOT)
            # Two roles may extend one service, each on its machines: by name of the second role.
            shown = f"{name} ({source.parts[1]})" if name in {service.name for service in found} else name
            found.append(Service(shown, source.as_posix(), f"[Service]\n{own}{text}"))
    return sorted(found, key=lambda one: (not one.name.startswith("ringmaster-"), one.name))


def drop_ins() -> Iterator[tuple[str, Path, str]]:
    """Yield service, source and text of each drop-in of ours to a service."""
    place = re.compile(rf"{machines.UNITS}/([\w.-]+@?)[^/]*\.service\.d/[^/]+\.conf")
    for role in sorted(path for path in machines.ROLES.iterdir() if path.is_dir()):
        tree = role / "files/rootfs"
        files = [
            (f"/{path.relative_to(tree).as_posix()}", path, path.read_text(encoding="utf-8"))
            for path in sorted(tree.glob(f"{machines.UNITS.lstrip('/')}/*.service.d/*.conf"))
        ]
        files += [(path, source, text) for path, source, text, _entry in machines.written(role)]
        for path, source, text in files:
            match = place.fullmatch(path)
            if match and "[Service]" in text:
                yield f"{match[1]}.service", source, text


def named_services() -> Iterator[tuple[str, str]]:
    """Yield role and service of each service that is not ours and that a role switches on, restarts or waits for."""
    for role in sorted(path.name for path in machines.ROLES.iterdir() if path.is_dir()):
        if role == "lab":  # of the machine where a lab is
            continue
        for part in ("tasks", "vars", "defaults", "handlers"):
            for path in sorted((machines.ROLES / role / part).glob("**/*.yml")):
                text = re.sub(r"^\s*#.*", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
                for name in re.findall(r"(?<![\w.-])((?:[\w-]|@|\{\{ \w+ \}\})+)\.service\b", text):
                    if not name.startswith("ringmaster-"):
                        yield role, re.sub(r"@.*", "@", name) + ".service"


def rendered(text: str) -> str:
    """Return a template as systemd can read it: values of variables do not count here, lines that depend on one do."""
    return re.sub(r"\{%.*?%\}", "", re.sub(r"\{\{.*?\}\}", "x", text))


@cache
def version() -> str:
    """Return the version of systemd on this machine."""
    done = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def write(root: Path, found: Iterable[Service]) -> None:
    """Write services where systemd looks below a folder."""
    units = root / "etc/systemd/system"
    units.mkdir(parents=True)
    for service in found:
        # It wants to see a program that is there.
        lines = re.sub(r"^Exec\w*=.*(\\\n.*)*$", "", rendered(service.text), flags=re.MULTILINE)
        text = f"{lines}\n[Service]\nExecStart=/bin/true\n"
        (units / service.unit).write_text(text, encoding="utf-8")


def measure(found: Iterable[Service]) -> dict[str, float]:
    """Return the exposure of each service. Raises ValueError with what systemd says when it does not know one."""
    figures = {}
    wanted = list(found)
    with tempfile.TemporaryDirectory() as root:
        write(Path(root), wanted)
        for service in wanted:
            argv = ["systemd-analyze", "security", "--offline=true", f"--root={root}", "--no-pager", service.unit]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            match = re.search(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
            if not match:
                raise ValueError(f"{service.name}: {done.stderr.strip() or done.stdout.strip()}")
            figures[service.name] = float(match[1])
    return figures


def page() -> str:
    """Return the page in Markdown; as it is, where its figures cannot be measured again."""
    there = machines.ROOT / "docs/reference" / PAGE
    if version() != MEASURED_WITH and there.exists():
        return there.read_text(encoding="utf-8")
    found = services()
    figures = measure(found)
    left = machines.table(("Service", "Why not"), ([f"`{name}`", why] for name, why in sorted(LEFT.items())))
    rows = []
    for service in found:
        kind = KINDS.get(service.name)
        limit = str(LIMITS[kind]) if kind else f"none: {UNLIMITED[service.name]}"
        link = f"[{Path(service.source).name}](../../{service.source})"
        rows.append([f"`{service.name}`", str(figures[service.name]), limit, link])
    return f"{HEAD}{machines.table(('Service', 'Figure', 'Limit', 'Source'), rows)}{TAIL}{left}"
