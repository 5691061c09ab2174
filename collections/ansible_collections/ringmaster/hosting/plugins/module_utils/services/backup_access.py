# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: where each machine's repository is, and the two passwords that open it."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.backup import COMPONENT, KEPT
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.secret import derive, generation

CA_FILE = "/etc/ringmaster/certificates/ca.pem"
#: Machines that are no VM belong to no project; their secrets are those of a project that can have no VM of their name.
PLATFORM = "platform"
#: So many generations of a repository's password may have passed since the backup machine was last converged.
OLDER = 5


@dataclass(frozen=True)
class Access:
    """What opens a repository: ``access_password`` the backup machine, ``password`` the repository itself."""

    repository: str
    username: str
    access_password: str
    password: str
    ca: str = CA_FILE


def server_address(server: Mapping[str, Any]) -> str:
    """Return the address that takes backups: on the server network, else the one that Ansible uses."""
    for name in ("ringmaster_srv_ipv4", "ringmaster_srv_ipv6", "ansible_host"):
        if server.get(name):
            return str(server[name])
    raise ValueError(f"the backup machine {server.get('inventory_hostname')} has no address")


def access(machine: Mapping[str, Any], platform_secret: str, server: Mapping[str, Any], port: int) -> Access:
    """Return the access of a machine; both are given by their host variables."""
    name = str(machine["inventory_hostname"])
    address = server_address(server)
    host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    return Access(
        f"rest:https://{host}:{port}/{name}/",
        name,
        _derived(machine, platform_secret, "access"),
        _derived(machine, platform_secret, "repository"),
    )


def _derived(machine: Mapping[str, Any], platform_secret: str, what: str, back: int = 0) -> str:
    return derive(
        platform_secret,
        project=str(machine.get("ringmaster_project") or PLATFORM),
        vm=str(machine["inventory_hostname"]),
        component=COMPONENT,
        object_name=what,
        generation=generation(machine, COMPONENT, what) - back,
    )


def repositories(machines: Iterable[Mapping[str, Any]], platform_secret: str) -> tuple[list[dict[str, Any]], str]:
    """Return what the backup machine keeps for each machine, and the text of its password file.

    The passwords have 190 bits from a key derivation, so that a plain SHA-1, which the server checks in no time, gives
    nothing away; slow hashes are for passwords that people choose.
    """
    found: list[dict[str, Any]] = []
    lines = []
    for machine in sorted(machines, key=lambda one: str(one["inventory_hostname"])):
        kept = machine.get("ringmaster_backup") or {"wanted": True}
        if not kept.get("wanted"):
            continue
        name = str(machine["inventory_hostname"])
        keep = {period: int(kept.get(f"keep_{period}") or number) for period, number in KEPT.items()}
        # A repository opens with its old password until it was given the new one.
        older = range(1, min(generation(machine, COMPONENT, "repository"), OLDER + 1))
        found.append(
            {
                "name": name,
                "password": _derived(machine, platform_secret, "repository"),
                "older_passwords": [_derived(machine, platform_secret, "repository", back) for back in older],
                "keep": keep,
            }
        )
        digest = hashlib.sha1(_derived(machine, platform_secret, "access").encode(), usedforsecurity=False).digest()
        lines.append(f"{name}:{{SHA}}{base64.b64encode(digest).decode()}\n")
    return found, "".join(lines)
