# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which statements were used: a file to which lines are added, on disk before anything is done with a proof.

A line has the digest of a statement, which its nonce makes unlike all others, when it ends, and what it was used for;
the same use again is no second one, so that whoever was killed in between goes on. Lines at the end that were cut off
were acted on by nobody, and do not count.

Lines of statements that have ended are dropped when the file is opened. The first line keeps the latest end of all that
was dropped: what ended before that is refused by whatever clock.

A second file, the marker, is in no backup. It has the word of the first line, and how many lines there were in all:
where the word differs, or lines are missing, the file was restored, and does not know what was used since. Then nothing
counts that was signed before.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from ..language.files import write_atomically
from .statements import LEEWAY, SESSION, ProofError, Statement, moment, written

ENDED = "ended"
"""What a session is used for when its owner ends it; until then it may be used again and again."""
_HEAD = re.compile(r"nonces ([A-Za-z0-9_-]{22}) ([0-9]{1,15}) (\S+) (\S+)")
_LINE = re.compile(r"([0-9a-f]{64}) (\S+) ([!-~]{1,200})")
_NEVER = "1970-01-01T00:00:00Z"


class StoreError(Exception):
    """The store cannot be used: another process has it, or it is damaged."""


class Store:
    """The statements that were used, for one process at a time."""

    def __init__(self, path: Path, marker: Path, now: datetime.datetime) -> None:
        """Open the file, or make it; whoever has it open already keeps it."""
        self.path, self.marker = path, marker
        self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise StoreError(f"{path}: another process uses it; there is one steward") from None
        self._used: dict[str, tuple[str, str]] = {}
        self.dropped, self.signed_after = _NEVER, _NEVER
        self._word, self._count, self._file = "", 0, -1
        try:
            self._begin(now)
        except BaseException:
            os.close(self._lock)
            raise

    def _begin(self, now: datetime.datetime) -> None:
        head, lines = self._read()
        word, _blank, count = (self.marker.read_text(encoding="ascii") if self.marker.exists() else "").partition(" ")
        if head:
            self._word, self._count = head[1], int(head[2]) + len(lines)
            self.dropped, self.signed_after = head[3], head[4]
        if not head and not word:
            # With no store at all, whatever was used before is not known, on a new platform nothing.
            self.signed_after = written(now)
        elif self._word != word or self._count < int(count):
            self.signed_after, self._word = max(self.signed_after, written(now + LEEWAY)), ""
        for one, end, use in lines:
            if moment(end) < now:
                self.dropped = max(self.dropped, end)
            else:
                self._used[one] = (end, use)
        self._word = self._word or secrets.token_urlsafe(16)
        base = self._count - len(self._used)
        rows = [f"{one} {end} {use}" for one, (end, use) in self._used.items()]
        write_atomically(
            self.path, "\n".join([f"nonces {self._word} {base} {self.dropped} {self.signed_after}", *rows, ""]), 0o600
        )
        self._mark()
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def _read(self) -> tuple[re.Match[str] | None, list[tuple[str, str, str]]]:
        """Return the first line and the others, without what was cut off at the end."""
        text = self.path.read_text(encoding="ascii", errors="replace") if self.path.exists() else ""
        if not text:
            return None, []
        first, *others = text.split("\n")[:-1] or [""]
        head, found = _HEAD.fullmatch(first), [_LINE.fullmatch(line) for line in others]
        while found and not found[-1]:
            found.pop()
        lines = [(line[1], line[2], line[3]) for line in found if line]
        try:
            times = [moment(time) for time in [*([head[3], head[4]] if head else []), *(line[1] for line in lines)]]
        except ValueError:
            times = []
        if not head or not times or len(lines) < len(found):
            raise StoreError(f"{self.path}: is damaged; move it away, and nothing counts that was signed before")
        return head, lines

    def _mark(self) -> None:
        write_atomically(self.marker, f"{self._word} {self._count}", 0o600)

    def check(self, statements: Iterable[Statement], use: str) -> None:
        """Raise ProofError for a statement that was used for something else, or that nothing is known of any more."""
        for one in statements:
            if one["made"] < self.signed_after:
                since = f"the record of what was used begins at {self.signed_after}"
                raise ProofError("used", f"this was signed at {one['made']}, and {since}; sign again")
            if one["not_after"] <= self.dropped:
                raise ProofError("time", f"this held until {one['not_after']}; sign again")
            used = self._used.get(one.digest)
            if used and one.kind == SESSION:
                raise ProofError("used", f"{one.person} has ended this session; sign in again")
            if used and used[1] != use:
                raise ProofError("used", "this statement was used before; each is good for one time")

    def spend(self, statements: Iterable[Statement], use: str) -> None:
        """Note that statements are used, on disk before this returns; raises ProofError as ``check`` does."""
        if not re.fullmatch(r"[!-~]{1,200}", use) or use == ENDED:
            raise ValueError(f"no word for a use: {use!r}")
        wanted = list(statements)
        self.check(wanted, use)
        self._note({one.digest: (one["not_after"], use) for one in wanted if one.kind != SESSION})

    def end_session(self, session: Statement) -> None:
        """Note that a session was ended: nothing counts by it from now on."""
        self._note({session.digest: (session["not_after"], ENDED)})

    def _note(self, uses: dict[str, tuple[str, str]]) -> None:
        new = {one: use for one, use in uses.items() if one not in self._used}
        if not new:
            return
        data = "".join(f"{one} {end} {use}\n" for one, (end, use) in new.items()).encode("ascii")
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, data) != len(data):
                raise OSError(f"{self.path}: the disk is full")
            os.fsync(self._file)
        except OSError:
            # Half a line would spoil the next one.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size)
            raise
        self._used |= new
        self._count += len(new)
        self._mark()

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._file)
        os.close(self._lock)
