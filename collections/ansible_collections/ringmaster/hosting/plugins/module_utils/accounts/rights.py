# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may become others: since when each person has the right on this machine, and who loses it now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .database import Database, members
from .model import Account

BECOME_SERVICE = "sudo-srv"
BECOME_ROOT = "wheel"
DAY = 86400


@dataclass(frozen=True)
class Loss:
    """Rights that a person loses, and the moment (seconds since 1970) from which on the person had one of them."""

    person: str
    rights: tuple[str, ...]
    since: int
    keeps_service_users: bool


@dataclass(frozen=True)
class Rights:
    """The groups of a machine before and after a run; ``noted`` has uid -> right -> moment of earlier runs.

    ``moment`` is now. A right whose beginning nobody noted is as old as the account, as far as anybody can tell.
    """

    before: Database
    after: Database
    accounts: Mapping[str, Account]
    noted: Mapping[int, Mapping[str, int]]
    moment: int

    def since(self) -> dict[int, dict[str, int]]:
        """Return uid -> right -> moment for all who have a right in the end: what the next run finds noted."""
        people = (each for each in self.accounts.values() if each.active and not each.service)
        found = {
            each.uid: {right: self._begun(each, right) for right in rights_of(self.after, each.name)} for each in people
        }
        return {uid: rights for uid, rights in found.items() if rights}

    def losses(self) -> Iterator[Loss]:
        """Yield the people who lose a right in this run."""
        kept = self.since()
        for account in sorted(self.accounts.values(), key=lambda each: each.name):
            before = () if account.service else rights_of(self.before, account.name)
            lost = tuple(right for right in before if right not in kept.get(account.uid, {}))
            if lost:
                begun = min(self._begun(account, right) for right in lost)
                yield Loss(account.name, lost, begun, keeps_service_users=bool(kept.get(account.uid)))

    def _begun(self, account: Account, right: str) -> int:
        noted = self.noted.get(account.uid, {}).get(right)
        if noted is not None:
            return noted
        shadow = self.before.shadow.find(account.name)
        if right in rights_of(self.before, account.name) and shadow is not None and shadow[2].isdigit():
            return min(int(shadow[2]) * DAY, self.moment)
        return self.moment


def rights_of(database: Database, name: str) -> tuple[str, ...]:
    """Return which of the two rights somebody has by the group file."""
    records = {right: database.group.find(right) for right in (BECOME_SERVICE, BECOME_ROOT)}
    return tuple(right for right, record in records.items() if record is not None and name in members(record[3]))
