# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is not read at present: a set of the packet filter that Prometheus's packets are held against.

Prometheus sees refused connections, as of a machine that is down; it needs no new configuration, and loses nothing of
what it has. All that is known is published for the check.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ringmaster.core import files
from ringmaster.series.accounting import Endpoints

TABLE = "inet ringmaster_series"
DAY = 86400.0


@dataclass(frozen=True)
class Cut:
    """A machine that is not read: how many series it had made, and until when, in seconds since 1970."""

    series: int
    until: float


def held(before: Mapping[str, Cut], over: Mapping[str, int], now: float, seconds: float = DAY) -> dict[str, Cut]:
    """Return who is not read from now on: who is over the limit, for a while, and who was before and still is."""
    kept = {name: cut for name, cut in before.items() if cut.until > now}
    return kept | {name: Cut(number, now + seconds) for name, number in over.items() if name not in kept}


def script(endpoints: Endpoints, names: Iterable[str]) -> str:
    """Return what nft is to do, as one change: the sets hold the exporters of these machines, and nothing else."""
    elements: dict[int, set[str]] = {4: set(), 6: set()}
    for name in names:
        for address, port in endpoints.get(name, ()):
            parsed = ipaddress.ip_address(address)
            elements[parsed.version].add(f"{parsed} . {port}")
    lines = []
    for version, wanted in elements.items():
        lines.append(f"flush set {TABLE} ipv{version}")
        if wanted:
            lines.append(f"add element {TABLE} ipv{version} {{ {', '.join(sorted(wanted))} }}")
    return "\n".join(lines) + "\n"


def apply(text: str) -> None:
    """Let nft do a script; raises CalledProcessError where it cannot, as when somebody has removed the table."""
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)


def publish(path: Path, cuts: Mapping[str, Cut], limit: int, now: float) -> None:
    """Write for the check who is not read, and when that was decided."""
    machines = {name: {"series": cut.series, "until": cut.until} for name, cut in sorted(cuts.items())}
    files.publish(path, json.dumps({"at": now, "limit": limit, "cut": machines}) + "\n")
