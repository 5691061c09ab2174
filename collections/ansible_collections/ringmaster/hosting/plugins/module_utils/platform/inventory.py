# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a platform as plain data: groups and hosts with their variables.

Shared values stand on groups and hosts have flat values, because that is what Ansible handles quickly.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.network import offers
from ansible_collections.ringmaster.hosting.plugins.module_utils.network.zones import is_private
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.fqdn import fqdn, frontend_fqdn

from . import allocation, convergence, dns_owners, dns_records, jobs, packages, roster
from .allocation import gateway
from .firewall_rules import resolve_rules
from .language import load, names, ssh_keys
from .model import Description, Vm
from .schema.common import PERMISSIONS
from .schema.platform import REQUESTS

# Namespace of the UUIDs of VMs; a constant for ever.
UUID_NAMESPACE = uuid.UUID("b3cbf565-5471-4818-8229-39140514104e")

CONNECTION = "ringmaster.hosting.ssh"
"""Reaches every machine; what they answer is bounded and judged there."""


def vm_uuid(project: str, vm: str) -> str:
    """Return the UUID of a VM, which is also its instance-id."""
    return str(uuid.uuid5(UUID_NAMESPACE, f"{project}/{vm}"))


class Inventory:
    """Groups (``hosts``, ``children``, ``vars``) and hosts (variables), ready for JSON."""

    def __init__(self) -> None:
        """Start empty."""
        self.groups: dict[str, dict[str, Any]] = {}
        self.hosts: dict[str, dict[str, Any]] = {}

    def group(self, name: str, **variables: Any) -> dict[str, Any]:
        """Return a group, made if needed, after setting variables."""
        group = self.groups.setdefault(name, {"hosts": [], "vars": {}})
        group["vars"].update(variables)
        return group

    def join(self, host: str, *groups: str) -> None:
        """Put a host into groups."""
        for name in groups:
            self.group(name)["hosts"].append(host)


@load.without_collector()
def build(description: Description) -> Inventory:
    """Resolve a valid description into an inventory."""
    inventory = Inventory()
    inventory.group("all", **_platform_vars(description))
    for name in ("vms", "hypervisors", "machines"):
        # Not for group "all", in which the controller itself is.
        inventory.group(name, ansible_connection=CONNECTION)
    wanted = set(description.options.projects) or set(description.projects)
    for project in description.projects:
        if project in wanted:
            inventory.group(f"project_{project}", **_project_vars(description, project))
    for vm in description.vms.values():
        if vm.project in wanted:
            _add_vm(inventory, description, vm)
    for name in description.orphans():
        if not description.options.projects or names.project_of(name) in wanted:
            _add_orphan(inventory, description, name)
    _add_machines(inventory, description)
    for service, host in (description.platform["services"] or {}).items():
        # A service that nobody has is an empty group: plays for it are passed over, not refused.
        inventory.group(f"service_{service}")
        if host in inventory.hosts:
            inventory.join(host, f"service_{service}")
    if inventory.group("service_dns")["hosts"]:
        _serve_names(inventory, description)
    if inventory.group("service_mail")["hosts"]:
        _send_mail(inventory, description)
    if inventory.group("service_maintenance")["hosts"]:
        _give_turns(inventory)
    inventory.group(
        "service_status",
        ringmaster_incidents=description.incidents,
        ringmaster_projects_without_vms=[
            {"ringmaster_project": name, **_shown_vars(description, name)}
            for name in sorted(description.projects)
            if name in wanted and not description.vms_of(name)
        ],
    )
    for service in REQUESTS:
        inventory.group(
            f"service_{service}", ringmaster_portal_host=(description.platform["portal"] or {})["host"] or ""
        )
    services = inventory.groups["all"]["vars"]["ringmaster_services"].values()
    beside = convergence.beside(description.options.source.parent)
    convergence.add_digests(inventory.groups, inventory.hosts, services, beside)
    return inventory


def _serve_names(inventory: Inventory, description: Description) -> None:
    """Give the name server what it serves, and all VMs the name server."""
    server = inventory.hosts[inventory.groups["service_dns"]["hosts"][0]]
    frontend = [server.get(f"ringmaster_fe_{family}") for family in ("ipv4", "ipv6")]
    inventory.group(
        "service_dns",
        ringmaster_dns_hosts=dns_records.hosts(description, _allocated_addresses, _further),
        ringmaster_dns_records=dns_records.records(description, _allocated_addresses),
        ringmaster_dns_zones=list(description.platform["dns_zones"] or []),
        # Where the Internet asks.
        ringmaster_dns_frontend=[address for address in frontend if address and not is_private(address)],
    )
    found = [server.get(f"ringmaster_srv_{family}") for family in ("ipv4", "ipv6")]
    inventory.group("vms", ringmaster_resolvers=[address for address in found if address])


def _send_mail(inventory: Inventory, description: Description) -> None:
    """Give all machines the one by which mail leaves, and that one whose names are whose."""
    (name,) = inventory.groups["service_mail"]["hosts"]
    inventory.group("service_mail", ringmaster_mail_names=dns_owners.mail_names(description))
    found = offers.addresses_of(inventory.hosts[name])
    if found:
        fqdn_there = inventory.hosts[name]["ringmaster_fqdn"]
        inventory.group("all", ringmaster_mail_out={"name": name, "fqdn": fqdn_there, "address": found[0]})


def _give_turns(inventory: Inventory) -> None:
    """Give all machines the one that says when they may be restarted."""
    (name,) = inventory.groups["service_maintenance"]["hosts"]
    found = offers.addresses_of(inventory.hosts[name])
    if found:
        inventory.group("all", ringmaster_turns={"name": name, "address": found[0]})


def _allocated_addresses(description: Description, vm: Vm) -> dict[str, str]:
    return _addresses(description, vm) if _is_allocated(description, vm) else {}


def _platform_vars(description: Description) -> dict[str, Any]:
    platform = description.platform
    operator_keys = [*(platform["operators"] or []), *description.extra_keys.get("operator", [])]
    result: dict[str, Any] = {
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": _ssh_arguments(description),
        "ringmaster_source": str(description.options.source),
        "ringmaster_platform_dir": str(description.folder),
        "ringmaster_domain": platform["domain"],
        "ringmaster_site": platform["site"],
        "ringmaster_release": platform["release"],
        "ringmaster_timezone": platform["timezone"],
        "ringmaster_networks": {
            role: {
                "ipv4": description.network(role)["ipv4"] or "",
                "ipv4_gateway": gateway(description.network(role), "ipv4"),
                "ipv6": description.network(role)["ipv6"],
                "ipv6_gateway": gateway(description.network(role), "ipv6"),
                "mtu": description.network(role)["mtu"],
            }
            for role in ("frontend", "server")
        }
        | _public_network(description),
        "ringmaster_management_networks": platform["management_networks"],
        "ringmaster_operator_keys": list(dict.fromkeys(operator_keys)),
        "ringmaster_services": {name: host for name, host in platform["services"].items() if host},
        "ringmaster_revoked_host_keys": [ssh_keys.key_blob(key) for key in platform["revoked_host_keys"]],
        "ringmaster_images": {
            name: {key: value for key, value in image.items() if value} for name, image in platform["images"].items()
        },
        "ringmaster_apt_proxy": platform["apt_proxy"] or "",
        # A machine may see it by another address; this is the one that VMs have.
        "ringmaster_package_cache": platform["apt_proxy"] or "",
        "ringmaster_packages_denied": platform["packages_denied"],
        "ringmaster_contacts": platform["contacts"],
        "ringmaster_webhooks": platform["webhooks"],
    }
    key_file = description.options.private_key_file
    if key_file is not None and key_file.is_file():
        result["ansible_ssh_private_key_file"] = str(key_file)
    keys = description.options.key_directory
    if keys is not None and keys.is_dir():
        result["ringmaster_lab_keys"] = str(keys)
    return result


def _public_network(description: Description) -> dict[str, dict[str, Any]]:
    """Return the network of public addresses on the server network as its neighbours are, if there is one."""
    network = description.network("server_public")
    if not network.get("ipv4"):
        return {}
    return {
        "server_public": {
            "ipv4": network["ipv4"],
            "ipv4_gateway": gateway(network, "ipv4"),
            "ipv6": "",
            "ipv6_gateway": "",
            "mtu": description.network("server")["mtu"],
        }
    }


def _ssh_arguments(description: Description) -> str:
    """Return ssh options: host keys are those of the ledger, or the operator's own for machines."""
    known_hosts = known_hosts_path(description)
    # Two files in one value: the blank is escaped for the shell-like splitting; quotes would make Ansible
    # treat the value as unsafe text and show it wrapped.
    arguments = f"-o UserKnownHostsFile={known_hosts}\\ ~/.ssh/known_hosts -o StrictHostKeyChecking=yes"
    key_file = description.options.private_key_file
    if key_file is not None and key_file.is_file():
        arguments += " -o IdentitiesOnly=yes"
    return arguments


def known_hosts_path(description: Description) -> Path:
    """Return the file with the host keys of all machines, which stands beside the ledger."""
    return description.options.ledger.parent / "known_hosts"


def _project_vars(description: Description, project: str) -> dict[str, Any]:
    record = description.projects[project]
    vms = [vm for vm in description.vms_of(project) if _is_allocated(description, vm)]
    resolved = [_addresses(description, vm) for vm in vms]
    generations = description.ledger.secret_generations(project)
    result: dict[str, Any] = {
        "ringmaster_project_service_users": list(record["service_users"]),
        "ringmaster_project_addresses": [
            address
            for vm, found in zip(vms, resolved, strict=True)
            for address in allocation.flat(found, allocation.further_addresses(description.ledger, vm))
        ],
        "ringmaster_project_firewall": {
            "frontend": record["firewall"]["frontend"],
            "allow": resolve_rules(description, project, all_addresses),
        },
        "ringmaster_project_members": [
            {
                "name": vm.name,
                "srv_ipv4": found["srv_ipv4"],
                "srv_ipv6": found["srv_ipv6"],
                "fqdn": fqdn(vm.name, description.domain),
            }
            for vm, found in zip(vms, resolved, strict=True)
        ],
        **_shown_vars(description, project),
        "ringmaster_project_webhooks": record["webhooks"],
        "ringmaster_maintenance": _maintenance(description, record["maintenance"]),
        "ringmaster_maintenance_keep": record["maintenance"].get("keep") or [],
        "ringmaster_maintenance_ignore_checks": record["maintenance"].get("ignore_checks") or [],
        "ringmaster_production": bool(record["production"]),
        "ringmaster_roster": roster.build(description, project),
    }
    if generations:
        result["ringmaster_secret_generations"] = generations
    limits = {name: _limits(one) for name, one in record["service_user_limits"].items()}
    if limits:
        result["ringmaster_service_user_limits"] = limits
    return result


def _shown_vars(description: Description, project: str) -> dict[str, Any]:
    """Return the variables of a project that its status pages show, and who may see them."""
    record = description.projects[project]
    return {
        "ringmaster_project_description": record["description"] or "",
        "ringmaster_project_contacts": record["contacts"],
        "ringmaster_project_checks": record["checks"],
        "ringmaster_status_page": record["status_page"],
        "ringmaster_web_passwords": _web_passwords(description, project),
    }


def _limits(record: dict[str, Any]) -> dict[str, str]:
    """Return resource limits in systemd's notation."""
    sizes = ("memory_high", "memory_max")
    return {name: f"{value}M" if name in sizes else str(value) for name, value in record.items() if value}


def _web_passwords(description: Description, project: str) -> dict[str, dict[str, str]]:
    """Return who may see web pages that ask for a permission: permission to person to hash."""
    result: dict[str, dict[str, str]] = {permission: {} for permission in PERMISSIONS}
    for name, permissions in sorted((description.projects[project]["permissions"] or {}).items()):
        user = description.users.get(name)
        if user is not None and user["state"] == "active" and user["web_password_hash"]:
            for permission in permissions:
                result[permission][name] = user["web_password_hash"]
    return result


def _maintenance(description: Description, record: dict[str, Any]) -> dict[str, Any]:
    """Return what counts for a VM; what is of the project as a whole stands beside it."""
    own = {key: value for key, value in record.items() if key not in ("keep", "ignore_checks") and value is not None}
    return {**own, "timezone": record.get("timezone") or description.platform["timezone"]}


def _is_allocated(description: Description, vm: Vm) -> bool:
    return allocation.is_allocated(description, description.ledger, vm)


def _addresses(description: Description, vm: Vm) -> dict[str, str]:
    return allocation.vm_addresses(description, description.ledger, vm)


def all_addresses(description: Description, vm: Vm) -> list[str]:
    """Return the addresses of a VM; none while it is not allocated."""
    if not _is_allocated(description, vm):
        return []
    further = allocation.further_addresses(description.ledger, vm)
    return allocation.flat(_addresses(description, vm), further)


def _further(description: Description, vm: Vm) -> dict[str, list[str]]:
    """Return the further addresses of a VM by kind; none while it is not allocated."""
    return allocation.further_addresses(description.ledger, vm) if _is_allocated(description, vm) else {}


def _add_vm(inventory: Inventory, description: Description, vm: Vm) -> None:
    variables: dict[str, Any] = {
        "ringmaster_project": vm.project,
        "ringmaster_uuid": vm_uuid(vm.project, vm.name),
        "ringmaster_memory_mib": vm.memory_mib,
        "ringmaster_memory_max_mib": vm.memory_max_mib,
        "ringmaster_cores": vm.cores,
        "ringmaster_disk_gib": vm.disk_gib,
        "ringmaster_swap_mib": vm.swap_mib,
        "ringmaster_tmp_gib": vm.tmp_gib,
        "ringmaster_image": vm.image,
        "ringmaster_fqdn": fqdn(vm.name, description.domain),
        "ringmaster_fe_fqdn": frontend_fqdn(vm.name, description.domain),
        "ringmaster_components": list(vm.components),
        "ringmaster_protected": vm.protected,
        "ringmaster_state": vm.state,
        "ringmaster_backup": vm.backup,
    }
    own_jobs = jobs.of_vm(description, vm)
    if own_jobs:
        variables["ringmaster_jobs"] = own_jobs
    asked = packages.of_vm(description, vm)
    if asked:
        variables["ringmaster_packages"] = asked
    if vm.leaving:
        variables["ringmaster_components_leaving"] = list(vm.leaving)
    if not vm.anti_spoofing:
        variables["ringmaster_anti_spoofing"] = False
    for component, options in vm.components.items():
        variables.update({f"{component}_{option}": value for option, value in options.items()})
    project = description.projects[vm.project]
    if vm.production != bool(project["production"]):
        variables["ringmaster_production"] = vm.production
    if vm.maintenance != project["maintenance"]:
        variables["ringmaster_maintenance"] = _maintenance(description, vm.maintenance)
    if vm.firewall.get("frontend"):
        variables["firewall_frontend"] = vm.firewall["frontend"]
    if vm.delete_after:
        variables["ringmaster_delete_after"] = vm.delete_after
    groups = ["vms", f"project_{vm.project}", f"state_{vm.state}"]
    groups += [f"component_{component}" for component in vm.components]
    if _is_allocated(description, vm):
        hypervisor = description.ledger.placements[vm.name]
        variables.update(_network_vars(description, vm))
        variables["ringmaster_hypervisor"] = hypervisor
        groups.append(f"hypervisor_{hypervisor}_vms")
        if not description.ledger.host_keys.get(vm.name):
            groups.append("without_host_key")
    else:
        groups.append("unallocated")
    inventory.hosts[vm.name] = variables
    inventory.join(vm.name, *(group.replace("-", "_") for group in groups))


def _network_vars(description: Description, vm: Vm) -> dict[str, Any]:
    site = description.platform["site"]
    vm_id = description.ledger.vm_ids[vm.name]
    found = _addresses(description, vm)
    confirmed = description.ledger.confirmed(vm.name)
    former = {kind: confirmed[kind] for kind in confirmed if confirmed[kind] != found[kind]}
    further = allocation.further_addresses(description.ledger, vm)
    had = description.ledger.confirmed_further(vm.name)
    variables: dict[str, Any] = {
        "ansible_host": reach(description, found, vm_id, former),
        "ringmaster_vm_id": vm_id,
        "ringmaster_fe_mac": addresses.mac(site, "fe", vm_id),
        "ringmaster_srv_mac": addresses.mac(site, "srv", vm_id),
        **{f"ringmaster_{name}": value for name, value in found.items()},
        **({f"ringmaster_{kind}": some for kind, some in further.items() if some} if vm.asks_for_further else {}),
    }
    former_further = {kind: had[kind] for kind in had if had[kind] != further[kind]}
    if former or former_further:
        variables["ringmaster_former_addresses"] = {**former, **former_further}
        variables["ringmaster_next_host"] = reach(description, found, vm_id)
    return variables


_SSH_ADDRESS = {"srv4": "srv_ipv4", "srv6": "srv_ipv6", "fe6": "fe_ipv6"}


def reach(description: Description, found: dict[str, str], vm_id: int, former: dict[str, str] | None = None) -> str:
    """Return the address by which Ansible reaches a VM, as option ssh_address says.

    While the VM still has its former address of that kind, it is that one; where the network has moved away from it,
    one of another kind that has not changed.
    """
    kind = _SSH_ADDRESS[description.options.ssh_address]
    if former and kind in former:
        role = "frontend" if kind.startswith("fe") else "server"
        if former[kind] and addresses.contains(description.network(role)[kind[-4:]], former[kind]):
            return former[kind]
        stays = [found[one] for one in ("srv_ipv6", "srv_ipv4", "fe_ipv6", "fe_ipv4") if one not in former]
        if any(stays):
            return next(filter(None, stays))
    return found[kind] or addresses.ipv6(description.network("server")["ipv6"], vm_id)


def _add_orphan(inventory: Inventory, description: Description, name: str) -> None:
    """Add a VM that only the ledger knows: reachable for accounts, in no group that changes anything else."""
    project = names.project_of(name)
    ledger = description.ledger
    vm_id = ledger.vm_ids[name]
    found = {
        "fe_ipv4": ledger.ipv4_frontend.get(name, ""),
        "fe_ipv6": addresses.ipv6(description.network("frontend")["ipv6"], vm_id),
        "srv_ipv4": ledger.ipv4_srv.get(name, ""),
        "srv_ipv6": addresses.ipv6(description.network("server")["ipv6"], vm_id),
    }
    inventory.hosts[name] = {
        "ansible_connection": CONNECTION,
        "ansible_host": reach(description, found, vm_id),
        "ringmaster_project": project,
        "ringmaster_vm_id": vm_id,
        "ringmaster_uuid": vm_uuid(project, name),
        "ringmaster_hypervisor": ledger.placements.get(name, ""),
        "ringmaster_fqdn": fqdn(name, description.domain),
        "ringmaster_fe_fqdn": frontend_fqdn(name, description.domain),
        "ringmaster_orphan": True,
        **{f"ringmaster_{key}": value for key, value in found.items()},
    }
    inventory.join(name, "orphans")
    if project in description.projects:
        inventory.join(name, f"project_{project}")


def _add_machines(inventory: Inventory, description: Description) -> None:
    for name, record in description.hypervisors.items():
        variables = _machine_vars(description, name, record)
        variables.update(
            {
                "ringmaster_pool": record["pool"],
                "ringmaster_bridge_frontend": record["bridge_frontend"],
                "ringmaster_bridge_server": record["bridge_server"],
                "ringmaster_capacity_memory_mib": record["memory"],
                "ringmaster_capacity_disk_mib": record["disk"],
                "ringmaster_accepts_vms": record["accepts_vms"],
                "hypervisor_bridge_ports": record["bridge_ports"],
            }
        )
        variables.update({f"hypervisor_{option}": value for option, value in record["options"].items()})
        inventory.hosts[name] = variables
        inventory.join(name, "hypervisors")
        inventory.group(f"hypervisor_{name}_vms".replace("-", "_"))
    for name, record in description.machines.items():
        inventory.hosts[name] = {
            **_machine_vars(description, name, record),
            **_frontend_vars(description, name, record),
        }
        inventory.join(name, "machines")


def _frontend_vars(description: Description, name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return what a machine that is connected to the platform's networks has beside others."""
    keys = ("fe_ipv4", "fe_ipv6", "fe_interface", "srv_interface")
    found = {f"ringmaster_{key}": record[key] for key in keys if record[key]}
    if record["fe_ipv4"] or record["fe_ipv6"]:
        found["ringmaster_fe_fqdn"] = frontend_fqdn(name, description.domain)
    return found


def _machine_vars(description: Description, name: str, record: dict[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = {
        "ansible_host": record["address"],
        "ringmaster_fqdn": fqdn(name, description.domain),
        "ringmaster_srv_ipv4": record["srv_ipv4"] or "",
        "ringmaster_srv_ipv6": record["srv_ipv6"] or "",
    }
    if record["connection"] == "local":
        variables["ansible_connection"] = "local"
    if record["apt_proxy"]:
        variables["ringmaster_apt_proxy"] = record["apt_proxy"]
    return variables
