# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is there and what is wanted to what must be done. Pure: the same input gives the same plan."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping

from . import policy, records, view
from .database import Database, problems
from .facts import Applied, Current, FileState
from .guard import check_guards, check_history
from .model import Account, AccountsError, Options, Roster
from .work import HomeWork, Plan, WantedFile

EPOCH = datetime.date(1970, 1, 1)


def make_plan(
    current: Current,
    roster: Roster,
    options: Options,
    today: datetime.date,
    extra_files: list[WantedFile] | None = None,
) -> Plan:
    """Compare and decide; raises AccountsError when the roster must not be applied.

    extra_files are managed like the policy's files (the repair timer).
    """
    before = Database.parse(current.texts)
    clashes = records.conflicts(before, roster.accounts)
    if clashes:
        raise AccountsError("The roster cannot be applied; nothing was changed:\n- " + "\n- ".join(clashes))
    check_history(current.applied, roster, options)
    strangers = sorted(name for name in options.limits if not _is_service_user(roster, name))
    if strangers:
        raise AccountsError(
            f"limits: {', '.join(strangers)}: no such service user in project {roster.project}; there are "
            f"{', '.join(name for name in roster.accounts if _is_service_user(roster, name)) or 'none'}."
        )
    accounts = records.with_missing(before, roster.accounts)
    check_guards(before, accounts, current.applied, roster, options)

    plan = Plan(accounts=accounts)
    removed = _removed_since(accounts, current.applied, today)
    purged = {
        name
        for name, account in accounts.items()
        if account.state == "removed"
        and not account.service
        and (today - datetime.date.fromisoformat(removed[account.uid])).days >= options.home_retention_days
    }
    after = Database.parse(current.texts)
    records.write(after, accounts, (today - EPOCH).days, purged)
    broken = [each for each in problems(after) if each not in problems(before)]
    if broken:
        raise AccountsError("The new account files would be wrong: " + "; ".join(broken))
    plan.database = {name: text for name, text in after.render().items() if text != current.texts[name]}

    _plan_keys(plan, current, before)
    _plan_files(plan, current, [*policy.files(roster, options.limits), *(extra_files or [])], before)
    _plan_homes(plan, current, purged)
    _plan_departures(plan, current, before, options.end_sessions)
    _plan_lingering(plan, current)
    kept = {uid: day for uid, day in removed.items() if not _purged(uid, accounts, purged)}
    accepted = Applied(roster.raw, options.kept(), kept)
    if accepted != current.applied:
        plan.applied_text = accepted.text()
    plan.changes = view.changes(plan, current, (before, after), roster, purged)
    for state in ("active", "locked", "removed"):
        plan.counts[state] = sum(
            1 for each in accounts.values() if each.state == state and not each.service and each.name not in purged
        )
    plan.counts["service_users"] = sum(1 for each in accounts.values() if each.service and each.active)
    return plan


def _is_service_user(roster: Roster, name: str) -> bool:
    return name in roster.accounts and roster.accounts[name].service


def _removed_since(accounts: Mapping[str, Account], applied: Applied, today: datetime.date) -> dict[int, str]:
    """Return uid -> ISO date of the day an account was first seen as removed."""
    return {
        account.uid: applied.removed.get(account.uid, today.isoformat())
        for account in accounts.values()
        if account.state == "removed"
    }


def _purged(uid: int, accounts: Mapping[str, Account], purged: set[str]) -> bool:
    return any(accounts[name].uid == uid for name in purged)


def _plan_keys(plan: Plan, current: Current, before: Database) -> None:
    wanted = {
        account.name: "".join(f"{key}\n" for key in account.keys)
        for account in plan.accounts.values()
        if account.may_log_in and account.keys
    }
    for name in current.keys:
        record = before.passwd.find(name)
        # root and other accounts of the system are not ours; a file without an account is nobody's.
        foreign = record is not None and not records.ours(record) and name not in plan.accounts
        if name not in wanted and not foreign:
            plan.keys[name] = None
    for name, text in wanted.items():
        if current.keys.get(name) != FileState(text, 0, 0, 0o644):
            plan.keys[name] = text


def _plan_files(plan: Plan, current: Current, wanted: list[WantedFile], before: Database) -> None:
    named = {each.path for each in wanted}
    for account in plan.accounts.values():
        path = policy.limits_path(account.uid)
        if path in current.files and path not in named:
            wanted.append(WantedFile(path, None, reload_systemd=True))
    for each in wanted:
        found = current.files.get(each.path)
        if each.text is None:
            if found is not None:
                plan.files.append(each)
        elif found != FileState(each.text, 0, 0, each.mode):
            plan.files.append(each)
    for path, values in policy.edits().items():
        found = current.files.get(path)
        if found is not None and found.kind == "file":
            text = policy.edit(path, found.text, values)
            if text != found.text:
                plan.files.append(WantedFile(path, text, found.mode))


def _plan_homes(plan: Plan, current: Current, purged: set[str]) -> None:
    for account in plan.accounts.values():
        found = current.homes.get(account.home)
        if account.name in purged:
            if found is not None:
                plan.purge_homes.append(account.home)
            continue
        if found is not None and not found.directory:
            raise AccountsError(f"{account.home} is not a directory; move it away, then run again.")
        if account.state == "removed":
            # A person's home is closed; a service user's may still be read by others (a web server, say).
            if found is not None and not account.service and (found.uid, found.gid, found.mode) != (0, 0, 0o700):
                plan.homes.append(HomeWork(account.home, 0, 0, 0o700, create=False))
            continue
        mode = 0o755 if account.service else 0o700
        if found is None:
            plan.homes.append(HomeWork(account.home, account.uid, account.gid, mode, create=True))
        elif (found.uid, found.gid) != (account.uid, account.gid) or (not account.service and found.mode != mode):
            keep = account.service
            plan.homes.append(HomeWork(account.home, account.uid, account.gid, None if keep else mode, create=False))


def _plan_departures(plan: Plan, current: Current, before: Database, end_sessions: Collection[str]) -> None:
    for account in plan.accounts.values():
        if not (account.service and account.active):
            if account.name in current.crontabs:
                plan.crontabs.append(account.name)
            plan.at_jobs.extend(current.at_jobs.get(account.uid, ()))
        if account.active:
            if not account.service and account.name in end_sessions and current.processes.get(account.uid):
                plan.departures.append(account)
            continue
        shadow = before.shadow.find(account.name)
        was_open = shadow is not None and shadow[7] != "1"
        if was_open or current.processes.get(account.uid):
            plan.departures.append(account)
    known = {account.uid for account in plan.accounts.values()}
    for uid in sorted(set(current.processes) - known):
        # A uid of our range without any account: what is left of somebody whose record is gone.
        plan.departures.append(Account(f"#{uid}", uid, state="removed"))


def _plan_lingering(plan: Plan, current: Current) -> None:
    wanted = {account.name for account in plan.accounts.values() if account.service and account.active}
    plan.linger_on = sorted(wanted - current.lingering)
    plan.linger_off = sorted(name for name in current.lingering if name in plan.accounts and name not in wanted)
