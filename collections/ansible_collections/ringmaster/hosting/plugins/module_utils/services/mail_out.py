# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may send mail through the platform, and as whom, from the description: the rules that role mail_out writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.network import offers
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.addresses import is_address, of_machine

Host = Mapping[str, Any]
PLATFORM = "platform"
LOOPBACK = ("127.0.0.1", "::1")


def rules(hostvars: Mapping[str, Host], name: str, vms: Sequence[str], machines: Sequence[str]) -> dict[str, Any]:
    """Return ``{clients, names, readers}`` for the machine ``name`` of service ``mail``.

    ``clients`` has who hands in mail, by address: ``{name, parties, kind}``. ``names`` has who may write as addresses
    at a name and below it, the longest name counts: a VM or machine, or ``@project``. ``readers`` has who reads mail
    to a machine that takes none: the project's contacts, else the operators' (``ringmaster_contacts``).

    :param vms: names of VMs; those without addresses are passed over.
    :param machines: names of hypervisors and service machines.
    """
    host = hostvars[name]
    operators = [str(one) for one in host.get("ringmaster_contacts") or []]
    clients: dict[str, dict[str, Any]] = {}
    names: dict[str, set[str]] = {str(host["ringmaster_domain"]): {f"@{PLATFORM}"}}
    readers: dict[str, list[str]] = {}
    for project, given in (host.get("ringmaster_mail_names") or {}).items():
        for one in given:
            names.setdefault(one, set()).add(f"@{project}")
    for vm in vms:
        variables = hostvars[vm]
        project = str(variables["ringmaster_project"])
        client = {"name": vm, "parties": [vm, f"@{project}"], "kind": "machine" if project == PLATFORM else "vm"}
        clients |= dict.fromkeys(of_machine(variables, "srv"), client)
        contacts = [str(one) for one in variables.get("ringmaster_project_contacts") or []] or operators
        for full in (variables["ringmaster_fqdn"], variables["ringmaster_fe_fqdn"]):
            names[full] = {vm}
            if "mailserver" not in (variables.get("ringmaster_components") or []) and contacts:
                readers[full] = contacts
    for machine in machines:
        client = {"name": machine, "parties": [machine, f"@{PLATFORM}"], "kind": "machine"}
        found = [*offers.addresses_of(hostvars[machine]), hostvars[machine].get("ansible_host")]
        clients |= dict.fromkeys((str(one) for one in found if one and is_address(str(one))), client)
        full = str(hostvars[machine]["ringmaster_fqdn"])
        names[full] = {machine}
        if operators:
            readers[full] = operators
    own = {"name": name, "parties": [name, f"@{PLATFORM}"], "kind": "machine"}
    clients |= dict.fromkeys(LOOPBACK, own)
    return {
        "clients": dict(sorted(clients.items())),
        "names": {one: sorted(parties) for one, parties in sorted(names.items())},
        "readers": dict(sorted(readers.items())),
    }
