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
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ringmaster.core.checks import CRITICAL, OK, WARNING, level, needs_answer
from ringmaster.core.report import counted

LONGEST = 4 * 1024 * 1024
DATABASE = Path("/var/lib/ringmaster-portal/portal.sqlite3")
REFUSED = "refused: "
"""How the problem of a mail begins whose address the server does not take: as the outbox writes it."""
REFUSED_AT_LEAST = 3
"""Refused mails from which, where none has left, the fault is ours and not that of one address."""
TRIED = timedelta(days=4)
"""Longer than a mail is tried: one that was given up within the last day was written within this time."""
CAUSES = {
    "certificate has expired": "the mail server's certificate has expired",
    "CERTIFICATE_VERIFY_FAILED": "the mail server's certificate is not by the expected authority, or for another name",
    "Connection refused": "the mail server takes no connections",
    "timed out": "the mail server does not answer in time",
    "Name or service not known": "the mail server's name is not known",
    "No route to host": "there is no way to the mail server",
    "Network is unreachable": "there is no way to the mail server",
}
"""What the text of a problem has in it, and what is said instead: problems have people's addresses in them."""


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


@needs_answer("the outbox", sqlite3.Error)
def mail(warning_minutes: float = 10, critical_minutes: float = 120, database: str = str(DATABASE)) -> tuple[int, str]:
    """Codes, invitations and answers leave by mail. An address that the mail server refuses is its owner's matter."""
    day_ago, all_tries_ago = (
        (datetime.now(UTC) - passed).strftime("%Y-%m-%d %H:%M:%S.%f") for passed in (timedelta(days=1), TRIED)
    )
    refused = f"{REFUSED}%"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5) as connection:
        waiting, since = connection.execute(
            "SELECT count(*), min(made) FROM pages_mail WHERE due IS NOT NULL AND problem NOT LIKE ?", (refused,)
        ).fetchone()
        newest = connection.execute(
            "SELECT problem FROM pages_mail WHERE due IS NOT NULL AND problem NOT LIKE ? AND problem <> ''"
            " ORDER BY id DESC LIMIT 1",
            (refused,),
        ).fetchone()
        left, turned_away = connection.execute(
            "SELECT coalesce(sum(due IS NULL AND problem = ''), 0), coalesce(sum(problem LIKE ?), 0)"
            " FROM pages_mail WHERE made >= ?",
            (refused, day_ago),
        ).fetchone()
        (given_up,) = connection.execute(
            "SELECT count(*) FROM pages_mail WHERE due IS NULL AND problem <> '' AND problem NOT LIKE ? AND made >= ?",
            (refused, all_tries_ago),
        ).fetchone()
    passed = (datetime.now(UTC) - datetime.fromisoformat(since).replace(tzinfo=UTC)).total_seconds() if since else 0.0
    said = [f"{counted(waiting, 'mail waits', 'mails wait')}, {left} left within a day"]
    if waiting and passed >= warning_minutes * 60:
        said.append(f"the oldest waits for {passed / 60:.0f} minutes: {_cause(newest[0] if newest else '')}")
    if turned_away:
        said.append(f"the mail server refuses the addresses of {turned_away}")
    if given_up:
        said.append(f"{counted(given_up, 'was', 'were')} given up")
    reached = level(passed, warning_minutes * 60, critical_minutes * 60)
    if given_up or (turned_away >= REFUSED_AT_LEAST and not left):
        reached = max(reached, WARNING)
    return reached, f"{'; '.join(said)}."


def _cause(problem: str) -> str:
    named = next((words for sign, words in CAUSES.items() if sign in problem), "")
    return named or "journalctl -u ringmaster-portal-mail says why"
