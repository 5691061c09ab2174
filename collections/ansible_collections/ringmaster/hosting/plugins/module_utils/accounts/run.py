# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: read, plan, and unless it is only a check, apply in the order that really locks out."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import facts, homes, policy, sessions, timer, view
from .database import SWAP_ORDER, WIDTHS, Database
from .model import (
    AT_DIRECTORY,
    CRONTAB_DIRECTORY,
    KEYS_DIRECTORY,
    LINGER_DIRECTORY,
    SERVICE_GID,
    STATE_DIRECTORY,
    STATE_FILE,
    AccountsError,
    Options,
    Paths,
    Roster,
)
from .plan import make_plan
from .records import ours
from .roster import parse
from .swap import Stage, StagedDatabase, account_lock, run_lock, sync_filesystem
from .work import Plan, WantedFile

RETIRED_DIRECTORY = f"{STATE_DIRECTORY}/retired"


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
            remove_leftovers(paths)
            current = read(paths, roster, extra)
            result = Result(make_plan(current, roster, options, today, extra))
            if not result.changed:
                return result
            change_files(paths, current, result)
        change_system(paths, options, result)
        verify(paths, result)
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


def change_files(paths: Paths, current: facts.Current, result: Result) -> None:
    """Change all that is a file, in an order that is safe to be killed in.

    First everything is written beside its place and judged; a full disk or a refused file ends the run here.
    Then
    1. the roster is kept, so that the repair timer finishes what a killed run began, and never goes back;
    2. keys, 3. rules, 4. homes, 5. the account files: groups, then shadow, then passwd.
    """
    plan = result.plan
    stage = Stage(paths)
    database = StagedDatabase(paths, current.texts, plan.database)
    try:
        if plan.applied_text is not None:
            directory = paths.at(STATE_DIRECTORY)
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            stage.write(STATE_FILE, plan.applied_text, 0o600)
        keys = {f"{KEYS_DIRECTORY}/{name}": text for name, text in plan.keys.items()}
        for path, text in keys.items():
            if text is not None:
                stage.write(path, text, 0o644)
        for wanted in plan.files:
            if wanted.text is not None:
                pending = stage.write(wanted.path, wanted.text, wanted.mode)
                if wanted.path == policy.SUDOERS_PATH:
                    check_sudoers(pending)
        if plan.database:
            database.write()
            database.check()
        stage.sync()
        if plan.applied_text is not None:
            stage.commit(STATE_FILE)
            sync_filesystem(paths.at(STATE_DIRECTORY))
        # Keys that go come before keys that arrive: they are what lets somebody in.
        for path, text in sorted(keys.items(), key=lambda item: item[1] is not None):
            if text is None:
                _remove(paths.at(path))
            else:
                stage.commit(path)
        for wanted in plan.files:
            if wanted.text is None:
                _remove(paths.at(wanted.path))
            else:
                stage.commit(wanted.path)
        skeleton = homes.read_skeleton(paths) if any(work.create for work in plan.homes) else []
        for work in plan.homes:
            if work.create or work.uid != 0:
                homes.prepare(paths, work, skeleton)
        database.swap(SWAP_ORDER)
        if plan.database:
            database.sync()
    except OSError as error:
        raise AccountsError(
            f"{error.strerror or error} ({error.filename or 'while writing'}). What is in place is whole; "
            "make room or repair the cause, then run again."
        ) from error
    finally:
        stage.abort()
        database.remove()


def change_system(paths: Paths, options: Options, result: Result) -> None:
    """Act on the running system: people who are out lose crontab, jobs, lingering, sessions and processes."""
    plan = result.plan
    for name in plan.crontabs:
        _retire(paths, name)
    for job in plan.at_jobs:
        paths.at(f"{AT_DIRECTORY}/{job}").unlink(missing_ok=True)
    if any(wanted.reload_systemd for wanted in plan.files):
        sessions.reload_systemd(paths)
    for name in plan.linger_off:
        sessions.linger(paths, name, on=False)
    sessions.end(paths, plan.departures)
    for name in plan.linger_on:
        sessions.linger(paths, name, on=True)
    for work in plan.homes:
        if not work.create and work.uid == 0:
            homes.prepare(paths, work, [])
    for home in plan.purge_homes:
        homes.purge(paths, home)
    if any(wanted.path == timer.TIMER_PATH for wanted in plan.files):
        sessions.switch_unit(paths, Path(timer.TIMER_PATH).name, on=options.self_heal)
        if options.self_heal:
            # Waits for this run to end; from then on a check can tell when the accounts were last compared.
            sessions.switch_unit(paths, Path(timer.SERVICE_PATH).name, on=True)


def verify(paths: Paths, result: Result) -> None:
    """Look again at what must hold at the end of a run."""
    plan = result.plan
    if plan.database:
        now = Database.parse(facts.read_texts(paths))
        wanted = Database.parse({**dict.fromkeys(WIDTHS, ""), **plan.database})
        for name in set(plan.database) & {"passwd", "shadow"}:
            # Others may have worked on the file since the lock was given back; our records must be in it.
            table, ours_table = getattr(now, name), getattr(wanted, name)
            lost = [each for each in plan.accounts if table.find(each) != ours_table.find(each)]
            if lost:
                raise AccountsError(f"/etc/{name} was changed by somebody else during the run: {', '.join(lost)}.")
    present = facts.listed(paths, KEYS_DIRECTORY)
    left = [account.name for account in plan.accounts.values() if not account.may_log_in and account.name in present]
    if left:
        raise AccountsError(f"Keys of people who are out came back during the run: {', '.join(left)}.")
    if plan.departures:
        # Who only had the sessions ended may be back with another key.
        gone = {account.uid for account in plan.departures if not account.active}
        running = sorted({uid for _pid, uid in facts.processes(paths) if uid in gone})
        if running:
            raise AccountsError(f"Processes of people who are out are running again: uids {running}.")
    if paths.live and any(wanted.path == policy.SUDOERS_PATH for wanted in plan.files):
        whole = subprocess.run(["visudo", "-c"], capture_output=True, text=True, errors="replace", check=False)
        if whole.returncode != 0:
            result.warnings.append(
                "sudo's rules are in place, but another file below /etc/sudoers.d is broken: "
                + (whole.stderr or whole.stdout).strip()
            )


def check_sudoers(pending: Path) -> None:
    """Let visudo judge the rules before they are put in place."""
    program = shutil.which("visudo", path="/usr/sbin:/sbin")
    if program is None:
        raise AccountsError("visudo is missing; install the package sudo.")
    argv = [program, "-cf", str(pending)]
    judged = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    if judged.returncode != 0:
        raise AccountsError(f"visudo refuses the new rules: {(judged.stderr or judged.stdout).strip()}")


def remove_leftovers(paths: Paths) -> None:
    """Take away what a killed run has left beside the files; nothing ever reads it."""
    shutil.rmtree(paths.at("/etc/.ringmaster-accounts"), ignore_errors=True)
    directories = {
        KEYS_DIRECTORY,
        STATE_DIRECTORY,
        "/etc",
        "/etc/sudoers.d",
        "/etc/profile.d",
        "/etc/polkit-1/rules.d",
    }
    for directory in directories:
        for path in _hidden(paths.at(directory)):
            path.unlink(missing_ok=True)
    for directory in ("/home", "/srv"):
        for path in _hidden(paths.at(directory)):
            shutil.rmtree(path)


def _hidden(directory: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        yield from [
            Path(entry.path)
            for entry in os.scandir(directory)
            if entry.name.startswith(".") and entry.name.endswith(facts.PENDING_SUFFIX)
        ]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        raise AccountsError(f"{path} is a directory where a file belongs; move it away, then run again.")
    path.unlink(missing_ok=True)


def _retire(paths: Paths, name: str) -> None:
    """Take a crontab out of cron's sight, but keep it: it is somebody's work."""
    source = paths.at(f"{CRONTAB_DIRECTORY}/{name}")
    directory = paths.at(RETIRED_DIRECTORY)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = directory / f"{name}.crontab"
    try:
        source.rename(target)
    except FileNotFoundError:
        return
    except OSError:
        # Another file system: copy, then remove.
        shutil.copyfile(source, target, follow_symlinks=False)
        source.unlink()
