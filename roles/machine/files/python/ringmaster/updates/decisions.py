# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done now: pure functions over what apt and needrestart print."""

from __future__ import annotations

import datetime
import fnmatch
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ringmaster.maintenance.window import Span, Window

# Inst libssl3 [3.0.1-1] (3.0.2-1 Debian-Security:13/stable-security [amd64])
INSTALL = re.compile(r"Inst (?P<name>\S+) \[(?P<old>[^\]]+)\] \((?P<new>\S+) (?P<origins>[^\[]*)\[")
# Restarting these while the machine runs does more harm than the old code; they count as a reason to reboot.
NEVER = (
    "dbus*.service",
    "systemd-logind.service",
    "systemd-networkd.service",
    "user@*.service",
    "getty@*",
    "*console*",
)


@dataclass(frozen=True)
class Update:
    """A newer version of an installed package."""

    package: str
    installed: str
    candidate: str
    security: bool

    @property
    def key(self) -> str:
        """Package and new version."""
        return f"{self.package} {self.candidate}"


def pending(simulated: str, security_labels: Iterable[str]) -> list[Update]:
    """Read ``apt-get --simulate upgrade``. A version that also comes from a security archive is a security update."""
    labels = tuple(security_labels)
    found = []
    for match in map(INSTALL.match, simulated.splitlines()):
        if match:
            security = any(label in match["origins"] for label in labels)
            found.append(Update(match["name"], match["old"], match["new"], security))
    return found


def orphans(listed: str) -> list[str]:
    """Read ``apt list ?obsolete``: installed packages that no archive has (any more). Replaced kernels are none."""
    names = {line.partition("/")[0] for line in listed.splitlines() if "/" in line}
    return sorted(name for name in names if not name.startswith(("linux-image-", "linux-headers-")))


def is_guarded(package: str, patterns: Iterable[str]) -> bool:
    """Whether the package's own upgrade restarts what only a window may restart."""
    return any(fnmatch.fnmatchcase(package, pattern) for pattern in patterns)


def services_to_restart(needrestart: str) -> list[str]:
    """Read ``needrestart -b``: services that still use code which was replaced."""
    prefix = "NEEDRESTART-SVC: "
    return sorted({line.removeprefix(prefix).strip() for line in needrestart.splitlines() if line.startswith(prefix)})


@dataclass(frozen=True)
class Restarts:
    """Services by what may be done with them now."""

    now: tuple[str, ...]
    window: tuple[str, ...]
    reboot: tuple[str, ...]


def sort_services(services: Iterable[str], guarded: Iterable[str], due: Container[str] = ()) -> Restarts:
    """Divide services: restart now, wait for the window, or only a reboot helps.

    :param due: guarded services whose announced window is now.
    """
    patterns = tuple(guarded)
    now, window, reboot = [], [], []
    for service in services:
        if any(fnmatch.fnmatchcase(service, pattern) for pattern in NEVER):
            reboot.append(service)
        elif service not in due and any(fnmatch.fnmatchcase(service, pattern) for pattern in patterns):
            window.append(service)
        else:
            now.append(service)
    return Restarts(tuple(now), tuple(window), tuple(reboot))


def remember(
    state: Mapping[str, Any], updates: Iterable[Update], now: float
) -> tuple[dict[str, Any], list[tuple[Update, float]]]:
    """Keep since when each update has waited, and for those that are gone how long it took.

    :returns: the new state, and (package, seconds) of security updates that were installed since.
    """
    known: dict[str, dict[str, Any]] = dict(state.get("seen") or {})
    waiting = {update.key: update for update in updates}
    seen = {
        key: known.get(key) or {"since": now, "security": update.security, "installed": update.installed}
        for key, update in waiting.items()
    }
    patched = []
    for key, entry in known.items():
        package, _blank, candidate = key.partition(" ")
        still = any(update.package == package for update in waiting.values())
        if key not in waiting and not still and entry.get("security"):
            patched.append((Update(package, entry["installed"], candidate, True), now - entry["since"]))
    history = [*(state.get("patched") or []), *({"package": u.key, "seconds": s, "at": now} for u, s in patched)]
    return {"seen": seen, "patched": history[-50:], "looked": now}, patched


def since_when(needed: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Return since when each restart has been known, in Unix seconds.

    :param needed: what is to be restarted -> when that was found now.
    :param before: the same as it was kept last time.
    """
    return {what: min(since, before.get(what, since)) for what, since in needed.items()}


def appointment(window: Window, since: float, notice_hours: float, moment: datetime.datetime) -> Span | None:
    """Return the machine's part of the first window that begins so long after a restart was known.

    It is the one that has begun, where the notice has been kept; whoever reads the announcement can rely on it.
    """
    announced = datetime.datetime.fromtimestamp(since, datetime.UTC) + datetime.timedelta(hours=notice_hours)
    current = window.current(moment)
    if current and announced < current.begin:
        return current
    return window.following(max(moment, announced))


def fits(seconds_left: float, needed: float) -> bool:
    """Whether work, or a reboot, fits into what is left: what runs on would meet the neighbour's part of the window."""
    return seconds_left >= needed
