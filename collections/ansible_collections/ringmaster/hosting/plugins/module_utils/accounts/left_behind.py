# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at what somebody leaves behind who could become service users, or root: what runs, and what is newer.

All that is looked at belongs to accounts that nobody here trusts. Folders are walked by their descriptors, links are
not followed, nothing is opened but folders, and names are cut and escaped.
"""

from __future__ import annotations

import datetime
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .comparison import Comparison
from .model import AT_DIRECTORY, CRONTAB_DIRECTORY, Account, Paths
from .rights import BECOME_ROOT, Loss

DROP_INS = "/etc/local"
OF_ROOT = (
    *("/etc/systemd/system", "/etc/systemd/user", "/etc/cron.d", "/etc/cron.daily", "/etc/cron.hourly"),
    *("/etc/cron.weekly", "/etc/cron.monthly", "/etc/crontab", "/var/spool/cron/crontabs/root", "/etc/sudoers.d"),
    *("/etc/profile.d", "/etc/ld.so.preload", "/etc/rc.local", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib"),
    *("/root/.ssh", "/root/.config/systemd/user", "/root/.bashrc", "/root/.profile"),
)
"""Where root's programs begin, but for what packages ship."""

STARTS = (".config/systemd/user", ".config/autostart", ".config/environment.d", ".ssh", ".local/share/systemd/user")
START_FILES = (".profile", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".pam_environment", ".forward")
MAX_SHOWN = 12
MAX_LOOKED_AT = 50_000
MAX_NAME = 100
EXECUTABLE = 0o111


@dataclass
class Newer:
    """Paths that changed since a moment, by their inodes' times, which nobody but root can set back."""

    since: int
    paths: list[tuple[float, str]] = field(default_factory=list)
    looked_at: int = 0

    def note(self, path: str, found: os.stat_result) -> None:
        """Keep a path if its inode changed since."""
        if found.st_ctime >= self.since:
            self.paths.append((found.st_ctime, path))

    @property
    def is_full(self) -> bool:
        """Tell whether this is as much as one run looks at."""
        return self.looked_at >= MAX_LOOKED_AT


def sentences(paths: Paths, comparison: Comparison) -> list[str]:
    """Say for each person who loses a right on this machine what goes on without them."""
    return [_sentence(paths, comparison, loss) for loss in comparison.rights.losses()]


def _sentence(paths: Paths, comparison: Comparison, loss: Loss) -> str:
    services = [] if loss.keeps_service_users else _service_users(comparison)
    begun = datetime.datetime.fromtimestamp(loss.since, tz=datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    newer = Newer(loss.since)
    for account in services:
        _look_at_service_user(paths, account, newer)
    if BECOME_ROOT in loss.rights:
        for place in OF_ROOT:
            _look_below(paths, place, newer)
    where = text_of(socket.gethostname()) if paths.live else "this machine"
    parts = [f"{text_of(loss.person)} loses {' and '.join(loss.rights)} on {where}, had since {begun}."]
    running = [words for account in services if (words := _running(comparison, account))]
    if running:
        parts.append("It goes on: " + "; ".join(running) + ".")
    parts.append(_changed(newer))
    if running and not comparison.options.end_service_sessions:
        parts.append("-e end_service_sessions=true restarts what service users run, and ends what no unit started.")
    return " ".join(parts)


def _service_users(comparison: Comparison) -> list[Account]:
    return [each for _name, each in sorted(comparison.accounts.items()) if each.service and each.active]


def _running(comparison: Comparison, account: Account) -> str:
    current = comparison.current
    found = [
        counted(current.processes.get(account.uid, 0), "process", "processes"),
        "starts at boot" if account.name in current.lingering else "",
        counted(len(current.at_jobs.get(account.uid, ())), "at job", "at jobs"),
        "a crontab" if account.name in current.crontabs else "",
    ]
    told = [each for each in found if each]
    # Lingering alone is what every service user has.
    return f"{account.name} ({', '.join(told)})" if told and told != ["starts at boot"] else ""


def _changed(newer: Newer) -> str:
    shown = [text_of(path) for _time, path in sorted(newer.paths, reverse=True)[:MAX_SHOWN]]
    more = len(newer.paths) - len(shown)
    if not shown:
        words = "No crontab, unit, drop-in or program changed since."
    else:
        words = f"Changed since: {', '.join(shown)}{f' and {more} more' if more else ''}."
    return words + (f" Only {MAX_LOOKED_AT} files were looked at." if newer.is_full else "")


def _look_at_service_user(paths: Paths, account: Account, newer: Newer) -> None:
    _look_below(paths, f"{CRONTAB_DIRECTORY}/{account.name}", newer)
    for place in (AT_DIRECTORY, DROP_INS):
        _look_below(paths, place, newer, uid=account.uid)
    _look_below(paths, account.home, newer, home=True)


def _look_below(paths: Paths, place: str, newer: Newer, uid: int | None = None, home: bool = False) -> None:
    """Note what is newer at or below a place: of one owner only, or in a home what starts by itself or is a program."""
    top = paths.at(place)
    try:
        found = top.lstat()
    except OSError:
        return
    if not stat.S_ISDIR(found.st_mode):
        if uid is None or found.st_uid == uid:
            newer.note(place, found)
        return
    for path, each in _walk(top, found.st_dev, newer):
        inside = str(path.relative_to(top))
        if (uid is None or each.st_uid == uid) and (not home or _starts(inside, each)):
            newer.note(f"{place}/{inside}", each)


def _walk(top: Path, device: int, newer: Newer) -> Iterator[tuple[Path, os.stat_result]]:
    for folder, folders, files, descriptor in os.fwalk(top, follow_symlinks=False):
        for name in [*files, *folders]:
            if newer.is_full:
                return
            newer.looked_at += 1
            try:
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode):
                if found.st_dev != device:
                    folders.remove(name)
                continue
            yield Path(folder, name), found


def _starts(inside: str, found: os.stat_result) -> bool:
    if inside in START_FILES or inside.startswith(tuple(f"{place}/" for place in STARTS)):
        return True
    return stat.S_ISREG(found.st_mode) and bool(found.st_mode & EXECUTABLE)


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun, or nothing for none."""
    return "" if number == 0 else f"{number} {one if number == 1 else many}"


def text_of(name: str) -> str:
    """Show a name that somebody chose: cut, and every character that is not plain print as an escape."""
    plain = os.fsencode(name).decode("utf-8", "backslashreplace")
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in plain)
    return shown if len(shown) <= MAX_NAME else f"{shown[: MAX_NAME - 1]}…"
