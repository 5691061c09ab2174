# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse rosters that are too old, meant for somewhere else, or would throw out too many people at once."""

from __future__ import annotations

from collections.abc import Mapping

from .database import Database, members
from .facts import Applied
from .model import Account, AccountsError, Options, Roster
from .records import ours

REMOVALS_UNASKED = 5
REMOVAL_SHARE_UNASKED = 0.20


def check_history(applied: Applied, roster: Roster, options: Options) -> None:
    """Compare with the roster that was accepted last."""
    if options.replace_state or not applied.roster:
        return
    if applied.project != roster.project:
        raise AccountsError(
            f"This machine belongs to project {applied.project!r}, the roster is for {roster.project!r}. "
            "If the machine really changed hands, run once with replace_state: true."
        )
    if roster.generation < applied.generation:
        raise AccountsError(
            f"The roster has generation {roster.generation}, but {applied.generation} is applied already: "
            "it is out of date. Update the checkout and its allocations, then run again "
            "(replace_state: true forgets what was applied)."
        )


def active_people(database: Database) -> set[str]:
    """Return the people of our range who can log in now."""
    people = set()
    for record in database.passwd:
        shadow = database.shadow.find(record[0])
        if ours(record) and not record[0].startswith("s-") and shadow is not None and shadow[7] != "1":
            people.add(record[0])
    return people


def check_guards(
    database: Database, accounts: Mapping[str, Account], applied: Applied, roster: Roster, options: Options
) -> None:
    """Ask for a confirmation when many people or the last administrator would go.

    A roster that was accepted already is not asked about again: a killed run must be able to finish.
    """
    if options.confirm_removal or (applied.roster and applied.roster == roster.raw):
        return
    now = active_people(database)
    leaving = sorted(name for name in now if name not in accounts or not accounts[name].active)
    reasons = []
    if len(leaving) > REMOVALS_UNASKED and len(leaving) > REMOVAL_SHARE_UNASKED * len(now):
        shown = ", ".join(leaving[:10]) + (", …" if len(leaving) > 10 else "")
        reasons.append(f"{len(leaving)} of {len(now)} people would lose access ({shown})")
    wheel = database.group.find("wheel")
    had = now.intersection(members(wheel[3])) if wheel else set()
    keep = {each.name for each in accounts.values() if each.active and "wheel" in each.permissions}
    if had and not keep:
        reasons.append(f"nobody would be left with permission wheel (now: {', '.join(sorted(had))})")
    if reasons:
        raise AccountsError(
            "The roster was not applied, because " + " and ".join(reasons) + ". Check the platform description; if"
            " this is meant, run again with confirm_removal: true (-e accounts_confirm_removal=true)."
        )
