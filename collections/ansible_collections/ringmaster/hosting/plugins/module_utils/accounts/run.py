# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: read, compare, plan, and unless it is only a check, apply; what is planned is told either way."""

from __future__ import annotations

import datetime
import sys
from dataclasses import dataclass, field

from . import apply, facts, left_behind, view
from .comparison import Comparison
from .model import STATE_FILE, AccountsError, Options, Paths, Roster
from .plan import make_plan
from .roster import parse
from .swap import account_lock, run_lock
from .work import Change, Plan


@dataclass
class Result:
    """What a run did, or in check mode would do."""

    plan: Plan
    changes: list[Change]
    warnings: list[str] = field(default_factory=list)
    # What goes on without the people who lose a right in this run, a sentence for each of them.
    left_behind: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Tell whether anything differs."""
        return bool(self.changes)


def run(
    roster: Roster,
    options: Options,
    check_mode: bool = False,
    paths: Paths | None = None,
    today: datetime.date | None = None,
) -> Result:
    """Bring the machine to the roster; raises AccountsError when it cannot."""
    paths = paths or Paths()
    now = datetime.datetime.now(tz=datetime.UTC)
    if today is not None:
        now = datetime.datetime.combine(today, datetime.time(), datetime.UTC)
    if check_mode:
        return _foresee(paths, _compare(paths, roster, options, now))
    with run_lock(paths):
        with account_lock(paths):
            apply.remove_leftovers(paths)
            comparison = _compare(paths, roster, options, now)
            result = _foresee(paths, comparison)
            if not result.changed:
                return result
            apply.change_files(paths, comparison.current.texts, result.plan)
        apply.change_system(paths, result.plan)
        result.warnings.extend(apply.verify(paths, result.plan))
    return result


def _compare(paths: Paths, roster: Roster, options: Options, now: datetime.datetime) -> Comparison:
    return Comparison(facts.read(paths, roster, options), roster, options, now.date(), int(now.timestamp()))


def _foresee(paths: Paths, comparison: Comparison) -> Result:
    plan = make_plan(comparison)
    return Result(plan, view.changes(comparison, plan), left_behind=left_behind.sentences(paths, comparison))


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
    for change in result.changes:
        sys.stdout.write(f"repaired: {view.sentence(change)}\n")
    for warning in [*result.warnings, *result.left_behind]:
        sys.stdout.write(f"warning: {warning}\n")
    return 0
