# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail servers' records for our own zones, from the description of all and the keys of those that answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.network import zone_records, zones
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import answers, dns_values
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.fqdn import machine_of

from . import mail_records, mailserver
from .faults import given
from .mail_records import Keys, Record, Server


@dataclass
class Published:
    """What is published: records in the form of ``dns_records``, and by the VM's name what else is known."""

    records: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    """Keys as the name server's machine keeps them."""
    unanswered: list[str] = field(default_factory=list)
    """Who said nothing that can be used."""
    left_out: dict[str, str] = field(default_factory=dict)
    """What was refused, and why: text that is fit for a terminal."""


def declared(vm: Mapping[str, Any], zones_of_ours: Iterable[str], *, is_signed: bool) -> Server:
    """Return a mail server as its host variables declare it, with the defaults of its role. Raises ObjectError."""
    hostname = mailserver.domain_name(
        str(given(vm, "mailserver_hostname", vm["ringmaster_fe_fqdn"])), "mailserver_hostname"
    )
    found = mailserver.domains_of(vm.get("mailserver_domains") or [])
    has_tlsa = vm.get("mailserver_tlsa")
    if has_tlsa is None:
        has_tlsa = is_signed and bool(_zone_of(hostname, zones_of_ours))
    return Server(
        hostname,
        {name: one["dmarc"] for name, one in found.items()},
        mailserver.addresses(vm),
        str(given(vm, "mailserver_certificate", "platform")) in mail_records.TRUSTED,
        bool(has_tlsa),
    )


def published(
    hostvars: Mapping[str, Mapping[str, Any]],
    names: Sequence[str],
    kept: Iterable[Mapping[str, Any]] = (),
    *,
    domain: str,
    dns_zones: Sequence[str],
    dns_records: Sequence[Mapping[str, Any]],
    dns_hosts: Mapping[str, Sequence[str]],
    is_signed: bool = False,
) -> Published:
    """Return the records of all mail servers ``names``, and what was refused of them.

    ``hostvars`` has what was read from each as ``__mail_records``; ``kept`` is what the name server's machine kept,
    results of ``slurp`` with the server's name as ``item``. What somebody declared wins: ``dns_records``, and the
    names of machines (``dns_hosts``).
    """
    result = Published()
    earlier = {str(one.get("item")): one for one in kept}
    ours = [domain, *dns_zones]
    taken = _Taken(domain, dns_records, dns_hosts)
    for name in names:
        vm = hostvars[name]
        if not any(mailserver.addresses(vm).values()):
            continue  # it does not exist yet
        try:
            server = declared(vm, ours, is_signed=is_signed)
        except (mailserver.ObjectError, KeyError, TypeError, AttributeError) as error:
            result.left_out[name] = answers.one_line(f"all records: {error}")
            continue
        keys = _keys(name, server, (vm.get("__mail_records"), earlier.get(name)), result)
        result.records += taken.free(name, mail_records.records(server, keys), ours, result)
    _drop_faults(result, domain, dns_records, dns_hosts)
    for one in result.records:
        del one["of"]
    return result


def _keys(name: str, server: Server, said: Iterable[Any], result: Published) -> Keys:
    """Return what was said first that can be used: by the server itself, or by what was kept of it."""
    for one in said:
        if not isinstance(one, Mapping) or "content" not in one:
            continue
        try:
            raw = base64.b64decode(str(one["content"]), validate=True)
            keys = mail_records.keys_of(raw, server, name)
        except (answers.AnswerError, mail_records.MailRecordError, binascii.Error, ValueError) as error:
            result.left_out.setdefault(name, answers.one_line(str(error)))
            continue
        result.kept[name] = keys.text()
        return keys
    result.unanswered.append(name)
    return Keys()


class _Taken:
    """Which names and types of records somebody has already."""

    def __init__(self, domain: str, declared: Iterable[Mapping[str, Any]], hosts: Mapping[str, Sequence[str]]) -> None:
        self.domain = domain
        self.hosts = hosts
        self.by_name: dict[str, set[str]] = {}
        for one in declared:
            name = dns_values.full_name(one["name"], one.get("zone") or domain)
            self.by_name.setdefault(name, set()).update(_what(one["type"], str(value)) for value in one["values"])
        self.of_servers: dict[str, str] = {}

    def free(self, vm: str, records: Iterable[Record], ours: Sequence[str], result: Published) -> list[dict[str, Any]]:
        """Return the records of a VM that stand in zones of ours, at names that are nobody else's.

        What somebody declared wins: a record of the same name and type is theirs, of TXT only one that begins with
        the same word (SPF beside a proof of ownership), and an alias stands alone.
        """
        found: dict[tuple[str, str, str], dict[str, Any]] = {}
        refused = []
        for one in records:
            zone = _zone_of(one.name, ours)
            known = self.by_name.get(one.name, set())
            if not zone or _what(one.kind, one.value) in known or "CNAME" in known or (one.kind == "CNAME" and known):
                continue
            relative = one.name.removesuffix(zone).removesuffix(".") or "@"
            machine = machine_of(relative) if zone == self.domain and relative in self.hosts else vm
            other = self.of_servers.setdefault(one.name, vm) if machine == vm else machine
            if other != vm:
                refused.append(f"{one.name} belongs to {other}")
                continue
            entry = {"zone": zone, "name": relative, "type": one.kind, "values": [], "of": vm}
            values = found.setdefault((zone, relative, one.kind), entry)["values"]
            if one.value not in values:
                values.append(one.value)
        _leave_out(result, vm, refused)
        return list(found.values())


def _drop_faults(
    result: Published, domain: str, declared: Sequence[Mapping[str, Any]], hosts: Mapping[str, Sequence[str]]
) -> None:
    """Leave out what would keep a name server from loading a zone; what the description alone does is its mistake."""
    sound = []
    for one in result.records:
        try:
            list(zone_records.declared(one, one["zone"]))
        except zone_records.RecordError as error:
            _leave_out(result, one["of"], [str(error)])
        else:
            sound.append(one)
    result.records = sound
    for zone in dict.fromkeys(one["zone"] for one in sound):
        while wrong := _faults(result.records, zone, domain, declared, hosts):
            for one, why in wrong:
                _leave_out(result, one["of"], [why])
                result.records.remove(one)


def _faults(
    records: Sequence[dict[str, Any]],
    zone: str,
    domain: str,
    declared: Sequence[Mapping[str, Any]],
    hosts: Mapping[str, Sequence[str]],
) -> list[tuple[dict[str, Any], str]]:
    entries = [*declared, *records]
    try:
        whole = zones.records_of(zones.Settings(domain, hosts, [], [], "", records=entries), zone)
    except zone_records.RecordError:
        return []  # of the description, which is told where the zones are made
    names = {(record.name, record.type): why for record, why in zone_records.faults(zone, whole)}
    found = []
    for one in records:
        full = dns_values.full_name(one["name"], zone)
        if one["zone"] == zone and (why := names.get((f"{full}.", one["type"]))):
            found.append((one, why))
    return found


def _leave_out(result: Published, vm: str, reasons: Iterable[str]) -> None:
    parts = [part for part in (result.left_out.get(vm), *dict.fromkeys(reasons)) if part]
    if parts:
        text = answers.one_line("; ".join(parts))
        result.left_out[vm] = text if len(text) <= 500 else f"{text[:500]}…"


def _zone_of(name: str, ours: Iterable[str]) -> str:
    longest_first = sorted(ours, key=len, reverse=True)
    return next((zone for zone in longest_first if name == zone or name.endswith(f".{zone}")), "")


def _what(kind: str, value: str) -> str:
    return f"TXT {dns_values.purpose(value)}" if kind == "TXT" else kind
