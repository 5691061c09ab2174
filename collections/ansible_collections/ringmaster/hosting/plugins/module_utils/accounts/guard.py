# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse rosters that clash with the system, are too old or meant for somewhere else, or throw out too many at once."""

from __future__ import annotations

from collections.abc import Iterator

from .comparison import Comparison
from .database import Database, members, problems
from .model import GROUPS, USERS_GID, AccountsError
from .records import ours

REMOVALS_UNASKED = 5
REMOVAL_SHARE_UNASKED = 0.20


def check(comparison: Comparison) -> None:
    """Raise AccountsError when the roster must not be applied."""
    _check_clashes(comparison)
    _check_history(comparison)
    _check_limits(comparison)
    _check_removals(comparison)
    _check_outcome(comparison)


def _check_clashes(comparison: Comparison) -> None:
    """Find names, uids and gids that the system already uses for something else."""
    clashes = [*_account_clashes(comparison), *_group_clashes(comparison.before)]
    if clashes:
        raise AccountsError("The roster cannot be applied; nothing was changed:\n- " + "\n- ".join(clashes))


def _account_clashes(comparison: Comparison) -> Iterator[str]:
    by_uid = {record[2]: record[0] for record in comparison.before.passwd}
    for account in comparison.roster.accounts.values():
        record = comparison.before.passwd.find(account.name)
        if record is not None and record[2] != str(account.uid):
            whose = "belongs to the system" if not ours(record) else "never changes"
            yield (
                f"{account.name}: the name is in /etc/passwd with uid {record[2]}, which {whose}; "
                f"the roster gives it uid {account.uid}"
            )
        other = by_uid.get(str(account.uid))
        if other is not None and other != account.name:
            yield (
                f"{account.name}: uid {account.uid} belongs to {other!r} on this machine; "
                "a uid is never given to another name, so give the new name a new uid"
            )


def _group_clashes(database: Database) -> Iterator[str]:
    by_gid = {record[2]: record[0] for record in database.group}
    for name, gid in {**GROUPS, "users": USERS_GID}.items():
        record = database.group.find(name)
        if record is not None and record[2] != str(gid):
            yield f"group {name}: /etc/group has it with gid {record[2]}, it must be {gid}"
        elif record is None and name == "users":
            yield f"group users: it is missing from /etc/group (Debian ships it with gid {USERS_GID})"
        elif record is None and str(gid) in by_gid:
            yield f"group {name}: its gid {gid} belongs to group {by_gid[str(gid)]!r} on this machine"


def _check_history(comparison: Comparison) -> None:
    """Compare with the roster that was accepted last."""
    applied, roster = comparison.current.applied, comparison.roster
    if comparison.options.replace_state or not applied.roster:
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


def _check_limits(comparison: Comparison) -> None:
    """Find limits of somebody who is no service user of the project."""
    roster = comparison.roster
    service_users = [name for name, account in roster.accounts.items() if account.service]
    strangers = sorted(set(comparison.options.limits) - set(service_users))
    if strangers:
        raise AccountsError(
            f"limits: {', '.join(strangers)}: no such service user in project {roster.project}; there are "
            f"{', '.join(service_users) or 'none'}."
        )


def _check_removals(comparison: Comparison) -> None:
    """Ask for a confirmation when many people or the last administrator would go.

    A roster that was accepted already is not asked about again: a killed run must be able to finish.
    """
    applied = comparison.current.applied
    if comparison.options.confirm_removal or (applied.roster and applied.roster == comparison.roster.raw):
        return
    reasons = [*_many_people_leave(comparison), *_no_administrator_stays(comparison)]
    if reasons:
        raise AccountsError(
            "The roster was not applied, because " + " and ".join(reasons) + ". Check the platform description; if"
            " this is meant, run again with confirm_removal: true (-e accounts_confirm_removal=true)."
        )


def _many_people_leave(comparison: Comparison) -> Iterator[str]:
    accounts, now = comparison.accounts, active_people(comparison.before)
    leaving = sorted(name for name in now if name not in accounts or not accounts[name].active)
    if len(leaving) > REMOVALS_UNASKED and len(leaving) > REMOVAL_SHARE_UNASKED * len(now):
        shown = ", ".join(leaving[:10]) + (", …" if len(leaving) > 10 else "")
        yield f"{len(leaving)} of {len(now)} people would lose access ({shown})"


def _no_administrator_stays(comparison: Comparison) -> Iterator[str]:
    wheel = comparison.before.group.find("wheel")
    had = active_people(comparison.before).intersection(members(wheel[3])) if wheel else set()
    if had and not any(each.active and "wheel" in each.permissions for each in comparison.accounts.values()):
        yield f"nobody would be left with permission wheel (now: {', '.join(sorted(had))})"


def active_people(database: Database) -> set[str]:
    """Return the people of our range who can log in now."""
    people = set()
    for record in database.passwd:
        shadow = database.shadow.find(record[0])
        if ours(record) and not record[0].startswith("s-") and shadow is not None and shadow[7] != "1":
            people.add(record[0])
    return people


def _check_outcome(comparison: Comparison) -> None:
    """Find what would be wrong in the new account files and was not in the old ones."""
    known = problems(comparison.before)
    broken = [each for each in problems(comparison.after) if each not in known]
    if broken:
        raise AccountsError("The new account files would be wrong: " + "; ".join(broken))
