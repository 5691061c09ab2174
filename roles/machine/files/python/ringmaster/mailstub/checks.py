# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a machine that hands its mail to the project's mail server."""

from __future__ import annotations

import smtplib
import ssl
from pathlib import Path

from ringmaster.core import below, checks, smtp
from ringmaster.core.checks import CRITICAL, OK, level
from ringmaster.core.report import counted

QUEUE = Path("/var/spool/postfix")


def queue(warning: int, critical: int) -> tuple[int, str]:
    """Messages that wait."""
    folders = ("maildrop", "incoming", "active", "deferred")
    waiting = sum(len(below.find(QUEUE / folder)) for folder in folders)
    if not waiting:
        return OK, "No message waits."
    sentence = f"{counted(waiting, 'message waits', 'messages wait')} for the mail server: mailq says why."
    return level(waiting, warning, critical), sentence


def server(address: str, port: int, names: list[str]) -> tuple[int, str]:
    """Whether the mail server answers with TLS and a certificate for one of its names."""
    context = ssl.create_default_context()
    failed = ""
    for name in names:
        try:
            smtp.connect(name, address, port, context, 10).quit()
        except (OSError, smtplib.SMTPException) as error:
            failed = checks.reason(error)
        else:
            return OK, f"{name} answers with TLS on port {port}."
    return CRITICAL, f"The mail server {names[0]} does not answer on {address} port {port}: {failed}."
