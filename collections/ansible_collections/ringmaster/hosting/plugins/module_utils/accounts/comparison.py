# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there beside what is wanted. Four things are given, and all else follows from them, once and for all."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cached_property

from . import records
from .database import Database
from .facts import Applied, Current
from .model import Account, Options, Roster
from .rights import Rights

EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True)
class Comparison:
    """A machine as it is and a roster with its options, on a day; guard, plan and view ask it.

    ``moment`` is the time of the run, in seconds since 1970.
    """

    current: Current
    roster: Roster
    options: Options
    today: datetime.date
    moment: int = 0

    @cached_property
    def before(self) -> Database:
        """Return the account files as they are."""
        return Database.parse(self.current.texts)

    @cached_property
    def after(self) -> Database:
        """Return the account files as they will be."""
        after = Database.parse(self.current.texts)
        records.write(after, self.accounts, (self.today - EPOCH).days, self.purged)
        return after

    @cached_property
    def accounts(self) -> dict[str, Account]:
        """Return all accounts of our range by name: those that the roster lacks count as removed."""
        return records.with_missing(self.before, self.roster.accounts)

    @cached_property
    def removed(self) -> dict[int, str]:
        """Return uid -> ISO date of the day an account was first seen as removed."""
        return {
            account.uid: self.current.applied.removed.get(account.uid, self.today.isoformat())
            for account in self.accounts.values()
            if account.state == "removed"
        }

    @cached_property
    def purged(self) -> frozenset[str]:
        """Return the people who are removed for as long as their home is kept: they go for good."""
        return frozenset(
            name
            for name, account in self.accounts.items()
            if account.state == "removed" and not account.service and self._is_overdue(account)
        )

    def _is_overdue(self, account: Account) -> bool:
        since = datetime.date.fromisoformat(self.removed[account.uid])
        return (self.today - since).days >= self.options.home_retention_days

    @cached_property
    def rights(self) -> Rights:
        """Return who may become others, before and after."""
        return Rights(self.before, self.after, self.accounts, self.current.applied.rights, self.moment)

    @cached_property
    def accepted(self) -> Applied:
        """Return what the next run will find applied."""
        purged = {self.accounts[name].uid for name in self.purged}
        kept = {uid: day for uid, day in self.removed.items() if uid not in purged}
        return Applied(self.roster.raw, self.options.kept(), kept, self.rights.since())
