# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done, as data: `plan` decides it, `view` tells it, `apply` does it."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Account

HEADER = "Managed by Ringmaster (module accounts); local changes are overwritten."
"""The first line of every file that is ours alone, as a comment."""


@dataclass(frozen=True)
class WantedFile:
    """A file that is ours alone, owned by root; text None means that it must not exist."""

    path: str
    text: str | None
    mode: int = 0o644
    reload_systemd: bool = False
    binary: bool = False


@dataclass(frozen=True)
class HomeWork:
    """Make a home, or repair owner and mode of the folder itself (mode None: leave it)."""

    path: str
    uid: int
    gid: int
    mode: int | None
    create: bool

    @property
    def closes(self) -> bool:
        """Tell whether the home is taken from somebody, which waits until nothing of theirs runs."""
        return not self.create and self.uid == 0


@dataclass(frozen=True)
class Change:
    """One thing that differs, in our own words; None means that it is not there."""

    subject: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Plan:
    """All that a run does, in terms that apply needs no further decisions for."""

    accounts: dict[str, Account]
    applied_text: str | None
    keys: dict[str, str | None]
    files: list[WantedFile]
    database: dict[str, str]
    homes: list[HomeWork]
    purge_homes: list[str]
    # Whose sessions and processes end: people who are out, and those of Options.end_sessions.
    departures: list[Account]
    # Service users whose managers start again, without what else they have running.
    restarts: list[Account]
    crontabs: list[str]
    at_jobs: list[str]
    linger_on: list[str]
    linger_off: list[str]
    counts: dict[str, int]
