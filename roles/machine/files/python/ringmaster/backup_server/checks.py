# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of the backup machine. Each returns 0 ok, 1 warning, 2 critical or 3 unknown, and a sentence."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

from ringmaster.backup_server import copy, quota
from ringmaster.backup_server.repositories import load, without_owner
from ringmaster.backup_server.state import read_state
from ringmaster.core import checks
from ringmaster.core.checks import CRITICAL, OK, WARNING
from ringmaster.core.report import counted

HOUR, DAY = 3600, 86400
BEGIN = Path("/usr/lib/ringmaster/checks.d/backup_server.json")


def answer(address: str, port: int, ca: str) -> tuple[int, str]:
    """Connect as the machines do, and look at the certificate as they do."""
    context = ssl.create_default_context(cafile=ca)
    try:
        with (
            socket.create_connection((address, port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=address) as stream,
        ):
            return OK, f"{address}:{port} takes backups ({stream.version()})."
    except OSError as error:
        return CRITICAL, f"{address}:{port} takes no backups: {error.strerror or error}."


def disk(folder: str, warning: int, critical: int) -> tuple[int, str]:
    """Space in use where the repositories lie, in percent: machines cannot be backed up when it is full."""
    return checks.disk(Path(folder), warning, critical)


def received(critical_hours: float) -> tuple[int, str]:
    """Whether every machine's backups arrive. A machine that is dead or lies cannot say so itself."""
    repositories, folder = load()
    begin = BEGIN.stat().st_mtime
    silent = []
    for repository in repositories:
        newest = max((one.time for one in repository.arrivals()), default=None)
        since = max(begin, repository.path.stat().st_ctime) if newest is None and repository.exists else newest or begin
        if time.time() - since > critical_hours * HOUR:
            ago = f"for {(time.time() - since) / DAY:.1f} days" if newest else "ever"
            silent.append(f"{repository.name} (none {ago})")
    lost = without_owner(repositories, folder)
    kept = f" Kept without a machine: {', '.join(lost)}." if lost else ""
    if silent:
        more = f" and {len(silent) - 5} more" if len(silent) > 5 else ""
        return CRITICAL, f"No backup arrived from {', '.join(silent[:5])}{more}.{kept}"
    return OK, f"Backups of {counted(len(repositories), 'machine')} arrived within {critical_hours:.0f} hours.{kept}"


def repositories_sound(warning_hours: float) -> tuple[int, str]:
    """What the nightly maintenance found."""
    state = read_state()
    known = {name: state.get("repositories", {}).get(name, {}) for name in (one.name for one in load()[0])}
    damaged = [entry["damage"] for entry in known.values() if "damage" in entry]
    damaged += [
        f"{name}: {counted(len(entry['lies']), 'index does', 'indexes do')} not say what is so, such as "
        f"{min(entry['lies'])[:8]}"
        for name, entry in known.items()
        if entry.get("lies")
    ]
    if damaged:
        return CRITICAL, f"Damaged: {'; '.join(damaged[:3])}."
    failed = [entry["error"] for entry in known.values() if "error" in entry]
    if failed:
        return WARNING, f"Not maintained: {'; '.join(failed[:3])}."
    passed = time.time() - state.get("finished", BEGIN.stat().st_mtime)
    total = sum(entry.get("bytes", 0) for entry in known.values()) / (1 << 30)
    kept = counted(len(known), "repository", "repositories")
    waiting = [name for name, entry in known.items() if entry.get("unjudged")]
    judging = f" Not judged completely yet, so not pruned: {', '.join(waiting[:5])}." if waiting else ""
    sentence = f"{kept} ({total:.1f} GiB), last maintained {passed / HOUR:.0f} h ago, none damaged.{judging}"
    return (WARNING if passed > warning_hours * HOUR else OK), sentence


def room(warning_minutes: float) -> tuple[int, str]:
    """Whether a repository was closed for writing, so that the others find room."""
    state = read_state(quota.STATE)
    closed = [f"{name} ({why})" for name, why in state.get("closed", {}).items()]
    if closed:
        more = f" and {len(closed) - 3} more" if len(closed) > 3 else ""
        return CRITICAL, f"Closed for writing: {', '.join(closed[:3])}{more}."
    passed = time.time() - state.get("looked", BEGIN.stat().st_mtime)
    if passed > warning_minutes * 60:
        return WARNING, f"Nobody has looked for {passed / 60:.0f} minutes whether a machine fills the disk."
    return OK, f"All of {counted(len(state.get('base', {})), 'repository', 'repositories')} can be written."


def copied(critical_hours: float) -> tuple[int, str]:
    """The second copy of all repositories."""
    state = read_state(copy.STATE)
    passed = time.time() - state.get("last_success", BEGIN.stat().st_mtime)
    error = f" The newest try: {state['error']}" if state.get("error") else ""
    sentence = f"All repositories were copied {passed / HOUR:.0f} h ago.{error}"
    if passed > critical_hours * HOUR:
        return CRITICAL, sentence
    return (WARNING if error else OK), sentence
