# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the repositories of all machines."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from ringmaster.backup_server import copy, passwords, upkeep
from ringmaster.backup_server.repositories import Failure, Repository, chosen, load, without_owner


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    try:
        return options.verb(options)
    except Failure as failure:
        print(f"ringmaster backup-server: {failure}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster backup-server", description=__doc__)
    verbs = result.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, function: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(verb=function)
        return added

    converge = verb("converge", _converge, "Make the repositories that are missing.")
    converge.add_argument("--check", action="store_true", help="change nothing, only tell")
    converge.add_argument("--restart", action="store_true", help=argparse.SUPPRESS)
    maintain = verb("maintain", _maintain, "Forget what is beyond the retention, and read the repositories in turn.")
    maintain.add_argument("--everything", action="store_true", help="free space and read all data now")
    verb("copy", _copy, "Bring the second copy of all repositories up to date.")
    listing = verb("list", _list, "List backups.")
    listing.add_argument("--json", action="store_true")
    for one in (maintain, listing):
        one.add_argument("names", nargs="*", metavar="MACHINE", help="default: all")
    return result


def _converge(options: argparse.Namespace) -> int:
    repositories, _folder = load()
    foreign = [one for one in repositories if one.is_foreign]
    if not options.check:
        for one in foreign:
            one.adopt()
    missing = [one for one in repositories if not one.exists]
    rotated = [one for one in repositories if one.exists and one.older and not passwords.is_known(one)]
    steps = [f"give the files of {one.name} to the server" for one in foreign]
    steps += [f"make the repository of {one.name}" for one in missing]
    with ThreadPoolExecutor(4) as pool:
        if not options.check:
            list(pool.map(_make, missing))
        taken = list(pool.map(_would_take if options.check else Repository.take_password, rotated))
    if rotated and not options.check:
        passwords.remember(rotated)
    changed = [one for one, is_new in zip(rotated, taken, strict=True) if is_new]
    steps += [f"give the repository of {one.name} its new password" for one in changed]
    print(json.dumps({"changed": bool(steps), "steps": steps, "refused": {}, "pending_restart": []}))
    return 0


def _would_take(repository: Repository) -> bool:
    return not repository.opens()


def _make(repository: Repository) -> None:
    repository.restic("init", "--quiet")


def _maintain(options: argparse.Namespace) -> int:
    repositories, _folder = load()
    is_sound = upkeep.maintain(
        chosen(repositories, options.names), lambda text: print(text, flush=True), everything=options.everything
    )
    return 0 if is_sound else 1


def _copy(_options: argparse.Namespace) -> int:
    print(copy.run())
    return 0


def _list(options: argparse.Namespace) -> int:
    repositories, folder = load()
    found: dict[str, Any] = {}
    for repository in chosen(repositories, options.names):
        try:
            arrived = {one.id: one.time for one in repository.arrivals()}
            found[repository.name] = {
                "backups": sorted(
                    (_backup(one, arrived.get(one["id"])) for one in repository.snapshots()),
                    key=lambda one: one["arrived"] or 0,
                )
                if repository.exists
                else []
            }
        except Failure as failure:
            found[repository.name] = {"error": str(failure), "backups": []}
    lost = without_owner(repositories, folder)
    if options.json:
        print(json.dumps({"machines": found, "without_owner": lost}))
        return 0
    for name, entry in found.items():
        print(entry.get("error") or f"{name}: {len(entry['backups'])} backup{'s' * (len(entry['backups']) != 1)}")
        for one in entry["backups"]:
            print(f"  {_line(one)}")
    if lost:
        print(f"kept, although no machine of that name is described: {', '.join(lost)}")
    return 0


def _line(backup: dict[str, Any]) -> str:
    """Return a backup in a line: when it arrived, and when it says it was made if that is something else."""
    arrived = datetime.fromtimestamp(backup["arrived"] or 0, UTC)
    claimed = datetime.fromisoformat(backup["time"])
    doubt = f"  claims to be of {backup['time'][:19]}" if abs(claimed - arrived) > timedelta(days=1) else ""
    shown = arrived.strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{backup['id'][:8]}  {shown}  {backup['mib']:>8} MiB  {backup['files']:>8} files{doubt}"


def _backup(snapshot: dict[str, Any], arrived: float | None) -> dict[str, Any]:
    summary = snapshot.get("summary") or {}
    return {
        "id": snapshot["id"],
        "time": snapshot["time"],
        "arrived": arrived,
        "mib": summary.get("total_bytes_processed", 0) >> 20,
        "files": summary.get("total_files_processed", 0),
        "tags": snapshot.get("tags") or [],
    }
