# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which types of ICMP must pass every filter of ours."""

from __future__ import annotations

#: ICMP types that must pass (RFC 4890, sections 4.3 and 4.4; for IPv4 the like).
ICMP = ("echo-request", "echo-reply", "destination-unreachable", "time-exceeded", "parameter-problem")
ICMPV6 = (*ICMP, "packet-too-big")
#: Neighbour discovery and multicast listeners: from the local link only. Router advertisements stay out:
#: addresses and routes are static.
ICMPV6_LINK = ("nd-neighbor-solicit", "nd-neighbor-advert", "mld-listener-query", "mld2-listener-report")
BY_FAMILY = {"ipv4": ICMP, "ipv6": ICMPV6, "link": ICMPV6_LINK}
