# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that a project asks for: judged against the archive, installed without a start, remembered when they go.

Whoever asks is not an operator. So apt first says what would come and go; nothing is removed, nothing comes in place of
what the platform sets up, and no service of a package runs before somebody starts it.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import packages
from .packages import PackageError, Run

NAME = r"[a-z0-9][a-z0-9+.-]{0,98}[a-z0-9+.]"
"""Debian policy, 5.6.1; a length that no name has, and no hyphen at the end, which makes apt remove a package."""
RECORD = Path("/var/lib/ringmaster/packages.json")
RECORDED = ("cat", str(RECORD))
"""The command that shows the record of a machine."""
POLICY = Path("/usr/sbin/policy-rc.d")
MARK = "# of Ringmaster, while packages are installed"
NOTHING_STARTS = f"#!/bin/sh\n{MARK}\nexit 101\n"
STARTED = ("service", "socket", "timer", "path")

_OWN = "the platform's component '{}' does that: order it instead"
_TIME = "the platform sets the clock"
_NET = "the platform sets up the network"
_FIREWALL = "the platform's firewall does that: see 'firewall' of the project"
_MAIL = "the platform hands on mail of this VM"
TAKEN: Mapping[str, str] = {
    "postgresql": _OWN.format("postgresql"),
    "postgresql-[0-9][0-9]": _OWN.format("postgresql"),
    "default-mysql-server*": _OWN.format("mysql"),
    "mariadb-server*": _OWN.format("mysql"),
    "redis": _OWN.format("redis"),
    "redis-server": _OWN.format("redis"),
    "valkey": _OWN.format("redis"),
    "valkey-server": _OWN.format("redis"),
    "memcached": _OWN.format("memcached"),
    "nginx": _OWN.format("webgateway"),
    "haproxy": _OWN.format("webgateway"),
    "dovecot-*d": _OWN.format("mailserver"),
    "postfix": _MAIL,
    "exim4*": _MAIL,
    "sendmail*": _MAIL,
    "opensmtpd": _MAIL,
    "nullmailer": _MAIL,
    "dma": _MAIL,
    "*msmtp-mta": _MAIL,
    "ufw": _FIREWALL,
    "firewalld": _FIREWALL,
    "*-persistent": _FIREWALL,
    "network-manager": _NET,
    "netplan*": _NET,
    "ifupdown*": _NET,
    "connman": _NET,
    "dhcpcd*": _NET,
    "systemd-resolved": _NET,
    "cloud-init": "the platform sets up the VM",
    "chrony": _TIME,
    "ntpsec": _TIME,
    "openntpd": _TIME,
}
"""Patterns of packages that come in the place of what the platform sets up -> what to do instead."""

_INSTALLS = re.compile(r"^Inst (\S+) (?!\[)", re.MULTILINE)
_REMOVES = re.compile(r"^(?:Remv|Purg) (\S+)", re.MULTILINE)
_ARCHITECTURE = re.compile(r":[a-z0-9-]+$")


@dataclass(frozen=True)
class Record:
    """What is known of a machine: packages that were asked for, that are no longer, and units that were not started."""

    declared: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it as its file holds it."""
        return json.dumps({"declared": self.declared, "left": self.left, "units": self.units}) + "\n"


@dataclass
class Simulated:
    """What apt would do: packages that would come new, and that would go."""

    comes: list[str] = field(default_factory=list)
    goes: list[str] = field(default_factory=list)


def read(path: Path = RECORD) -> Record:
    """Return the record of a machine; an empty one where there is none, or none that can be read."""
    try:
        return _of(path.read_text())
    except OSError:
        return Record()


def recorded(said: str) -> Record:
    """Return what ``RECORDED`` printed of it, without units; whoever has none has asked for nothing."""
    text = next((line for line in said.splitlines() if line.startswith('{"declared"')), "{}")
    return replace(_of(text), units=())


def _of(text: str) -> Record:
    try:
        found = json.loads(text)
        return Record(*(tuple(map(str, found.get(key) or ())) for key in ("declared", "left", "units")))
    except (ValueError, AttributeError, TypeError):
        return Record()


def reason(name: str, denied: Mapping[str, str]) -> str:
    """Return why a package is not for projects, empty when nothing stands against it."""
    found = (why for pattern, why in {**TAKEN, **denied}.items() if fnmatch.fnmatchcase(name, pattern))
    return next(found, "")


def after(
    before: Record, declared: Iterable[str], own: Iterable[str], installed: Container[str], units: Iterable[str] = ()
) -> Record:
    """Return the record after a run.

    :param declared: what is asked for now; ``own``: what the platform itself wants here.
    :param installed: which of all these, and of those of before, are installed.
    :param units: those that this run left off.
    """
    declared = sorted(set(declared).difference(own))
    gone = {*before.left, *before.declared}.difference(declared, own)
    left = sorted(name for name in gone if name in installed)
    return Record(tuple(declared), tuple(left), tuple(sorted({*before.units, *units})) if declared or left else ())


def write(record: Record, path: Path = RECORD) -> None:
    """Keep the record. Only root can write where it lies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(record.text())
    fresh.chmod(0o644)
    fresh.replace(path)


def sentences(record: Record, before: Record) -> Iterator[str]:
    """Yield what whoever runs the platform should hear of what is new."""
    left = [name for name in record.left if name not in before.left]
    units = [name for name in record.units if name not in before.units]
    if left:
        yield (
            f"{', '.join(left)} {'is' if len(left) == 1 else 'are'} no longer asked for and still installed; "
            "-e base_remove_packages=true takes away what nobody asks for any more"
        )
    if units:
        were = "was" if len(units) == 1 else "were"
        yield f"{', '.join(units)} of packages that the project asks for {were} left off"


def simulate(run: Run, verb: str, names: Sequence[str]) -> Simulated:
    """Ask apt what it would do. Raises PackageError, as apt does where it knows a name not at all."""
    words = ["apt-get", "-qq", "--simulate", *packages.OPTIONS, "--no-install-recommends", verb, "--", *names]
    code, out, err = run(words)
    if code:
        raise packages.refused(names, err + out)
    return Simulated(*(sorted(map(_plain, found.findall(out))) for found in (_INSTALLS, _REMOVES)))


def judge(found: Simulated, names: Sequence[str], denied: Mapping[str, str]) -> None:
    """Raise PackageError where what would come or go is not the project's to decide; nothing was changed then."""
    asked = ", ".join(names)
    if found.goes:
        raise PackageError(
            f"to install {asked}, apt would remove {', '.join(found.goes)}, so nothing was installed: ask for less"
        )
    virtual = [name for name in names if name not in found.comes]
    if virtual:
        raise PackageError(
            f"{', '.join(virtual)} {'is' if len(virtual) == 1 else 'are'} provided by other packages only, "
            f"so nothing was installed: name the package itself (apt would take {', '.join(found.comes) or 'none'})"
        )
    for name in found.comes:
        why = reason(name, denied)
        if why:
            brought = "" if name in names else f" comes with {asked} and"
            raise PackageError(f"{name}{brought} is not for projects, so nothing was installed: {why}")


def install(run: Run, names: Sequence[str], *, policy: Path = POLICY) -> list[str]:
    """Install the packages, and return the units that they would have started. Raises PackageError."""
    before = _enabled(run)
    mine = not policy.exists() or MARK in policy.read_text(errors="replace")
    if mine:
        policy.write_text(NOTHING_STARTS)
        policy.chmod(0o755)
    try:
        packages.install(run, names, recommends=False, update=False, extra=("--no-remove",))
    finally:
        if mine:
            policy.unlink(missing_ok=True)
    units = sorted(_enabled(run) - before)
    if units:
        words = ["systemctl", "disable", "--quiet", "--", *units]
        code, out, err = run(words)
        if code:
            raise PackageError(f"{' '.join(words)}: {packages.tail(err or out)}")
    return units


def remove(run: Run, names: Sequence[str]) -> None:
    """Purge packages that nobody asks for any more. Raises PackageError where others would go with them."""
    more = sorted(set(simulate(run, "purge", names).goes) - set(names))
    if more:
        raise PackageError(
            f"with {', '.join(names)}, {', '.join(more)} would go, which {'is' if len(more) == 1 else 'are'} "
            "still wanted, so nothing was removed"
        )
    words = ["apt-get", "-qq", "-y", *packages.OPTIONS, "purge", "--", *names]
    code, out, err = run(words)
    if code:
        raise PackageError(f"{' '.join(words)}: {packages.tail(err or out)}")


def _enabled(run: Run) -> set[str]:
    types = ",".join(STARTED)
    _code, out, _err = run(
        ["systemctl", "list-unit-files", "--state=enabled", f"--type={types}", "--plain", "--no-legend", "--no-pager"]
    )
    return {line.split()[0] for line in out.splitlines() if line.strip()}


def _plain(name: str) -> str:
    return _ARCHITECTURE.sub("", name)
