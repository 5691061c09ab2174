# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``dns_zones``: zone files from the names and addresses of machines."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_zones
short_description: Zone files from the names and addresses of machines
version_added: 0.1.0
author:
  - Ringmaster contributors (@ringmaster)
description:
  - Returns all zones of two views, V(internal) with everything and V(external) with global addresses only.
  - In place of the serial number stands C(@SERIAL@).
options:
  _input:
    description: Lists of addresses by name below O(domain).
    type: dict
    required: true
  domain:
    description: The domain of all names.
    type: str
    required: true
  networks:
    description: Prefixes that get reverse zones.
    type: list
    elements: str
    required: true
  name_servers:
    description: Names of the name servers, the primary first.
    type: list
    elements: str
    required: true
  contact:
    description: Mail address for the SOA records.
    type: str
    required: true
  zones:
    description: Further domains.
    type: list
    elements: str
    default: []
  records:
    description: Further records, each with C(zone), C(name), C(type), C(values) and optionally C(ttl).
    type: list
    elements: dict
    default: []
  ttl:
    description: Seconds that answers may be remembered.
    type: int
    default: 300
  negative_ttl:
    description: Seconds that may be remembered that there is no such name.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Show the zones
  ansible.builtin.debug:
    msg: >-
      {{ {'myapp00': ['172.20.1.1', '2001:db8:3::1000']} | ringmaster.hosting.dns_zones(domain='example.org',
         networks=['172.20.0.0/22'], name_servers=['ns.example.net'], contact='hostmaster@example.org') }}
"""

RETURN = r"""
_value:
  description: The zones, each with C(view), C(name), C(file) (view and name) and C(text).
  type: list
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import zones as dns


def dns_zones(
    hosts: Mapping[str, Sequence[str]],
    *,
    domain: str,
    networks: Sequence[str],
    name_servers: Sequence[str],
    contact: str,
    zones: Sequence[str] = (),
    records: Sequence[Mapping[str, Any]] = (),
    ttl: int = 300,
    negative_ttl: int = 60,
) -> list[dict[str, str]]:
    """Return the zones of both views."""
    settings = dns.Settings(
        domain=domain,
        hosts=hosts,
        networks=networks,
        name_servers=name_servers,
        contact=contact,
        zones=zones,
        records=records,
        ttl=int(ttl),
        negative_ttl=int(negative_ttl),
    )
    try:
        built = dns.build(settings)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"dns_zones: {error}") from error
    return [{"view": zone.view, "name": zone.name, "file": zone.file, "text": zone.text} for zone in built]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file."""
        return {"dns_zones": dns_zones}
