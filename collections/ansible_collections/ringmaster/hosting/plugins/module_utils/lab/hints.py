# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told at the end of `make up`: how to log in, and which pages to open. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.forward import OPERATOR, Forward
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.links import DEFAULT_LAB, Link

MOST_NAMED = 3
"""People of a VM who are named."""


def words(lab: str, platform: Path, root: Path) -> str:
    """Return what `make` needs to be told of a lab besides a target: nothing for the usual one.

    :param root: the checkout, whose example platform is the usual one.
    """
    shown = platform.relative_to(root) if platform.is_relative_to(root) else platform
    given = {
        "LAB": "" if lab == DEFAULT_LAB else lab,
        "PLATFORM": "" if shown == Path("example/platform") else str(shown),
    }
    return "".join(f" {name}={shlex.quote(value)}" for name, value in given.items() if value)


def logins(inventory: Mapping[str, Any], keys: Collection[str], given: str) -> list[str]:
    """Return a line for each VM: how somebody logs in who may do so there now.

    :param keys: names of people whose private key the lab has.
    :param given: from :func:`words`.
    """
    unallocated = inventory.get("unallocated", {}).get("hosts", [])
    stopped = inventory.get("state_stopped", {}).get("hosts", [])
    lines = []
    for vm in sorted({*inventory.get("vms", {}).get("hosts", [])} - {*unallocated}):
        people = [one for one in _who_may(inventory["_meta"]["hostvars"][vm]) if one in keys]
        if vm in stopped:
            lines.append(f"{vm} is described as stopped")
        elif people:
            lines.append(f"make ssh{given} VM={vm} AS={people[0]}{_others(people[1:])}")
        else:
            lines.append(f"make ssh{given} VM={vm} AS={OPERATOR}   # root; nobody of its project may log in")
    return lines


def _who_may(host: Mapping[str, Any]) -> list[str]:
    people = host.get("ringmaster_roster", {}).get("people", [])
    return [one["name"] for one in people if one["state"] == "active" and "login" in one["permissions"]]


def requests(inventory: Mapping[str, Any], keys: Collection[str], given: str) -> list[str]:
    """Return a line that shows how somebody asks for a change, where somebody may; nothing without a steward.

    :param keys: names of people whose private key the lab has.
    :param given: from :func:`words`.
    """
    hostvars = inventory["_meta"]["hostvars"]
    if not inventory.get("service_steward", {}).get("hosts"):
        return []
    for vm in sorted(inventory.get("vms", {}).get("hosts", [])):
        for one in hostvars[vm].get("ringmaster_roster", {}).get("people", []):
            if one["name"] in keys and one["state"] == "active" and "manager" in one["permissions"]:
                wish = f"order-vm --project {hostvars[vm]['ringmaster_project']} --wait"
                return [f'make ringctl{given} AS={one["name"]} CMD="{wish}"']
    return []


def _others(names: Sequence[str]) -> str:
    """Return a comment of the shell with who else may."""
    if not names:
        return ""
    more = len(names) - MOST_NAMED
    return f"   # or {', '.join(names[:MOST_NAMED])}" + (f" and {more} more" if more > 0 else "")


def pages(links: Sequence[Link], opened: Forward, given: str, way_here: str) -> list[str]:
    """Return the lines that tell which pages can be opened, and how to reach them from elsewhere.

    :param way_here: from :func:`way_here`.
    """
    found: list[tuple[str, str]] = []
    for link in links:
        url = f"http://{link.name}.localhost:{opened.ports[link.name]}"
        found.append((f"{url}/", link.what))
        if link.operators:
            found.append((f"{url}{link.operators}", f"{link.what_operators}: user {OPERATOR},"))
            found.append(("", _password(opened, given)))
    width = max((len(url) for url, _what in found), default=0)
    tunnels = " ".join(f"-L {port}:127.0.0.1:{port}" for port in opened.ports.values())
    return [
        "Open in a browser on this machine:",
        *(f"  {url:{width}}  {what}" for url, what in found),
        "From a laptop, the same addresses, while this runs there:",
        f"  ssh -N {tunnels} {way_here}",
        "If a browser insists on https or does not find the names: the same with 127.0.0.1 in place of the name.",
    ]


def _password(opened: Forward, given: str) -> str:
    if opened.password:
        return f"password {opened.password} (printed this once, and kept nowhere)"
    return f"password as printed when it was made; 'make open{given} PASSWORD=new' makes another"


def way_here(environment: Mapping[str, str], host_name: str) -> str:
    """Return what somebody elsewhere gives to ssh to come here: as this session came, or a guess."""
    user = environment.get("SUDO_USER") or environment.get("USER") or "root"
    came = environment.get("SSH_CONNECTION", "").split()
    if len(came) != 4:
        return shlex.quote(f"{user}@{host_name}")
    port = [] if came[3] == "22" else ["-p", came[3]]
    return shlex.join([*port, f"{user}@{came[2]}"])
