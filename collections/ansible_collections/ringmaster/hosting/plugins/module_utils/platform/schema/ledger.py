# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the ledger, allocations.yml."""

from __future__ import annotations

from ..language import ssh_keys
from ..language.containers import Key, ListOf, MapOf, Record
from ..language.types import Integer, Name, Text
from .common import DATE, IPV4

LEDGER = Record(
    "allocations.yml",
    (
        Key("format", Integer(1, 1), "Version of the format.", default=1),
        Key("vm_ids", MapOf(Name("VM"), Integer(4096, 0xFFFFFF)), "Ids of VMs.", default={}),
        Key(
            "uids",
            MapOf(Text("an account"), Integer(20100, 59999)),
            "User ids of people and service users.",
            default={},
        ),
        Key("ipv4_frontend", MapOf(Name("VM"), IPV4), "IPv4 addresses on the frontend network.", default={}),
        Key("ipv4_srv", MapOf(Name("VM"), IPV4), "IPv4 addresses on the server network.", default={}),
        Key(
            "ipv4_frontend_extra",
            MapOf(Name("VM"), ListOf(IPV4)),
            "Further IPv4 addresses on the frontend network, in the order in which a VM got them.",
            default={},
        ),
        Key(
            "ipv4_server_public",
            MapOf(Name("VM"), ListOf(IPV4)),
            "Public IPv4 addresses on the server network, in the order in which a VM got them.",
            default={},
        ),
        Key("placements", MapOf(Name("VM"), Name("machine")), "Hypervisor of each VM.", default={}),
        Key(
            "host_keys",
            MapOf(Name("machine"), ListOf(Text("a public SSH host key", check=ssh_keys.ssh_key))),
            "SSH host keys.",
            default={},
        ),
        Key(
            "confirmed_addresses",
            MapOf(
                Name("VM"),
                Text(
                    "four addresses or dashes, then further ones of each network with commas or a dash",
                    pattern=r"^[0-9a-f.:-]+( [0-9a-f.:-]+){3}( [0-9.,-]+ [0-9.,-]+)?$",
                ),
            ),
            "Addresses that each VM was last reached with: IPv4 and IPv6 of the frontend, then of the server network; "
            "then the further ones of both, where it has any.",
            default={},
        ),
        Key(
            "generations",
            MapOf(
                Text("roster/<project> or <project>/<vm>/<component>/<object>"),
                Text("a number, for rosters with a hash", pattern=r"^[1-9][0-9]*( [0-9a-f]{64})?$"),
            ),
            "Generations of rosters and secrets.",
            default={},
        ),
        Key(
            "retired",
            MapOf(Name("VM"), DATE),
            "VMs that were deleted, and when. Their names and numbers are never used again.",
            default={},
        ),
    ),
    "Written by Ringmaster; do not edit.",
)
