# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of SSH host keys that ssh and Ansible compare with."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.fqdn import fqdn, frontend_fqdn

from .language import names, ssh_keys
from .ledger import Ledger
from .model import Description, of_record

HEADER = "# Written by Ringmaster from allocations.yml; do not edit.\n"


def render(description: Description, ledger: Ledger) -> str:
    """Return a known_hosts file: each host key under every name and address of its machine."""
    lines = [HEADER]
    # Before all others: what stands here is refused under whatever name, also inside a certificate.
    lines += [
        f"@revoked * {ssh_keys.key_blob(key)}\n" for key in description.platform.get("revoked_host_keys") or [] if key
    ]
    for name in sorted(ledger.host_keys, key=names.natural):
        aliases = ",".join(dict.fromkeys(_aliases(description, ledger, name)))
        lines += [f"{aliases} {key}\n" for key in ledger.host_keys[name]]
    return "".join(lines)


def _aliases(description: Description, ledger: Ledger, name: str) -> Iterator[str]:
    yield name
    yield fqdn(name, description.domain)
    for machines in (description.hypervisors, description.machines):
        if name in machines:
            record = machines[name]
            if record.get("fe_ipv4") or record.get("fe_ipv6"):
                yield frontend_fqdn(name, description.domain)
            yield from of_record(record)
            return
    if name in ledger.vm_ids:
        yield frontend_fqdn(name, description.domain)
        yield from ledger.given_ipv4(name)
        for role in ("server", "frontend"):
            yield addresses.ipv6(description.network(role)["ipv6"], ledger.vm_ids[name])
        yield from ledger.confirmed_everything(name)
