# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what a plan changes: a paragraph before and after for each thing that differs, never a secret."""

from __future__ import annotations

from collections.abc import Iterator

from . import words
from .comparison import Comparison
from .database import Database, members
from .facts import FileState, HomeState
from .model import GROUPS, Account
from .words import Standing
from .work import Change, HomeWork, Plan, WantedFile


def changes(comparison: Comparison, plan: Plan) -> list[Change]:
    """Return what differs, ordered by kind and name."""
    told = [
        *_roster(comparison, plan),
        *_groups(comparison),
        *_accounts(comparison, plan),
        *_processes_of_nobody(comparison, plan),
        *(Change(f"services of {each.name}", "running", "restarted") for each in plan.restarts),
        *_keys_of_nobody(comparison, plan),
        *(_file(comparison, wanted) for wanted in plan.files),
    ]
    found = [each for each in told if each.before != each.after]
    # What has no words of its own (a missing newline at the end, say) is still never changed silently.
    return found or [Change(f"file /etc/{name}", "as it was", "rewritten") for name in plan.database]


def as_diff(found: list[Change]) -> dict[str, str]:
    """Join the changes to the before and after texts that Ansible compares."""
    return {
        "before_header": "accounts",
        "after_header": "accounts",
        "before": "".join(_paragraph(each.subject, each.before) for each in found),
        "after": "".join(_paragraph(each.subject, each.after) for each in found),
    }


def _paragraph(subject: str, text: str | None) -> str:
    if text is None:
        return ""
    return f"{subject}\n" + "".join(f"    {line}\n" for line in text.rstrip("\n").split("\n"))


def sentence(change: Change) -> str:
    """Say in one line what happens to a subject."""
    if change.before is None:
        return f"{change.subject}: added"
    return f"{change.subject}: {'gone' if change.after is None else 'changed'}"


def _roster(comparison: Comparison, plan: Plan) -> Iterator[Change]:
    if plan.applied_text is not None:
        applied = comparison.current.applied
        old = f"generation {applied.generation}" if applied.roster else None
        new = f"generation {comparison.roster.generation}"
        yield Change("roster", old, new if new != old else f"{new}, other content")


def _groups(comparison: Comparison) -> Iterator[Change]:
    others = (record[0] for record in comparison.before.group if record[0] not in GROUPS)
    for name in (*GROUPS, *others):
        yield Change(f"group {name}", words.group(comparison.before, name), words.group(comparison.after, name))


def _accounts(comparison: Comparison, plan: Plan) -> Iterator[Change]:
    was = _standings_before(comparison)
    will_be = _standings_after(comparison, plan, was)
    departing = {account.name for account in plan.departures}
    for name, account in sorted(plan.accounts.items()):
        old, new = was[name], will_be.get(name)
        # Words are made only for those that differ, which of thousands are few.
        if old != new:
            kind = "service user" if account.service else "person"
            yield Change(f"{kind} {name}", words.account(old), words.account(new) if new else None)
        if not account.active or name in departing:
            yield _processes(comparison, account)


def _standings_before(comparison: Comparison) -> dict[str, Standing]:
    current, groups = comparison.current, _memberships(comparison.before)
    return {
        name: Standing(
            record=comparison.before.passwd.find(name),
            shadow=comparison.before.shadow.find(name),
            groups=groups.get(name, []),
            keys=current.keys.get(name),
            home=current.homes.get(account.home),
            lingers=name in current.lingering,
            has_crontab=name in current.crontabs,
            at_jobs=current.at_jobs.get(account.uid, ()),
        )
        for name, account in comparison.accounts.items()
    }


def _standings_after(comparison: Comparison, plan: Plan, was: dict[str, Standing]) -> dict[str, Standing]:
    """Return how all accounts stand in the end, but for those that go for good."""
    groups = _memberships(comparison.after)
    works = {work.path: work for work in plan.homes}
    ended_jobs = set(plan.at_jobs)
    return {
        name: Standing(
            record=comparison.after.passwd.find(name),
            shadow=comparison.after.shadow.find(name),
            groups=groups.get(name, []),
            keys=_planned_keys(plan.keys[name]) if name in plan.keys else was[name].keys,
            home=_planned_home(works[account.home], was[name].home) if account.home in works else was[name].home,
            lingers=(was[name].lingers or name in plan.linger_on) and name not in plan.linger_off,
            has_crontab=was[name].has_crontab and name not in plan.crontabs,
            at_jobs=tuple(job for job in was[name].at_jobs if job not in ended_jobs),
        )
        for name, account in comparison.accounts.items()
        if name not in comparison.purged
    }


def _memberships(database: Database) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in database.group:
        for name in members(record[3]):
            found.setdefault(name, []).append(record[0])
    return found


def _planned_keys(text: str | None) -> FileState | None:
    return None if text is None else FileState(text)


def _planned_home(work: HomeWork, found: HomeState | None) -> HomeState:
    mode = work.mode if work.mode is not None else (found.mode if found else 0)
    return HomeState(work.uid, work.gid, mode)


def _processes(comparison: Comparison, account: Account) -> Change:
    running = comparison.current.processes.get(account.uid, 0)
    return Change(f"processes of {account.name}", f"{running} running" if running else None, None)


def _processes_of_nobody(comparison: Comparison, plan: Plan) -> Iterator[Change]:
    for account in plan.departures:
        if account.name not in plan.accounts:
            yield _processes(comparison, account)


def _keys_of_nobody(comparison: Comparison, plan: Plan) -> Iterator[Change]:
    for name in sorted(plan.keys):
        if name not in plan.accounts:
            yield Change(f"keys of {name}", words.keys(comparison.current.keys[name]), None)


def _file(comparison: Comparison, wanted: WantedFile) -> Change:
    found = comparison.current.files.get(wanted.path)
    will_be = None if wanted.text is None else FileState(wanted.text, mode=wanted.mode)
    return Change(f"file {wanted.path}", words.file(found, wanted.binary), words.file(will_be, wanted.binary))
