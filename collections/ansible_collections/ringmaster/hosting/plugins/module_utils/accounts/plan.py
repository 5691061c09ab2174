# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a comparison to what must be done. Pure: the same comparison gives the same plan."""

from __future__ import annotations

from . import guard, policy, records
from .comparison import Comparison
from .facts import FileState, HomeState
from .model import STATES, Account, AccountsError
from .work import HomeWork, Plan, WantedFile


def make_plan(comparison: Comparison) -> Plan:
    """Decide what to do; raises AccountsError when the roster must not be applied."""
    guard.check(comparison)
    return Plan(
        accounts=comparison.accounts,
        applied_text=_applied_text(comparison),
        keys=_keys(comparison),
        files=[*_whole_files(comparison), *_edited_files(comparison)],
        database=_database(comparison),
        homes=_homes(comparison),
        purge_homes=_purge_homes(comparison),
        departures=[*_departures(comparison), *_nobodies(comparison)],
        restarts=_restarts(comparison),
        crontabs=_crontabs(comparison),
        at_jobs=_at_jobs(comparison),
        linger_on=sorted(_lingering(comparison) - comparison.current.lingering),
        linger_off=_linger_off(comparison),
        counts=_counts(comparison),
    )


def _applied_text(comparison: Comparison) -> str | None:
    accepted = comparison.accepted
    return None if accepted == comparison.current.applied else accepted.text()


def _keys(comparison: Comparison) -> dict[str, str | None]:
    found = comparison.current.keys
    wanted = {
        account.name: "".join(f"{key}\n" for key in account.keys)
        for account in comparison.accounts.values()
        if account.may_log_in and account.keys
    }
    plan: dict[str, str | None] = {
        name: None for name in found if name not in wanted and not _is_of_the_system(comparison, name)
    }
    plan.update((name, text) for name, text in wanted.items() if found.get(name) != FileState(text, 0, 0, 0o644))
    return plan


def _is_of_the_system(comparison: Comparison, name: str) -> bool:
    """Tell whether a name is not ours: root, say. A name without an account is nobody's."""
    record = comparison.before.passwd.find(name)
    return record is not None and not records.ours(record) and name not in comparison.accounts


def _whole_files(comparison: Comparison) -> list[WantedFile]:
    wanted = policy.files(comparison.roster, comparison.options)
    named = {each.path for each in wanted}
    for account in comparison.accounts.values():
        path = policy.limits_path(account.uid)
        if path not in named:
            wanted.append(WantedFile(path, None, reload_systemd=True))
    found = comparison.current.files
    return [each for each in wanted if found.get(each.path) != _file_state(each)]


def _file_state(wanted: WantedFile) -> FileState | None:
    return None if wanted.text is None else FileState(wanted.text, 0, 0, wanted.mode)


def _edited_files(comparison: Comparison) -> list[WantedFile]:
    edited = []
    for path, values in policy.edits().items():
        found = comparison.current.files.get(path)
        if found is not None and found.kind == "file":
            text = policy.edit(path, found.text, values)
            if text != found.text:
                edited.append(WantedFile(path, text, found.mode))
    return edited


def _database(comparison: Comparison) -> dict[str, str]:
    texts = comparison.current.texts
    return {name: text for name, text in comparison.after.render().items() if text != texts[name]}


def _homes(comparison: Comparison) -> list[HomeWork]:
    works = (
        _home(account, comparison.current.homes.get(account.home))
        for account in comparison.accounts.values()
        if account.name not in comparison.purged
    )
    return [work for work in works if work is not None]


def _home(account: Account, found: HomeState | None) -> HomeWork | None:
    if found is not None and not found.directory:
        raise AccountsError(f"{account.home} is not a directory; move it away, then run again.")
    if account.state == "removed":
        # A person's home is closed; a service user's may still be read by others (a web server, say).
        if found is None or account.service or (found.uid, found.gid, found.mode) == (0, 0, 0o700):
            return None
        return HomeWork(account.home, 0, 0, 0o700, create=False)
    mode = 0o755 if account.service else 0o700
    if found is None:
        return HomeWork(account.home, account.uid, account.gid, mode, create=True)
    is_owned = (found.uid, found.gid) == (account.uid, account.gid)
    if is_owned and (account.service or found.mode == mode):
        return None
    return HomeWork(account.home, account.uid, account.gid, None if account.service else mode, create=False)


def _purge_homes(comparison: Comparison) -> list[str]:
    homes = (account.home for account in comparison.accounts.values() if account.name in comparison.purged)
    return [home for home in homes if home in comparison.current.homes]


def _departures(comparison: Comparison) -> list[Account]:
    return [account for account in comparison.accounts.values() if _departs(comparison, account)]


def _departs(comparison: Comparison, account: Account) -> bool:
    is_running = bool(comparison.current.processes.get(account.uid))
    if account.active:
        return is_running and not account.service and account.name in comparison.options.end_sessions
    shadow = comparison.before.shadow.find(account.name)
    was_open = shadow is not None and shadow[7] != "1"
    return was_open or is_running


def _restarts(comparison: Comparison) -> list[Account]:
    if not comparison.options.end_service_sessions:
        return []
    running = comparison.current.processes
    return [each for each in comparison.accounts.values() if each.service and each.active and running.get(each.uid)]


def _nobodies(comparison: Comparison) -> list[Account]:
    """Return the uids of our range without any account: what is left of somebody whose record is gone."""
    known = {account.uid for account in comparison.accounts.values()}
    return [Account(f"#{uid}", uid, state="removed") for uid in sorted(set(comparison.current.processes) - known)]


def _without_own_jobs(comparison: Comparison) -> list[Account]:
    """Return who may have neither a crontab nor jobs of at: all but active service users."""
    return [each for each in comparison.accounts.values() if not (each.service and each.active)]


def _crontabs(comparison: Comparison) -> list[str]:
    crontabs = comparison.current.crontabs
    return [account.name for account in _without_own_jobs(comparison) if account.name in crontabs]


def _at_jobs(comparison: Comparison) -> list[str]:
    jobs = comparison.current.at_jobs
    return [job for account in _without_own_jobs(comparison) for job in jobs.get(account.uid, ())]


def _lingering(comparison: Comparison) -> set[str]:
    """Return who lingers in the end, of our range."""
    return {account.name for account in comparison.accounts.values() if account.service and account.active}


def _linger_off(comparison: Comparison) -> list[str]:
    ours = comparison.current.lingering.intersection(comparison.accounts)
    return sorted(ours - _lingering(comparison))


def _counts(comparison: Comparison) -> dict[str, int]:
    staying = [each for name, each in comparison.accounts.items() if name not in comparison.purged]
    people = [each for each in staying if not each.service]
    return {
        **{state: sum(each.state == state for each in people) for state in STATES},
        "service_users": sum(each.service and each.active for each in staying),
    }
