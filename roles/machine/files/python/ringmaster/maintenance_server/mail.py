# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told by mail: one message for a project and a window, and one when a turn has failed."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any
from zoneinfo import ZoneInfo

from ringmaster.core import smtp
from ringmaster.maintenance_server import ics
from ringmaster.maintenance_server.announce import Batch
from ringmaster.maintenance_server.model import Appointment

SECONDS = 20


@dataclass(frozen=True)
class Post:
    """By what way mail leaves, and who reads it. Without ``relay`` nobody gets any."""

    domain: str
    sender: str = ""
    relay: str = ""
    """The address of the relay, whose certificate is for ``relay_name``."""
    relay_name: str = ""
    operators: tuple[str, ...] = ()
    contacts: Mapping[str, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, domain: str, record: Mapping[str, Any]) -> Post:
        """Read what role ``maintenance_server`` writes."""
        return cls(
            domain=domain,
            sender=str(record.get("sender", "")),
            relay=str(record.get("relay", "")),
            relay_name=str(record.get("relay_name", "")),
            operators=tuple(record.get("operators") or ()),
            contacts={name: tuple(those) for name, those in (record.get("contacts") or {}).items()},
        )

    def readers(self, project: str) -> tuple[str, ...]:
        """Return who is told of a project."""
        return (self.contacts or {}).get(project) or self.operators


def announcement(post: Post, batch: Batch, timezone: str, now: float) -> EmailMessage:
    """Return the mail that tells a project of a window."""
    zone = ZoneInfo(timezone)
    opens, closes = (datetime.datetime.fromtimestamp(moment, zone) for moment in (batch.opens, batch.closes))
    day = f"{opens:%A, %d %B %Y}"
    lines = [
        f"In the maintenance window of {batch.project} on {day},",
        f"{opens:%H:%M} to {closes:%H:%M} ({timezone}), we will do this:",
        "",
    ]
    for one in batch.appointments:
        begin = datetime.datetime.fromtimestamp(one.begin, zone)
        lines.append(f"  {begin:%H:%M}  {ics.what(one)}, about {ics.minutes(one.seconds)}")
        if one.need.reason:
            lines.append(f"         {one.need.reason}")
    lines += [
        "",
        "VMs that stand in for each other are never worked on together: the next one begins when",
        "the one before is well.",
        "",
        "On the VM, `ringmaster maintenance list` shows this, `sudo ringmaster maintenance postpone`",
        "puts it off to the next window, and `sudo ringmaster maintenance now` does it at once.",
    ]
    message = _message(post, batch.project, f"Maintenance of {batch.project} on {opens:%d %B, from %H:%M}", lines, now)
    entries = [ics.Entry(one, batch.project, now) for one in batch.appointments]
    return _with_calendar(message, post, batch.project, entries)


def failure(post: Post, project: str, held: Appointment, sentence: str, now: float) -> EmailMessage:
    """Return the mail that says that a turn has failed."""
    lines = [
        f"The maintenance of {held.machine} did not end well: {sentence}.",
        "",
        "Until somebody has looked, neither it nor a VM that stands in for it is restarted; security updates go on.",
        "When it is well, `sudo ringmaster maintenance now` on the VM does what is left.",
    ]
    return _message(post, project, f"Maintenance of {held.machine} has failed", lines, now)


def withdrawn(post: Post, project: str, gone: Sequence[ics.Entry], why: str, now: float) -> EmailMessage:
    """Return the mail that says that what was announced does not take place."""
    lines = [f"This does not take place: {why}.", ""]
    lines += [f"  {ics.what(one.appointment)}" for one in gone]
    message = _message(post, project, f"Maintenance of {project} does not take place", lines, now)
    return _with_calendar(message, post, project, gone)


def _with_calendar(message: EmailMessage, post: Post, project: str, entries: Sequence[ics.Entry]) -> EmailMessage:
    text = ics.calendar(f"Maintenance of {project}", post.domain, entries)
    message.add_attachment(
        text.encode(), maintype="text", subtype="calendar", filename="maintenance.ics", params={"method": "PUBLISH"}
    )
    return message


def _message(post: Post, project: str, subject: str, lines: Sequence[str], now: float) -> EmailMessage:
    message = EmailMessage()
    message["From"] = post.sender
    message["To"] = ", ".join(post.readers(project))
    message["Subject"] = subject
    message["Date"] = formatdate(now)
    message["Message-ID"] = make_msgid(domain=post.domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(lines) + "\n")
    return message


def send(post: Post, messages: Sequence[EmailMessage]) -> None:
    """Hand messages to the relay; raises OSError or SMTPException, and then none of the later ones has left."""
    context = ssl.create_default_context()
    client = smtp.connect(post.relay_name, post.relay, 25, context, SECONDS)
    try:
        for message in messages:
            client.send_message(message)
    finally:
        client.close()
