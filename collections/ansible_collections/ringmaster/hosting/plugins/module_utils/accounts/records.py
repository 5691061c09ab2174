# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wanted records of the account files: pure functions from the files and the accounts to new files."""

from __future__ import annotations

from collections.abc import Mapping, Set

from .database import Database, Table, members
from .model import (
    GROUPS,
    LOGIN_SHELL,
    NO_SHELL,
    SERVICE_GID,
    UID_FIRST,
    UID_LAST,
    Account,
)


def ours(record: list[str]) -> bool:
    """Tell whether a record of passwd lies in our range."""
    return record[2].isdigit() and UID_FIRST <= int(record[2]) <= UID_LAST


def with_missing(database: Database, accounts: Mapping[str, Account]) -> dict[str, Account]:
    """Add the accounts of our range that the roster lacks: they count as removed.

    An account that the roster calls removed and that this machine never had stays away.
    """
    known = {record[0] for record in database.passwd if ours(record)}
    wanted = {name: each for name, each in accounts.items() if each.state != "removed" or name in known}
    for record in database.passwd:
        if ours(record) and record[0] not in wanted:
            service = record[3] == str(SERVICE_GID)
            wanted[record[0]] = Account(
                record[0], int(record[2]), full_name=record[4], state="removed", service=service
            )
    return wanted


def write(database: Database, accounts: Mapping[str, Account], today: int, purged: Set[str]) -> None:
    """Change the records to what the accounts ask for. today is in days since 1970; purged names go away."""
    database.passwd.drop(lambda record: record[0] in purged and ours(record))
    database.shadow.drop(lambda record: record[0] in purged)
    for account in sorted(accounts.values(), key=lambda each: each.uid):
        if account.name in purged:
            continue
        _write_passwd(database.passwd, account)
        _write_shadow(database.shadow, account, today)
    _write_groups(database, accounts)


def _write_passwd(table: Table, account: Account) -> None:
    old = table.find(account.name)
    # Somebody the roster no longer lists keeps name and home as they were, for the files that are left.
    full_name = account.full_name or (old[4] if old and account.state == "removed" else "")
    shell = LOGIN_SHELL if account.active else NO_SHELL
    table.put([account.name, "x", str(account.uid), str(account.gid), full_name, account.home, shell])


def _write_shadow(table: Table, account: Account, today: int) -> None:
    old = table.find(account.name)
    # 0 would ask for a new password at the next login; nobody here has one.
    changed = old[2] if old and old[2].isdigit() and old[2] != "0" else str(today)
    # `*` and not `!`: no password matches, and sshd with PAM still lets keys in. Day 1 has long expired.
    table.put([account.name, "*", changed, "0", "99999", "7", "", "" if account.active else "1", ""])


def _write_groups(database: Database, accounts: Mapping[str, Account]) -> None:
    people = {record[0] for record in database.passwd}
    out = {name for name, account in accounts.items() if not account.active}
    for name, gid in GROUPS.items():
        record = database.group.find(name) or [name, "x", str(gid), ""]
        # Members that are not ours (root, a component's user) are not our business; dangling names are.
        kept = [each for each in members(record[3]) if each in people and each not in accounts]
        wanted = [each.name for each in accounts.values() if each.active and name in each.permissions]
        listed = ",".join(kept + sorted(wanted))
        database.group.put([name, "x", str(gid), listed])
        database.gshadow.put([name, "!", "", listed])
    for table, columns in ((database.group, (3,)), (database.gshadow, (2, 3))):
        for record in table:
            for column in columns:
                names = members(record[column])
                if out.intersection(names):
                    record[column] = ",".join(each for each in names if each not in out)
