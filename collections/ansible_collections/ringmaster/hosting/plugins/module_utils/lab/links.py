# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pages of a lab a browser on this machine can open, under which names: pure, from the inventory.

A further page, such as that of a portal, is a function here that returns its ``Link``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.plan import OUTSIDE_ADDRESS

DEFAULT_LAB = "ringmaster-lab"
OUTSIDE = OUTSIDE_ADDRESS.partition("/")[0]
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")

Host = Mapping[str, Any]


@dataclass(frozen=True)
class Link:
    """A site in the lab, and the name that a browser on this machine has for it."""

    name: str
    """Without the final ``.localhost``."""
    what: str
    host: str
    """The site's own name, for its certificate and its web server."""
    address: str
    source: str = ""
    """The lab's address that asks; that of the Internet sees what the Internet sees."""
    operators: str = ""
    """Path of pages that are for operators. Who gives their password is asked for from a management network."""
    operators_address: str = ""
    what_operators: str = ""
    is_verified: bool = True
    """Whether its certificate comes from a CA."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser may call it. Other names get no answer: strangers could point their own to this machine."""
        return (f"{self.name}.localhost", "localhost", "127.0.0.1", "[::1]")


def of(inventory: Mapping[str, Any], lab: str) -> list[Link]:
    """Return the links of a lab; none for what is not described, not allocated yet, or not running.

    :param inventory: as ansible-inventory lists it.
    """
    return [*_status(inventory, lab), *_webmail(inventory, lab), *portal(inventory, lab)]


def portal(inventory: Mapping[str, Any], lab: str) -> Iterator[Link]:
    """Yield the link to where people ask for changes, which is how ``ringctl`` gets there as well."""
    for host in _there(inventory, "service_portal")[:1]:
        asked = _from_outside(host)
        if asked:
            yield Link(
                name=_name("my", lab),
                what="portal: order, change and see VMs (ringctl asks here, too)",
                host=_host_name(host.get("ringmaster_portal_host"), f"my.{host['ringmaster_domain']}"),
                **asked,
            )


def _status(inventory: Mapping[str, Any], lab: str) -> Iterator[Link]:
    for host in _there(inventory, "service_status")[:1]:
        asked = _from_outside(host)
        if asked:
            yield Link(
                name=_name("status", lab),
                what="status pages",
                host=_host_name(host.get("status_hostname"), f"status.{host['ringmaster_domain']}"),
                operators="/all/",
                operators_address=str(host["ansible_host"]),
                what_operators="all projects and machines, for operators",
                is_verified=host.get("status_certificate_source") != "selfsigned",
                **asked,
            )


def _webmail(inventory: Mapping[str, Any], lab: str) -> Iterator[Link]:
    for host in _there(inventory, "component_mailserver"):
        asked = _from_outside(host)
        if asked and host.get("mailserver_webmail", True):
            yield Link(
                name=_name(f"webmail-{host['inventory_hostname']}", lab),
                what=f"webmail of {host['inventory_hostname']}",
                host=_host_name(host.get("mailserver_hostname"), host["ringmaster_fe_fqdn"]),
                is_verified=host.get("mailserver_certificate") != "selfsigned",
                **asked,
            )


def _there(inventory: Mapping[str, Any], group: str) -> list[Host]:
    """Return the hosts of a group that exist and run, each with its name."""

    def members(name: str) -> list[str]:
        return list(inventory.get(name, {}).get("hosts", []))

    missing = {*members("unallocated"), *members("state_stopped")}
    hostvars = inventory["_meta"]["hostvars"]
    return [{**hostvars[name], "inventory_hostname": name} for name in sorted({*members(group)} - missing)]


def _from_outside(host: Host) -> dict[str, Any]:
    """Return a host's address for people outside, and who asks there; nothing when it has none.

    A machine without one on the frontend network is asked at its management address, in the name of the Internet.
    """
    for key in ("ringmaster_fe_ipv4", "ringmaster_fe_ipv6", "ansible_host"):
        try:
            address = ipaddress.ip_address(str(host.get(key) or ""))
        except ValueError:
            continue
        return {"address": str(address), "source": OUTSIDE if address.version == 4 else ""}
    return {}


def _host_name(given: object, usual: str) -> str:
    """Return a name of the description where it is one, and no expression of Ansible's."""
    return given if isinstance(given, str) and HOST_NAME.fullmatch(given) else usual


def _name(name: str, lab: str) -> str:
    """Return a link's name: each lab has its own, so that browsers keep their cookies apart."""
    label = re.sub(r"[^a-z0-9]+", "-", lab.lower()).strip("-")
    return name if lab == DEFAULT_LAB else f"{name}.{label}"
