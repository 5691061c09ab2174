# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may send mail as whom, and how much: pure rules over what the description says."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOUR = 3600.0
LONGEST = 100
ADDRESS = re.compile(r"""[^\s<>,;:"()\[\]]*@[^\s<>,;:"()]*""")
"""All that may be an address in a header, wherever it stands: also in a name that people see, or in a comment."""
VM, MACHINE = "vm", "machine"


@dataclass(frozen=True)
class Client:
    """A machine that hands in mail: its name, the parties that it belongs to, and its kind."""

    name: str
    parties: frozenset[str]
    kind: str = VM


@dataclass(frozen=True)
class Policy:
    """What the description says: machines by address, and whose each name is."""

    clients: Mapping[str, Client]
    names: Mapping[str, frozenset[str]]
    blocked: frozenset[str] = frozenset()
    rates: Mapping[str, int] = field(default_factory=dict)
    """Receivers an hour, by kind of machine."""

    def client(self, address: str) -> Client | None:
        """Return who has an address; nobody for one that the description does not have."""
        try:
            found = self.clients.get(str(ipaddress.ip_address(address.lower().removeprefix("ipv6:"))))
        except ValueError:
            return None
        return None if found is None or found.name in self.blocked else found

    def may_send_as(self, client: Client, address: str) -> bool:
        """Tell whether a machine may write as an address: the longest name that the description has decides."""
        local, at, domain = address.rpartition("@")
        name = domain.lower().rstrip(".")
        if not (local and at and name):
            return False
        while name and name not in self.names:
            name = name.partition(".")[2]
        return bool(name) and bool(client.parties & self.names[name])

    def forged(self, client: Client, header: str) -> str:
        """Return an address in a From header that a machine may not write as, or an empty text."""
        unfolded = re.sub(r"[\r\n]+", "", header)
        found = ADDRESS.findall(unfolded)
        if not found:
            return shown(unfolded) or "nobody"
        return next((shown(one) for one in found if not self.may_send_as(client, one)), "")


def read(data: Mapping[str, Any]) -> Policy:
    """Return the rules out of what the role wrote. Raises KeyError, TypeError, ValueError."""
    return Policy(
        {
            str(ipaddress.ip_address(address)): Client(one["name"], frozenset(one["parties"]), one["kind"])
            for address, one in data["clients"].items()
        },
        {str(name).lower(): frozenset(parties) for name, parties in data["names"].items()},
        frozenset(data["blocked"]),
        {str(kind): int(number) for kind, number in data["rates"].items()},
    )


def shown(text: str, longest: int = LONGEST) -> str:
    """Return what somebody sent, as it may stand in an answer or in a sentence for people."""
    return "".join(one if " " <= one <= "~" else "?" for one in text.strip())[:longest]


@dataclass
class Buckets:
    """How many receivers each machine has left: what was not used within an hour is not saved up."""

    rates: Mapping[str, int]
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, client: Client, now: float) -> bool:
        """Take one receiver; tell whether there was one left. There is an entry for each machine of the description."""
        most = float(self.rates[client.kind])
        left, at = self._left.get(client.name, (most, now))
        left = min(most, left + max(0.0, now - at) * most / HOUR)
        is_left = left >= 1.0
        self._left[client.name] = (left - 1.0 if is_left else left, now)
        return is_left
