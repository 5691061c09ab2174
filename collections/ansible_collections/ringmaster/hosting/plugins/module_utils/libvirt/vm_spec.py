# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the host variables of a VM to the specification that the modules on the hypervisor take.

Runs on the controller. The seed holds what a VM needs at its first boot, twice: in the format of
cloud-init, for any cloud image, and in the folder ``ringmaster/``, which our own image reads.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import networkd
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses

_NICS = (("ethfe", "fe"), ("ethsrv", "srv"))
BRIDGES = {"ethfe": "br-fe", "ethsrv": "br-srv"}


def _need(host_vars: Mapping[str, Any], name: str) -> Any:
    try:
        return host_vars[name]
    except KeyError:
        raise HypervisorError(f"variable {name} is missing; the inventory of the platform sets it") from None


def _addresses(host_vars: Mapping[str, Any], network: str) -> list[str]:
    """Return what a card may send from: its addresses, and until the guest has confirmed these its former ones, too."""
    former = {
        f"ringmaster_{kind}": value for kind, value in (host_vars.get("ringmaster_former_addresses") or {}).items()
    }
    return list(dict.fromkeys([*addresses.of_machine(host_vars, network), *addresses.of_machine(former, network)]))


def authorized_keys(keys: Sequence[str], management_networks: Sequence[str]) -> str:
    """Write root's authorized_keys: the operators' keys, accepted from the management networks only."""
    limit = f'from="{",".join(management_networks)}" ' if management_networks else ""
    return "".join(f"{limit}{key.strip()}\n" for key in keys)


def _yaml(data: Any) -> str:
    """JSON is YAML, and stays the same text on every controller."""
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def network_config(interfaces: Sequence[networkd.Interface]) -> dict[str, Any]:
    """Build cloud-init's network configuration (version 2): addresses and default routes by MAC."""
    ethernets: dict[str, Any] = {}
    routed: set[int] = set()
    for port in interfaces:
        entry: dict[str, Any] = {
            "match": {"macaddress": port.mac},
            "set-name": port.name,
            "mtu": port.mtu,
            "dhcp4": False,
            "dhcp6": False,
            "accept-ra": False,
            "addresses": [f"{address.address}/{address.prefix_length}" for address in port.addresses],
        }
        # One default route per family: on ethfe if it has an address of that family, else on ethsrv.
        routes = []
        for address in port.addresses:
            if address.gateway and address.version not in routed:
                routed.add(address.version)
                routes.append({"to": "0.0.0.0/0" if address.version == 4 else "::/0", "via": address.gateway})
        if routes:
            entry["routes"] = routes
        ethernets[port.name] = entry
    return {"version": 2, "ethernets": ethernets}


def seed_files(name: str, host_vars: Mapping[str, Any]) -> dict[str, str]:
    """Build the files of the seed, path to text."""
    uuid = str(_need(host_vars, "ringmaster_uuid"))
    fqdn = str(_need(host_vars, "ringmaster_fqdn"))
    keys = authorized_keys(
        _need(host_vars, "ringmaster_operator_keys"), _need(host_vars, "ringmaster_management_networks")
    )
    user_data = {
        "hostname": name,
        "fqdn": fqdn,
        "prefer_fqdn_over_hostname": False,
        "manage_etc_hosts": True,
        "ssh_pwauth": False,
        "disable_root": False,
        "disable_root_opts": "",
        "ssh_genkeytypes": ["ed25519"],
        "users": [{"name": "root", "lock_passwd": True, "ssh_authorized_keys": keys.splitlines()}],
    }
    files = {
        "meta-data": _yaml({"instance-id": uuid, "local-hostname": name}),
        "user-data": "#cloud-config\n" + _yaml(user_data),
        "network-config": _yaml(network_config(networkd.interfaces(host_vars))),
        "ringmaster/instance-id": f"{uuid}\n",
        "ringmaster/hostname": f"{fqdn}\n",
        "ringmaster/authorized_keys": keys,
    }
    for path, text in networkd.render(host_vars).items():
        files[f"ringmaster/network/{path}"] = text
    return files


def vm_spec(host_vars: Mapping[str, Any], image: str, bridges: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Build the specification of one VM.

    :param image: name of the base image's volume.
    :param bridges: bridge of each network card's role, where it is another one than BRIDGES says.
    :raises HypervisorError: naming the VM and the variable that is missing or wrong.
    """
    name = str(_need(host_vars, "inventory_hostname"))
    state = str(host_vars.get("ringmaster_state", "running"))
    try:
        networks = _need(host_vars, "ringmaster_networks")
        mtus = {"fe": networks["frontend"].get("mtu"), "srv": networks["server"].get("mtu")}
        return {
            "name": name,
            "uuid": str(_need(host_vars, "ringmaster_uuid")),
            "project": str(_need(host_vars, "ringmaster_project")),
            "vm_id": int(_need(host_vars, "ringmaster_vm_id")),
            "hypervisor": str(_need(host_vars, "ringmaster_hypervisor")),
            "memory_mib": int(_need(host_vars, "ringmaster_memory_mib")),
            "memory_max_mib": int(_need(host_vars, "ringmaster_memory_max_mib")),
            "cores": int(_need(host_vars, "ringmaster_cores")),
            "image": image,
            "root_gib": int(_need(host_vars, "ringmaster_disk_gib")),
            "swap_mib": int(_need(host_vars, "ringmaster_swap_mib")),
            "tmp_gib": int(_need(host_vars, "ringmaster_tmp_gib")),
            "nics": [
                {
                    "role": role,
                    "mac": str(_need(host_vars, f"ringmaster_{network}_mac")).lower(),
                    "bridge": {**BRIDGES, **(bridges or {})}[role],
                    "mtu": int(mtus[network] or networkd.MTU),
                    "anti_spoofing": bool(host_vars.get("ringmaster_anti_spoofing", True)),
                    "addresses": [str(ipaddress.ip_address(one)) for one in _addresses(host_vars, network)],
                }
                for role, network in _NICS
            ],
            "state": state,
            # A VM that is not to run does not come up with its hypervisor either.
            "autostart": state == "running",
            "delete_after": str(host_vars.get("ringmaster_delete_after", "")),
            "protected": bool(host_vars.get("ringmaster_protected", False)),
            "seed": seed_files(name, host_vars),
        }
    except (HypervisorError, ValueError, KeyError) as error:
        raise HypervisorError(f"VM {name}: {error}") from error
