# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the firewall of a project and of a VM."""

from __future__ import annotations

from ..language import checks
from ..language.containers import Key, ListOf, Record
from ..language.types import Choice, Name, Text

FIREWALL_RULE = Record(
    "rule",
    (
        Key(
            "from",
            ListOf(
                Text(
                    "any, an address, a network, a project, a VM or a machine",
                    pattern=r"^[A-Za-z0-9:./-]{1,64}$",
                ),
                one_is_enough=True,
                filled="nobody could connect by the rule",
                hint="write any for everybody, or take the rule out",
            ),
            "Who may connect: `any`, an address, a network, or the name of a project, VM or machine;"
            " `project:`, `vm:` or `machine:` may stand before it.",
            required=True,
            example="any",
        ),
        Key(
            "to",
            ListOf(
                Text(
                    "a port, a range such as 8000-8010, or component:<name>",
                    check=checks.port_or_component,
                    may_be_number=True,
                ),
                one_is_enough=True,
                filled="the rule would open nothing",
                hint="take the rule out",
            ),
            "Ports, ranges of ports, or `component:<name>` for the ports of a component on the VMs that have it.",
            required=True,
            example="8080",
        ),
        Key("proto", Choice(("tcp", "udp")), "Protocol.", default="tcp"),
        Key("network", Choice(("frontend", "server", "both")), "Network the rule opens.", default="server"),
        Key(
            "vms",
            ListOf(
                Name("VM", refers=True), filled="the rule would be for all VMs", hint="leave it out for all of them"
            ),
            "VMs the rule is for.",
            default_text="all of the project",
        ),
        Key("comment", Text(pattern=r"^[^\"\\]{0,100}$"), "Why the rule is there."),
    ),
)
VM_FIREWALL = Record(
    "firewall of a VM",
    (
        Key("frontend", Choice(("open", "closed")), "As for the project.", default_text="the project's"),
        Key(
            "allow",
            ListOf(Record("rule of a VM", tuple(key for key in FIREWALL_RULE.keys if key.name != "vms"))),
            "Connections that are allowed to this VM, beside those that the project allows.",
            default=[],
        ),
    ),
)

FIREWALL = Record(
    "firewall",
    (
        Key(
            "frontend",
            Choice(("open", "closed")),
            "`closed`: from the Internet only SSH and what components and rules open.",
            default="open",
        ),
        Key("allow", ListOf(FIREWALL_RULE), "Further connections that are allowed.", default=[]),
    ),
)
