# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of platform.yml: domain, networks, machines and services."""

from __future__ import annotations

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sealing

from ..language import checks, ssh_keys
from ..language.containers import Key, ListOf, MapOf, Record
from ..language.types import Anything, Boolean, Choice, Integer, Name, Size, Text
from .common import DEFAULTS, DNS_RECORDS, DOMAIN, EMAIL, FULL_NAME, IPV4, RELEASES, SSH_KEY, TIMEZONE, URL

APPROVABLE = (
    *("order_vm", "change_vm", "remove_component", "stop_vm", "start_vm", "retire_vm", "rotate_secret"),
    *("set_permissions", "invite_user", "add_service_user", "remove_service_user", "change_project"),
    *("restart_vm", "snapshot_vm", "backup_now", "restore_files", "restore_component"),
)
"""Verbs that people may do without an operator, unless the description says otherwise."""
APPROVERS = ("manager", "operator")
SERVICES = ("gateway", "dns", "monitoring", "status", "backup", "mail", "maintenance", "portal", "steward")

REQUESTS = ("portal", "steward")
"""Services that take requests and work through them."""


def _places(service: str) -> str:
    return "a machine" if service in REQUESTS else "a hypervisor, a machine or a VM of project `platform`"


_INTERFACE = Text("a network interface, at most 15 characters", pattern=r"^[a-z][a-z0-9._-]{0,14}$")
_IPV6 = Text("an IPv6 address", check=checks.ipv6_address)


def _sealing_key(text: str) -> str:
    """Say what is wrong with the public half of the sealing key."""
    return str(sealing.problem(text) or ssh_keys.ssh_key(text))


SEALING_KEY = Text("a line of an OpenSSH .pub file: RSA with 3072 bits or more", check=_sealing_key, most=8192)

NETWORK = Record(
    "network",
    (
        Key(
            "ipv4",
            Text("an IPv4 network such as 172.20.0.0/22", check=checks.ipv4_network),
            "IPv4 network. Without it there is no IPv4 here.",
        ),
        Key("ipv4_gateway", IPV4, "IPv4 address of the gateway.", default_text="the network's first address"),
        Key(
            "ipv4_pool",
            Text("a range such as 172.20.1.1-172.20.3.254", check=checks.ipv4_range),
            "Addresses that VMs may get. Keep the rest for machines.",
            default_text="the whole network",
        ),
        Key(
            "ipv6",
            Text("an IPv6 network such as 2001:db8:3::/64", check=checks.ipv6_network),
            "IPv6 network. The host part of every VM is its id, from ::1000 on.",
            required=True,
            example="2001:db8:3::/64",
        ),
        Key("ipv6_gateway", _IPV6, "IPv6 address of the gateway.", default_text="the network's first address"),
        Key("mtu", Integer(1280, 9216), "Largest packet in bytes.", default=1500),
    ),
)

PUBLIC_NETWORK = Record(
    "public network",
    (
        Key(
            "ipv4",
            Text("an IPv4 network such as 203.0.113.0/24", check=checks.ipv4_network),
            "IPv4 network that is routed to the server network.",
            required=True,
            example="203.0.113.0/24",
        ),
        *(NETWORK.by_name[name] for name in ("ipv4_gateway", "ipv4_pool")),
    ),
)

NETWORKS = Record(
    "networks",
    (
        Key("frontend", NETWORK, "The network that faces the Internet (interface ethfe).", required=True),
        Key("server", NETWORK, "The network between VMs and services (interface ethsrv).", required=True),
        Key(
            "server_public",
            PUBLIC_NETWORK,
            "Public IPv4 addresses on the server network, for VMs with `server_public_ipv4`.",
        ),
    ),
)

_HOST_KEYS = (
    Key(
        "address",
        Text("an IP address", check=checks.address),
        "Address by which Ansible reaches the machine.",
        required=True,
        example="10.77.0.10",
    ),
    Key(
        "connection",
        Choice(("ssh", "local")),
        "`local` when the machine is the controller itself.",
        default="ssh",
    ),
    Key("srv_ipv4", IPV4, "Its IPv4 address on the server network."),
    Key("srv_ipv6", _IPV6, "Its IPv6 address on the server network; host part below ::1000."),
    Key("apt_proxy", URL, "Package cache as seen from this machine.", default_text="the platform's"),
)

HYPERVISOR = Record(
    "hypervisor",
    (
        *_HOST_KEYS,
        Key("memory", Size(1024), "Memory that may be promised to VMs.", required=True, example="16GiB"),
        Key("disk", Size(1024), "Disk space that may be promised to VMs.", required=True, example="200GiB"),
        Key("accepts_vms", Boolean(), "Whether new VMs may be placed here.", default=True),
        Key(
            "pool",
            Text("the name of a libvirt storage pool", pattern=r"^[a-z][a-z0-9_-]{0,30}$"),
            "libvirt storage pool for the disks, of type dir, fs or netfs. A missing one is made in a folder.",
            default="ringmaster",
        ),
        Key("bridge_frontend", _INTERFACE, "Bridge of the frontend network.", default="br-fe"),
        Key("bridge_server", _INTERFACE, "Bridge of the server network.", default="br-srv"),
        Key(
            "bridge_ports",
            MapOf(_INTERFACE, _INTERFACE),
            "Interface behind each bridge; `eno1.12` is made as VLAN 12 of `eno1`.",
            default={},
            example="{br-fe: eno2, br-srv: eno3}",
        ),
        Key(
            "options",
            Anything("a map: variables of role hypervisor without the prefix"),
            "Further variables of role `hypervisor`.",
            default={},
        ),
    ),
)

MACHINE = Record(
    "machine",
    (
        *_HOST_KEYS,
        Key(
            "srv_interface",
            _INTERFACE,
            "Its interface on the server network. With it, addresses and routes there are set, and it is closed to "
            "everybody but for what VMs and the Internet are offered.",
            default_text="left as it is",
        ),
        Key("fe_ipv4", IPV4, "Its IPv4 address on the frontend, where the Internet asks its services."),
        Key("fe_ipv6", _IPV6, "Its IPv6 address on the frontend; host part below ::1000."),
        Key(
            "fe_interface",
            _INTERFACE,
            "Its interface on the frontend; needed with an address there. Closed but for what everybody is offered.",
        ),
    ),
)

IMAGE = Record(
    "image",
    (
        Key("build", Choice(RELEASES), "Build our own image of this Debian release."),
        Key("url", URL, "Or fetch a cloud image from here."),
        Key("path", Text("an absolute path", pattern=r"^/[^\s]+$"), "Or take a file on the controller."),
        Key(
            "sha512",
            Text("128 hexadecimal digits", pattern=r"^[0-9a-f]{128}$"),
            "Digest of the file; needed with `url`.",
        ),
    ),
)

PORTAL = Record(
    "portal",
    (
        Key("host", DOMAIN, "Host name of the portal, which nobody else has.", example="my.ringmaster.example"),
        Key(
            "operators",
            ListOf(Name("person", refers=True)),
            "People who may do everything by verbs, and whose consent counts where an operator's is needed.",
            default=[],
            example="[alice]",
        ),
        Key(
            "sign_up",
            Choice(("invited", "open", "closed")),
            "Who may ask for an account: `invited` people only, everybody (`open`), or nobody (`closed`).",
            default="invited",
        ),
        Key(
            "approvals",
            MapOf(Choice(APPROVABLE), Choice(APPROVERS)),
            "Verbs that a manager may do only with the consent of another `manager`, or of an `operator`.",
            default={},
            example="{retire_vm: manager, order_vm: operator}",
        ),
        Key(
            "wheel",
            Choice(APPROVERS),
            "Who lets people become root on VMs: an `operator`, or a `manager` of the project who is root there, too.",
            default="operator",
        ),
    ),
    "What people may do by themselves: see [who may do what](../policy.md).",
)

PLATFORM = Record(
    "platform.yml",
    (
        Key(
            "domain",
            DOMAIN,
            "Domain of all names: `<vm>.<domain>`.",
            required=True,
            example="ringmaster.example",
        ),
        Key(
            "site",
            Integer(0, 255),
            "Number of this site; part of every MAC address.",
            required=True,
            example="1",
        ),
        Key("release", Choice(RELEASES), "Debian release of VMs and machines.", default="trixie"),
        Key("timezone", TIMEZONE, "Time zone of VMs and of maintenance windows.", default="Etc/UTC"),
        Key("networks", NETWORKS, "The two networks every VM is in.", required=True),
        Key(
            "management_networks",
            ListOf(
                Text("a network prefix", check=checks.network),
                filled="Ansible and all operators could log in to no machine as root any more",
                hint="name the network from which Ansible runs",
            ),
            "Networks from which operators, that is Ansible, may log in as root.",
            required=True,
            example="[10.77.0.0/24]",
        ),
        Key("operators", ListOf(SSH_KEY), "SSH keys with which Ansible logs in as root.", required=True),
        Key(
            "revoked_host_keys",
            ListOf(SSH_KEY),
            "SSH host keys, of VMs or machines, that nobody may trust any more. All machines and Ansible refuse them.",
            default=[],
        ),
        Key("hypervisors", MapOf(Name("machine"), HYPERVISOR), "Machines that run VMs.", default={}),
        Key("machines", MapOf(Name("machine"), MACHINE), "Other machines, for services.", default={}),
        Key(
            "services",
            Record(
                "services",
                tuple(
                    Key(
                        name,
                        Name("machine", refers=True),
                        f"Where `{name}` runs: {_places(name)}.",
                    )
                    for name in SERVICES
                ),
            ),
            "Which machine runs which service of the platform.",
            default={},
        ),
        Key(
            "images",
            MapOf(Text("a word", pattern=r"^[a-z][a-z0-9-]{0,30}$"), IMAGE),
            "Images that VMs can start from; `default` is used when a VM names none.",
            default={"default": {"build": "trixie"}},
        ),
        Key("dns_zones", ListOf(DOMAIN), "Domains served by `services.dns`, beside the platform's own.", default=[]),
        Key(
            "dns_owners",
            MapOf(FULL_NAME, ListOf(Name("project", refers=True), one_is_enough=True)),
            "Whole names, each with the projects that may use it and what lies below it; the longest one counts. "
            "What lies below `<project>.<domain>`, and below the names of its VMs, is a project's anyway.",
            default={},
            example="{shop.example: shop, www.ringmaster.example: [myapp]}",
        ),
        DNS_RECORDS,
        Key("portal", PORTAL, "What people may do by themselves, and who the operators are.", default={}),
        Key(
            "sealing_key",
            SEALING_KEY,
            "Public key to which people seal secret values: see [proofs](proofs.md#secret-values).",
        ),
        Key(
            "packages_denied",
            MapOf(
                Text("the name of a Debian package, or a pattern with *", pattern=r"^[a-z0-9*][a-z0-9+.*-]*$"), Text()
            ),
            "Packages that no project may have, beside those that come in the place of what the platform sets up, each "
            "with the reason that people read.",
            default={},
            example='{"docker*": our containers run elsewhere}',
        ),
        Key("apt_proxy", URL, "Package cache for all VMs and machines."),
        Key("contacts", ListOf(EMAIL), "Who is told about trouble anywhere on the platform.", default=[]),
        Key("webhooks", ListOf(URL), "Where all alerts are posted, as Alertmanager does.", default=[]),
        Key("defaults", DEFAULTS, "Sizes for VMs that give none.", default={}),
    ),
    "Domain, networks, machines and services of the platform.",
)
