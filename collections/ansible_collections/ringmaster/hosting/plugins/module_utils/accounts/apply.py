# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do what a plan says, in the order that really locks out. Nothing is decided here."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from . import facts, homes, policy, service_sessions, sessions, timer
from .database import SWAP_ORDER, WIDTHS, Database
from .model import (
    AT_DIRECTORY,
    CRONTAB_DIRECTORY,
    KEYS_DIRECTORY,
    STATE_DIRECTORY,
    STATE_FILE,
    AccountsError,
    Paths,
)
from .swap import STAGE_DIRECTORY, Stage, StagedDatabase, sync_filesystem
from .work import Plan

RETIRED_DIRECTORY = f"{STATE_DIRECTORY}/retired"


def change_files(paths: Paths, texts: dict[str, str], plan: Plan) -> None:
    """Change all that is a file, in an order that is safe to be killed in. texts are the account files as they are.

    First everything is written beside its place and judged; a full disk or a refused file ends the run here.
    Then the roster is kept, so that the repair timer can end what a killed run has begun. Then keys and rules
    change, homes are made, and the account files are swapped: groups, then shadow, then passwd.
    """
    stage = Stage(paths)
    database = StagedDatabase(paths, texts, plan.database)
    try:
        _write_beside(paths, stage, plan)
        if plan.database:
            database.write()
            database.check()
        stage.sync()
        _put_in_place(paths, stage, plan)
        _make_homes(paths, plan)
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


def _key_path(name: str) -> str:
    return f"{KEYS_DIRECTORY}/{name}"


def _write_beside(paths: Paths, stage: Stage, plan: Plan) -> None:
    if plan.applied_text is not None:
        directory = paths.at(STATE_DIRECTORY)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        stage.write(STATE_FILE, plan.applied_text, 0o600)
    for name, text in plan.keys.items():
        if text is not None:
            stage.write(_key_path(name), text, 0o644)
    for wanted in plan.files:
        if wanted.text is not None:
            pending = stage.write(wanted.path, wanted.text, wanted.mode)
            if wanted.path == policy.SUDOERS_PATH:
                check_sudoers(pending)


def _put_in_place(paths: Paths, stage: Stage, plan: Plan) -> None:
    if plan.applied_text is not None:
        stage.commit(STATE_FILE)
        sync_filesystem(paths.at(STATE_DIRECTORY))
    # Keys that go come before keys that arrive: they are what lets somebody in.
    for name, text in sorted(plan.keys.items(), key=lambda item: item[1] is not None):
        _commit_or_remove(paths, stage, _key_path(name), text)
    for wanted in plan.files:
        _commit_or_remove(paths, stage, wanted.path, wanted.text)


def _commit_or_remove(paths: Paths, stage: Stage, path: str, text: str | None) -> None:
    if text is None:
        _remove(paths.at(path))
    else:
        stage.commit(path)


def _make_homes(paths: Paths, plan: Plan) -> None:
    skeleton = homes.read_skeleton(paths) if any(work.create for work in plan.homes) else []
    for work in plan.homes:
        if not work.closes:
            homes.prepare(paths, work, skeleton)


def change_system(paths: Paths, plan: Plan) -> None:
    """Act on the running system: people who are out lose crontab, jobs, lingering, sessions and processes."""
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
    service_sessions.restart(paths, plan.restarts)
    for work in plan.homes:
        if work.closes:
            homes.prepare(paths, work, [])
    for home in plan.purge_homes:
        homes.purge(paths, home)
    _switch_timer(paths, plan)


def _switch_timer(paths: Paths, plan: Plan) -> None:
    for wanted in plan.files:
        if wanted.path == timer.TIMER_PATH:
            sessions.switch_unit(paths, Path(timer.TIMER_PATH).name, on=wanted.text is not None)
            if wanted.text is not None:
                # Waits for this run to end; from then on a check can tell when the accounts were last compared.
                sessions.switch_unit(paths, Path(timer.SERVICE_PATH).name, on=True)


def verify(paths: Paths, plan: Plan) -> list[str]:
    """Look again at what must hold at the end of a run; return warnings about what others have broken."""
    _verify_records(paths, plan)
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
        return _sudo_warnings()
    return []


def _verify_records(paths: Paths, plan: Plan) -> None:
    if not plan.database:
        return
    now = Database.parse(facts.read_texts(paths))
    wanted = Database.parse({**dict.fromkeys(WIDTHS, ""), **plan.database})
    for name in set(plan.database) & {"passwd", "shadow"}:
        # Others may have worked on the file since the lock was given back; our records must be in it.
        table, ours_table = getattr(now, name), getattr(wanted, name)
        lost = [each for each in plan.accounts if table.find(each) != ours_table.find(each)]
        if lost:
            raise AccountsError(f"/etc/{name} was changed by somebody else during the run: {', '.join(lost)}.")


def _sudo_warnings() -> list[str]:
    whole = subprocess.run(["visudo", "-c"], capture_output=True, text=True, errors="replace", check=False)
    if whole.returncode == 0:
        return []
    return [
        "sudo's rules are in place, but another file below /etc/sudoers.d is broken: "
        + (whole.stderr or whole.stdout).strip()
    ]


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
    shutil.rmtree(paths.at(STAGE_DIRECTORY), ignore_errors=True)
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
