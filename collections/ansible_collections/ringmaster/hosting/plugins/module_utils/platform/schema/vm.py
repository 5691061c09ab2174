# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a VM."""

from __future__ import annotations

from ..language.containers import Key, MapOf, Record
from ..language.types import Anything, Boolean, Choice, Name, OrWord, Size, Text
from .backup import BACKUP
from .common import ADDRESSES, COMPONENTS, DATE, MAINTENANCE, PACKAGES, SIZES
from .firewall import VM_FIREWALL

VM = Record(
    "vm",
    (
        *SIZES,
        Key(
            "memory_max",
            Size(256),
            "Memory the VM can grow to while it runs; it is booked in full.",
            default_text="the same as memory",
        ),
        Key(
            "frontend_ipv4",
            Boolean(),
            "Whether the VM gets an IPv4 address on the frontend network.",
            default=False,
        ),
        Key(
            "frontend_extra_ipv4",
            ADDRESSES,
            "IPv4 addresses on the frontend network beside the first: how many, or which ones.",
            default=0,
            example="1",
        ),
        Key(
            "server_public_ipv4",
            ADDRESSES,
            "IPv4 addresses of `networks.server_public`, beside the private one: how many, or which ones.",
            default=0,
            example="[203.0.113.9]",
        ),
        Key(
            "components",
            MapOf(
                Text("a component: " + ", ".join(COMPONENTS), words=COMPONENTS),
                Anything("a map: variables of the component's role without the prefix"),
            ),
            "Managed components with their options.",
            default={},
            example="{redis: {}}",
        ),
        Key(
            "packages",
            PACKAGES,
            "Debian packages for the VM, beside those of its project.",
            default=[],
            example="[imagemagick]",
        ),
        Key("firewall", VM_FIREWALL, "What is allowed to this VM beyond what its project allows.", default={}),
        Key("protected", Boolean(), "Refuse to delete the VM or its disks.", default=False),
        Key(
            "anti_spoofing",
            Boolean(),
            "Whether the VM may send from its own addresses only. `false` is for a VM that routes for others.",
            default=True,
        ),
        Key(
            "state",
            Choice(("running", "stopped", "retiring")),
            "`retiring`: stopped, and deleted after `delete_after`.",
            default="running",
        ),
        Key("delete_after", DATE, "Day after which a retiring VM may be deleted."),
        Key(
            "hypervisor",
            Name("machine", refers=True),
            "Where to place the VM at first. Later it can only be moved.",
            default_text="the best fit",
        ),
        Key("production", Boolean(), "Whether the VM serves users.", default_text="the project's"),
        Key("maintenance", MAINTENANCE, "When the VM may be restarted.", default_text="the project's"),
        Key(
            "backup",
            OrWord("none", BACKUP),
            "What is backed up and kept; `none` to go without.",
            default_text="the project's",
        ),
        Key("requested_by", Name("person", refers=True), "Who ordered the VM."),
        Key("comment", Text(most=200), "What the VM is for."),
    ),
)
