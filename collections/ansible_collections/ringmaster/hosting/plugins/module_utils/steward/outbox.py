# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail that is to be sent: on disk with the commit that it is about, until the platform's mail machine has it.

What cannot be sent now is tried again, with longer and longer pauses, for five days. An address gets a few notices an
hour, and all of them together so many; what is more waits, and nothing is dropped for it.
"""

from __future__ import annotations

import datetime
import email.message
import email.policy
import email.utils
import logging
import smtplib
import sqlite3
import ssl
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..platform import description, git
from ..platform.language.errors import DescriptionError
from ..platform.model import Description, Options
from . import notices, snapshot

LOG = logging.getLogger("steward")
AN_HOUR, PER_ADDRESS, ALL = 3600.0, 20, 200
"""Seconds, and how many are sent in them: to one address, and to all together."""
FIRST_PAUSE, LONGEST_PAUSE, GIVEN_UP = 30.0, 3600.0, 5 * 86400.0
PATIENCE = 30.0
"""Seconds for the mail machine to answer."""
KEPT = 7 * 86400.0
"""Seconds for which it is remembered what was sent."""

_TABLES = """
CREATE TABLE IF NOT EXISTS mail (
    id TEXT PRIMARY KEY, address TEXT, subject TEXT, text TEXT, made REAL, tries INT, next REAL, ended REAL, how TEXT
);
CREATE INDEX IF NOT EXISTS mail_next ON mail (ended, next);
CREATE TABLE IF NOT EXISTS looked (one INTEGER PRIMARY KEY CHECK (one = 1), at TEXT);
"""


@dataclass(frozen=True)
class Mail:
    """A mail that waits: its id, which its Message-ID has, to whom and what."""

    id: str
    address: str
    subject: str
    text: str
    made: float
    tries: int


class Outbox:
    """The file; for one thread."""

    def __init__(self, folder: Path) -> None:
        """Open it, or make it."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._base = sqlite3.connect(folder / "outbox.sqlite3", isolation_level=None)
        self._base.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_TABLES}")

    def looked(self) -> str:
        """Return the commit up to which people were told; nothing on a new machine."""
        row = self._base.execute("SELECT at FROM looked").fetchone()
        return str(row[0]) if row else ""

    def put(self, commit: str, found: Sequence[notices.Notice], now: float) -> None:
        """Keep what people are to be told about a commit, and that it was looked at: both, or neither."""
        self._base.execute("BEGIN IMMEDIATE")
        try:
            for n, one in enumerate(found):
                row = (f"{commit[:20]}.{n}", one.address, one.subject, one.text, now, now)
                self._base.execute("INSERT OR IGNORE INTO mail VALUES (?, ?, ?, ?, ?, 0, ?, NULL, '')", row)
            self._base.execute("INSERT OR REPLACE INTO looked VALUES (1, ?)", (commit,))
            self._base.execute("DELETE FROM mail WHERE ended < ?", (now - KEPT,))
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def due(self, now: float) -> list[Mail]:
        """Return what may be sent now, the oldest first."""
        since = (now - AN_HOUR,)
        sent = dict(
            self._base.execute("SELECT address, count(*) FROM mail WHERE how = 'sent' AND ended > ? GROUP BY 1", since)
        )
        left, result = ALL - sum(sent.values()), []
        rows = self._base.execute(
            "SELECT id, address, subject, text, made, tries FROM mail"
            " WHERE ended IS NULL AND next <= ? ORDER BY made, rowid",
            (now,),
        ).fetchall()
        for one in (Mail(*row) for row in rows):
            sent[one.address] = sent.get(one.address, 0) + 1
            if left > 0 and sent[one.address] <= PER_ADDRESS:
                left -= 1
                result.append(one)
        return result

    def ended(self, mail: Mail, how: str, now: float) -> None:
        """Note that a mail was sent, or why it never will be."""
        self._base.execute("UPDATE mail SET ended = ?, how = ?, text = '' WHERE id = ?", (now, how, mail.id))

    def later(self, mail: Mail, why: str, now: float) -> None:
        """Try a mail again after a while, or give up."""
        if now - mail.made > GIVEN_UP:
            LOG.error("the notice %s is given up: %s", mail.id, why)
            self.ended(mail, why, now)
            return
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**mail.tries)
        self._base.execute("UPDATE mail SET tries = tries + 1, next = ? WHERE id = ?", (now + pause, mail.id))

    def waiting(self) -> tuple[int, float]:
        """Return how many mails wait, and since when the oldest one does."""
        count, since = self._base.execute("SELECT count(*), min(made) FROM mail WHERE ended IS NULL").fetchone()
        return int(count), float(since or 0)


@dataclass(frozen=True)
class Relay:
    """The platform's mail machine: address, port, sender, and the CA that its certificate is to be from."""

    server: str
    port: int
    sender: str
    authority: str

    def send(self, mails: Sequence[Mail], outbox: Outbox, now: float) -> None:
        """Send mails over one connection."""
        try:
            with smtplib.SMTP(self.server, self.port, timeout=PATIENCE) as client:
                client.starttls(context=ssl.create_default_context(cafile=self.authority or None))
                for mail in mails:
                    self._send(client, mail, outbox, now)
        except (OSError, smtplib.SMTPException) as error:
            LOG.warning("the mail machine %s takes no notices: %s", self.server, error)
            for mail in mails:
                outbox.later(mail, str(error), now)

    def _send(self, client: smtplib.SMTP, mail: Mail, outbox: Outbox, now: float) -> None:
        try:
            client.send_message(self.message(mail), self.sender, [mail.address])
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else _code(error)
            if code >= 500:
                LOG.error("the notice %s is not taken, and is given up: %s", mail.id, error)
                outbox.ended(mail, str(error), now)
            else:
                outbox.later(mail, str(error), now)
        else:
            outbox.ended(mail, "sent", now)

    def message(self, mail: Mail) -> email.message.EmailMessage:
        """Return a mail as it is sent; twice the same one has the same Message-ID."""
        made = email.message.EmailMessage(policy=email.policy.SMTP)
        domain = self.sender.rpartition("@")[2]
        made["From"] = email.utils.formataddr((f"Platform {domain}", self.sender))
        made["To"] = mail.address
        made["Subject"] = mail.subject
        made["Date"] = datetime.datetime.fromtimestamp(mail.made, datetime.UTC)
        made["Message-ID"] = f"<{mail.id}@{domain}>"
        made["Auto-Submitted"] = "auto-generated"
        made.set_content(mail.text)
        return made


def _code(error: Exception) -> int:
    refused = getattr(error, "recipients", {})
    return max((code for code, _said in refused.values()), default=400)


class Courier:
    """Looks at each commit of the description once, and tells the people whom it concerns."""

    def __init__(self, options: Options, folder: Path, settings: Mapping[str, Any]) -> None:
        """Open the outbox; ``settings`` are those of a Relay."""
        self.options, self.outbox = options, Outbox(folder)
        self.relay = Relay(**settings)
        self._last: tuple[str, Description] | None = None

    def work(self, now: float) -> None:
        """Look at what is new, and send what is due."""
        self.look(now)
        due = self.outbox.due(now)
        if due:
            self.relay.send(due, self.outbox, now)

    def look(self, now: float) -> None:
        """Compare each new commit with the one before it; one with mistakes is compared by the next."""
        head, looked = snapshot.commit(self.options), self.outbox.looked()
        if head == looked or not head:
            return
        if not looked:
            # A new machine, or one that was restored: what people were told, nobody knows.
            self.outbox.put(head, [], now)
            return
        before = self._at(looked)
        for commit, who in self._since(looked, head):
            after = self._at(commit)
            if after is not None:
                self.outbox.put(commit, notices.of(before, after, who) if before else [], now)
                before = after

    def _since(self, looked: str, head: str) -> list[tuple[str, str]]:
        """Return the commits after one, the oldest first, each with who asked for it."""
        shown = "--format=%H%x1f%(trailers:key=Requested-By,valueonly,separator=%x2C)"
        words = ["log", "--reverse", "--first-parent", shown, f"{looked}..{head}"]
        done = git.run(["-C", str(self.options.source.parent), *words])
        rows = [line.split("\x1f") for line in done.stdout.splitlines() if line]
        return [(commit, who if who.isalnum() else "") for commit, who in rows] or [(head, "")]

    def _at(self, commit: str) -> Description | None:
        """Return what the description was at a commit; None where it has mistakes."""
        if self._last and self._last[0] == commit:
            return self._last[1]
        with tempfile.TemporaryDirectory(prefix="ringmaster-") as place:
            packed, folder = Path(place) / "commit.tar", Path(place) / "description"
            words = ["archive", "--format=tar", f"--output={packed}", commit]
            done = git.run(["-C", str(self.options.source.parent), *words])
            if done.returncode != 0:
                LOG.error("%s cannot be read: %s", commit[:12], git.said(done.stderr))
                return None
            with tarfile.open(packed) as found:
                found.extractall(folder, filter="data")
            source = folder / self.options.source.name
            inside = replace(self.options, source=source, ledger=folder / self.options.ledger.name, repository="")
            try:
                self._last = (commit, description.read_valid(inside))
            except DescriptionError:
                return None
        return self._last[1]
