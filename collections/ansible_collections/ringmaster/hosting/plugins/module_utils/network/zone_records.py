# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of a zone, and what no name server may load of them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import dns_values

ADDRESSES = frozenset(("A", "AAAA"))
NEED_ADDRESSES = frozenset(("MX", "NS", "SRV"))
"""Types whose values must not name an alias (RFC 2181, section 10.3; RFC 2782)."""


class RecordError(ValueError):
    """A record that cannot be; the text names it, what was found and what is allowed."""


@dataclass(frozen=True)
class Record:
    """A record of a zone; ``name`` is absolute with a final dot, ``data`` as in a zone file."""

    name: str
    type: str
    data: str
    ttl: int | None = None

    @property
    def target(self) -> str:
        """The host that the value names, absolute, in lower case."""
        return self.data.rpartition(" ")[2].lower()


def declared(entry: Mapping[str, Any], zone: str) -> Iterator[Record]:
    """Yield the records of an entry {name, type, values, ttl} of a zone. Raises RecordError."""
    name, kind = dns_values.full_name(entry["name"], zone), str(entry["type"])
    what = f"DNS record {dns_values.shown(name)} of type {dns_values.shown(kind)}"
    if wrong := dns_values.owner_problem(kind, name):
        raise RecordError(f"{what}: the name {wrong}")
    ttl = entry.get("ttl")
    if ttl is not None and not 0 <= int(ttl) <= dns_values.LONGEST_TTL:
        raise RecordError(f"{what}: a ttl of {ttl} is not from 0 to {dns_values.LONGEST_TTL} seconds")
    for value in map(str, entry["values"]):
        if wrong := dns_values.problem(kind, value):
            allowed = dns_values.TYPES[kind].allowed if kind in dns_values.TYPES else "one of these types"
            raise RecordError(f"{what}: '{dns_values.shown(value)}' {wrong}; it must be {allowed}")
        yield Record(f"{name}.", kind, dns_values.data(kind, value), int(ttl) if ttl else None)


def faults(zone: str, records: Iterable[Record]) -> Iterator[tuple[Record, str]]:
    """Yield records that cannot stand in their zone, with the reason: of a contradiction all that are in it.

    ``zone`` is without a final dot; its SOA and NS records need not be among ``records``.
    """
    names = _Names(f"{zone}.".lower(), records)
    for name, here in names.records.items():
        aliases = sum(1 for record in here if record.type == "CNAME")
        for record in here:
            if not (name == names.zone or name.endswith(f".{names.zone}")):
                yield record, f"{record.name} is not in the zone {zone}"
            elif aliases and (len(here) > 1 or name == names.zone):
                others = ", ".join(sorted({one.type for one in here} - {"CNAME"})) or "SOA and NS"
                yield (
                    record,
                    f"DNS name {name.rstrip('.')} in zone {zone}: an alias (CNAME) must stand alone, and there is"
                    f" {'another CNAME' if aliases > 1 else others} beside it",
                )
            elif record.type in NEED_ADDRESSES and (wrong := names.wrong_target(record)):
                yield record, f"the {record.type} record of {name.rstrip('.')} in zone {zone}: {record.target} {wrong}"


def unreachable(zone: str, records: Iterable[Record]) -> Iterator[tuple[Record, str]]:
    """Yield records that a name server loads and nobody finds: aliases in a circle, and what was given away.

    ``zone`` is without a final dot.
    """
    apex = f"{zone}.".lower()
    known = list(dict.fromkeys(records))
    aliases = {record.name.lower(): record.target for record in known if record.type == "CNAME"}
    given_away = {record.name.lower() for record in known if record.type == "NS"}
    servers = {record.target for record in known if record.type == "NS"}
    for record in known:
        name = record.name.lower()
        at = aliases.get(name, "") if record.type == "CNAME" else ""
        for _step in aliases:
            if at == name:
                yield record, f"the alias {name.rstrip('.')} leads back to itself"
                break
            at = aliases.get(at, "")
        above = name.partition(".")[2]
        while above and apex not in (above, name):
            if above in given_away and not (record.type in ADDRESSES and name in servers):
                whose = above.rstrip(".")
                yield record, f"{name.rstrip('.')} lies below {whose}, which other name servers have"
                break
            above = above.partition(".")[2]


class _Names:
    """The names of a zone as its name server finds them, in lower case."""

    def __init__(self, zone: str, records: Iterable[Record]) -> None:
        self.zone = zone
        self.records: dict[str, list[Record]] = {}
        for record in dict.fromkeys(records):
            self.records.setdefault(record.name.lower(), []).append(record)
        self.types = {name: {record.type for record in here} for name, here in self.records.items()}
        self.existing = {zone}
        for name in self.records:
            above = name
            while above and above not in self.existing:
                self.existing.add(above)
                above = above.partition(".")[2]

    def wrong_target(self, record: Record) -> str:
        """Say why a record may not name its target; nothing about names of others."""
        target = record.target
        if not (target == self.zone or target.endswith(f".{self.zone}")):
            return ""
        above, closest = target, ""
        while above != self.zone:
            # What lies there was given to another name server, which may know more.
            if "NS" in self.types.get(above, ()):
                return ""
            closest = closest or (above if above in self.existing else "")
            above = above.partition(".")[2]
        closest = closest or self.zone
        types = self.types.get(target if closest == target else f"*.{closest}", set())
        if "CNAME" in types:
            return "is an alias (CNAME)"
        # Without an address, a service is only not reached; a name server refuses the zone for the other two.
        if types & ADDRESSES or record.type == "SRV" or (record.type == "NS" and record.name.lower() != self.zone):
            return ""
        return "has no address (A or AAAA)"
