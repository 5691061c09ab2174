# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the queue's server. Each returns a status (0 to 3) and a sentence."""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

from ringmaster.core.checks import CRITICAL, OK, WARNING, level, needs_answer
from ringmaster.core.report import counted

LONGEST = 4 * 1024 * 1024
DATABASE = Path("/var/lib/ringmaster-portal/portal.sqlite3")


class _Here(http.client.HTTPSConnection):
    """A connection to this machine, whatever the name means elsewhere."""

    def connect(self) -> None:
        """Connect to loopback, and expect the certificate of the name."""
        raw = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._context.wrap_socket(raw, server_hostname=self.host)  # type: ignore[attr-defined]


def answers(host: str, authority: str = "") -> tuple[int, str]:
    """People's side answers with the description, over TLS."""
    begun = time.monotonic()
    context = ssl.create_default_context(cafile=authority or None)
    connection = _Here(host, 443, timeout=8, context=context)
    try:
        connection.request("GET", "/api/v1/client")
        answer = connection.getresponse()
        data = answer.read(LONGEST)
    except (OSError, http.client.HTTPException) as error:
        return CRITICAL, f"The queue's server does not answer: {error or type(error).__name__}."
    finally:
        connection.close()
    if answer.status == 503:
        return WARNING, "The queue's server answers, and has no description yet: the steward hands it over."
    try:
        verbs = len(json.loads(data)["verbs"])
    except (ValueError, TypeError, KeyError):
        return CRITICAL, f"The queue's server answers with status {answer.status}."
    return OK, f"{counted(verbs, 'verb', 'verbs')} can be asked for; {1000 * (time.monotonic() - begun):.0f} ms."


@needs_answer("the database", sqlite3.Error)
def steward(warning_seconds: float, critical_seconds: float, database: str = str(DATABASE)) -> tuple[int, str]:
    """The steward was heard lately, which looks for requests without a pause."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5) as connection:
        row = connection.execute("SELECT seen FROM queue_steward").fetchone()
        (waiting,) = connection.execute("SELECT count(*) FROM queue_request WHERE open").fetchone()
    said = counted(waiting, "request is", "requests are")
    if not row or not row[0]:
        return CRITICAL, f"No steward has come yet; {said} open."
    seen = datetime.fromisoformat(str(row[0])).replace(tzinfo=UTC)
    passed = (datetime.now(UTC) - seen).total_seconds()
    sentence = f"The steward was heard {max(0, passed):.0f} seconds ago; {said} open."
    return level(passed, warning_seconds, critical_seconds), sentence
