# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of checks to mail servers."""

from __future__ import annotations

import smtplib
import ssl

TLS_FROM_THE_BEGINNING = 465


def connect(name: str, address: str, port: int, context: ssl.SSLContext, timeout: float) -> smtplib.SMTP:
    """Connect with TLS to a server at an address whose certificate is for a name. Raises OSError, SMTPException."""
    is_begun = port == TLS_FROM_THE_BEGINNING
    client = smtplib.SMTP_SSL(timeout=timeout, context=context) if is_begun else smtplib.SMTP(timeout=timeout)
    # What the certificate is compared with.
    client._host = name  # type: ignore[attr-defined]
    client.connect(address, port)
    if not is_begun:
        client.starttls(context=context)
    return client
