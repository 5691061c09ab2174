# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Appointments as a calendar: iCalendar (RFC 5545) with the fields of the Maintenance Notification BCOP. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from ringmaster.maintenance_server.model import Appointment

LINE_BYTES = 75
STATES = {"scheduled": "TENTATIVE"}
"""States of an event that people may still be told otherwise of; all others are confirmed."""
MAINTENANCE = {"scheduled": "TENTATIVE", "running": "IN-PROCESS", "settling": "IN-PROCESS"}


@dataclass(frozen=True)
class Entry:
    """An appointment as an event of a calendar; ``outcome`` is how it ended, once it has."""

    appointment: Appointment
    project: str
    stamped: float
    outcome: str = ""

    @property
    def is_cancelled(self) -> bool:
        """Whether it did not take place."""
        return self.outcome in ("cancelled", "overtaken", "postponed", "gone")


def what(appointment: Appointment) -> str:
    """Return what happens, in words."""
    units = ", ".join(unit.removesuffix(".service") for unit in appointment.need.units)
    restart = f"restart of {units}" if units else ""
    reboot = f"restart of {appointment.machine}" if appointment.need.reboot else ""
    return " and ".join(part for part in (reboot, restart) if part) or f"work on {appointment.machine}"


def minutes(seconds: float) -> str:
    """Return how long it takes, for people."""
    number = max(1, round(seconds / 60))
    return f"{number} minute{'' if number == 1 else 's'}"


def calendar(name: str, domain: str, entries: Iterable[Entry]) -> str:
    """Return a calendar with an event for each appointment."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Ringmaster//maintenance//EN",
        "METHOD:PUBLISH",
        f"NAME:{_text(name)}",
        f"X-WR-CALNAME:{_text(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
    ]
    for entry in entries:
        lines += _event(entry, domain)
    return "".join(f"{_folded(line)}\r\n" for line in [*lines, "END:VCALENDAR"])


def _event(entry: Entry, domain: str) -> list[str]:
    one = entry.appointment
    begin = one.begun or one.begin
    state = "CANCELLED" if entry.is_cancelled else STATES.get(one.state, "CONFIRMED")
    described = [f"{what(one)}, about {minutes(one.seconds)}.", one.need.reason]
    if entry.outcome:
        described.append(f"It was {entry.outcome}." if entry.is_cancelled else f"It is {entry.outcome}.")
    return [
        "BEGIN:VEVENT",
        f"UID:{one.machine}-{one.id}@{domain}",
        f"DTSTAMP:{_moment(entry.stamped)}",
        f"SEQUENCE:{one.sequence + entry.is_cancelled}",
        f"DTSTART:{_moment(begin)}",
        f"DTEND:{_moment(begin + one.seconds)}",
        f"SUMMARY:{_text(what(one))}",
        f"DESCRIPTION:{_text(' '.join(part for part in described if part))}",
        f"STATUS:{state}",
        "TRANSP:TRANSPARENT",
        f"X-MAINTNOTE-PROVIDER:{_text(domain)}",
        f"X-MAINTNOTE-ACCOUNT:{_text(entry.project)}",
        f"X-MAINTNOTE-MAINTENANCE-ID:{one.machine}-{one.id}",
        f"X-MAINTNOTE-OBJECT-ID:{_text(one.machine)}",
        f"X-MAINTNOTE-IMPACT:{'OUTAGE' if one.need.reboot else 'DEGRADED'}",
        f"X-MAINTNOTE-STATUS:{'CANCELLED' if entry.is_cancelled else _status(entry)}",
        "END:VEVENT",
    ]


def _status(entry: Entry) -> str:
    return "COMPLETED" if entry.outcome else MAINTENANCE.get(entry.appointment.state, "CONFIRMED")


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """Return a text as a value (3.3.11)."""
    for sign in ("\\", ";", ","):
        value = value.replace(sign, f"\\{sign}")
    return " ".join(value.split())


def _folded(line: str) -> str:
    """Return a line in pieces of at most 75 bytes, none of which ends within a character (3.1)."""
    pieces: list[str] = []
    piece = ""
    for sign in line:
        if len((piece + sign).encode()) > LINE_BYTES - bool(pieces):
            pieces.append(piece)
            piece = ""
        piece += sign
    return "\r\n ".join([*pieces, piece])
