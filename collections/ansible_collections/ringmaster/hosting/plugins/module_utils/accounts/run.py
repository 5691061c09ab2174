# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: read, plan, and unless it is only a check, apply."""

from __future__ import annotations

import datetime
import sys
from dataclasses import dataclass, field

from . import apply, facts, policy, timer, view
from .database import Database
from .model import (
    CRONTAB_DIRECTORY,
    LINGER_DIRECTORY,
    SERVICE_GID,
    STATE_FILE,
    AccountsError,
    Options,
    Paths,
    Roster,
)
from .plan import make_plan
from .records import ours
from .roster import parse
from .swap import account_lock, run_lock
from .work import Plan, WantedFile


@dataclass
class Result:
    """What a run did, or in check mode would do."""

    plan: Plan
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Tell whether anything differs."""
        return self.plan.changed


def run(
    roster: Roster,
    options: Options,
    check_mode: bool = False,
    paths: Paths | None = None,
    today: datetime.date | None = None,
) -> Result:
    """Bring the machine to the roster; raises AccountsError when it cannot."""
    paths = paths or Paths()
    today = today or datetime.datetime.now(tz=datetime.UTC).date()
    extra = timer.files(options.self_heal)
    if check_mode:
        return Result(make_plan(read(paths, roster, extra), roster, options, today, extra))
    with run_lock(paths):
        with account_lock(paths):
            apply.remove_leftovers(paths)
            current = read(paths, roster, extra)
            result = Result(make_plan(current, roster, options, today, extra))
            if not result.changed:
                return result
            apply.change_files(paths, current.texts, result.plan)
        apply.change_system(paths, result.plan)
        result.warnings.extend(apply.verify(paths, result.plan))
    return result


def main() -> int:
    """Apply the accepted roster again: what the timer runs. What is written goes to the journal. Returns the status."""
    try:
        applied = facts.read_applied(Paths())
        if not applied.roster:
            sys.stdout.write(f"No roster was applied yet: {STATE_FILE} is missing.\n")
            return 0
        result = run(parse(applied.roster), Options.from_kept(applied.options))
    except AccountsError as error:
        sys.stderr.write(f"The accounts could not be repaired: {error}\n")
        return 1
    for change in result.plan.changes:
        sys.stdout.write(f"repaired: {view.sentence(change)}\n")
    for warning in result.warnings:
        sys.stdout.write(f"warning: {warning}\n")
    return 0


def read(paths: Paths, roster: Roster, extra: list[WantedFile]) -> facts.Current:
    """Read all that the plan depends on."""
    texts = facts.read_texts(paths)
    database = Database.parse(texts)
    places = {account.home for account in roster.accounts.values()}
    uids = {account.uid for account in roster.accounts.values()}
    for record in database.passwd:
        if ours(record):
            service = record[3] == str(SERVICE_GID)
            places.add(f"/srv/{record[0]}" if service else f"/home/{record[0]}")
            uids.add(int(record[2]))
    managed = [each.path for each in [*policy.files(roster, {}), *extra]]
    managed.extend(policy.limits_path(uid) for uid in sorted(uids))
    managed.extend(policy.edits())
    files = {path: facts.read_file(paths.at(path)) for path in dict.fromkeys(managed)}
    return facts.Current(
        texts=texts,
        keys=facts.read_keys(paths),
        homes=facts.read_homes(paths, sorted(places)),
        files={path: state for path, state in files.items() if state is not None},
        lingering=facts.listed(paths, LINGER_DIRECTORY),
        crontabs=facts.listed(paths, CRONTAB_DIRECTORY),
        at_jobs=facts.read_at_jobs(paths),
        processes=facts.read_processes(paths),
        applied=facts.read_applied(paths),
    )
