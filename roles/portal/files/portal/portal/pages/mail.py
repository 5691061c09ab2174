# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outbox: mail is written into it with what it is about, and leaves by a program of its own, again until it does.

Subjects are ours alone; what people wrote stands in the text at most. Nobody is written to more often than BUDGET says.
"""

from __future__ import annotations

import datetime
import logging
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Any

from django.conf import settings
from django.utils import timezone

from .models import Mail

BUDGET = 3
"""Mails to one address in an hour."""
BUDGET_OF_ALL = 200
"""Mails in an hour."""
PAUSES = (1, 5, 15, 60, 240, 720, 1440, 1440)
"""Minutes between tries; after the last one it is given up."""
AT_ONCE = 20
REFUSED = "refused: "
"""How the problem of a mail begins whose address the server does not take; check ``portal/mail`` tells them apart."""
KEPT = datetime.timedelta(days=14)
"""How long a mail is kept that has left or was given up: longer than all its tries."""
LOG = logging.getLogger("portal")


def put(to: str, subject: str, *lines: str) -> bool:
    """Put a mail into the outbox; tells whether the budget allows it."""
    hour = Mail.objects.filter(made__gte=timezone.now() - datetime.timedelta(hours=1))
    if hour.filter(to__iexact=to).count() >= BUDGET or hour.count() >= BUDGET_OF_ALL:
        LOG.warning("a mail is left out: too many in an hour")
        return False
    now = timezone.now()
    Mail.objects.create(
        to=to, subject=subject, body="\n".join([*lines, "", "-- ", settings.HOST, ""]), made=now, due=now
    )
    return True


def message(mail: Mail, sender: str) -> EmailMessage:
    """Return a mail as it leaves; the library refuses line ends in headers."""
    found = EmailMessage(policy=SMTP)
    found["From"], found["To"], found["Subject"] = sender, mail.to, mail.subject
    found["Date"] = format_datetime(mail.made)
    found["Message-ID"] = make_msgid(domain=settings.HOST)
    found["Auto-Submitted"] = "auto-generated"
    found.set_content(mail.body)
    return found


def send(configuration: Mapping[str, Any]) -> int:
    """Send what is due, over one connection; returns how many have left."""
    due = list(Mail.objects.filter(due__lte=timezone.now()).order_by("due")[:AT_ONCE])
    if not due:
        return 0
    left, tried = 0, 0
    try:
        with smtplib.SMTP(configuration["server"], configuration["port"], timeout=30) as server:
            if configuration.get("authority"):
                server.starttls(context=ssl.create_default_context(cafile=configuration["authority"]))
            for one in due:
                left += _sent(server, one, configuration["from"])
                tried += 1
    except (OSError, smtplib.SMTPException) as error:
        for one in due[tried:]:
            _later(one, str(error))
    return left


def _sent(server: smtplib.SMTP, one: Mail, sender: str) -> int:
    try:
        server.send_message(message(one, sender))
    except smtplib.SMTPRecipientsRefused as error:
        # A server that is busy, or greylists, says so with a number below 500: it is asked again like any other.
        is_final = all(code >= 500 for code, _said in error.recipients.values())
        _later(one, f"{REFUSED if is_final else ''}{error}")
        return 0
    except (smtplib.SMTPResponseException, ValueError) as error:
        _later(one, str(error))
        return 0
    one.due, one.tries, one.problem = None, one.tries + 1, ""
    one.save()
    return 1


def _later(one: Mail, problem: str) -> None:
    """Try it again after a while; what never leaves is given up, and its check says so."""
    one.problem = problem[:300]
    one.due = timezone.now() + datetime.timedelta(minutes=PAUSES[one.tries]) if one.tries < len(PAUSES) else None
    one.tries += 1
    one.save()
    LOG.warning("mail %s did not leave: %s", one.pk, one.problem)


def swept() -> None:
    """Forget mail that is of no use any more: it has codes and addresses of people in it."""
    Mail.objects.filter(due__isnull=True, made__lt=timezone.now() - KEPT).delete()
