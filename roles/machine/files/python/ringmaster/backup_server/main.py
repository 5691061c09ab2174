# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the repositories of all machines."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ringmaster.backup_server import bins, browse, copy, judge, passwords, quota, upkeep
from ringmaster.backup_server.process import harmless
from ringmaster.backup_server.repositories import Failure, Repository, chosen, load, option, without_owner
from ringmaster.backup_server.state import read_state, write_state
from ringmaster.backup_server.view import view


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
    verb("guard", _guard, "Close repositories that would fill the disk, for ever.")
    listing = verb("list", _list, "List backups.")
    listing.add_argument("--json", action="store_true")
    for one in (maintain, listing):
        one.add_argument("names", nargs="*", metavar="MACHINE", help="default: all")
    browsing = verb("browse", _browse, "List what lies in a folder of a backup.")
    browsing.add_argument("name", metavar="MACHINE")
    browsing.add_argument("backup", metavar="BACKUP", help="the first eight digits of its id")
    browsing.add_argument("folder", metavar="FOLDER", nargs="?", default="/", help="default: /")
    browsing.add_argument("--after", type=int, default=0, metavar="NUMBER", help="where the page begins")
    browsing.add_argument("--json", action="store_true")
    aside = verb("set-aside", _set_aside, "Take out of a repository what is not true, and backups since a time.")
    aside.add_argument(
        "--since", default="", metavar="TIME", help="and backups that arrived since, such as 2026-11-24T10:00"
    )
    back = verb("put-back", _put_back, "Put back what maintenance forgot and pruned.")
    back.add_argument("--aside", action="store_true", help="put back what was set aside instead")
    back.add_argument("--since", default="", metavar="TIME", help="only what was taken out since then (UTC)")
    empty = verb("empty-trash", _empty_trash, "Remove now what maintenance forgot and pruned.")
    for one in (aside, back, empty):
        one.add_argument("name", metavar="MACHINE")
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
    refused: dict[str, str] = {}

    def take(repository: Repository) -> bool:
        try:
            return (_would_take if options.check else passwords.take_password)(repository)
        except Failure as failure:  # what one machine has sent stops no other
            refused[repository.name] = str(failure)
            return False

    with ThreadPoolExecutor(4) as pool:
        if not options.check:
            list(pool.map(_make, missing))
    # One after the other: what is remembered of all is one file.
    steps += [f"give the repository of {one.name} its new password" for one in rotated if take(one)]
    print(json.dumps({"changed": bool(steps), "steps": steps, "refused": refused, "pending_restart": []}))
    return 0


def _would_take(repository: Repository) -> bool:
    return not passwords.opens(repository)


def _make(repository: Repository) -> None:
    repository.restic("init", "--quiet")


def _maintain(options: argparse.Namespace) -> int:
    repositories, _folder = load()
    is_sound = upkeep.maintain(
        chosen(repositories, options.names),
        lambda text: print(text, flush=True),
        everything=options.everything,
        trash_days=float(option("trash_days", upkeep.TRASH_DAYS)),
    )
    return 0 if is_sound else 1


def _copy(_options: argparse.Namespace) -> int:
    print(copy.run())
    return 0


def _guard(_options: argparse.Namespace) -> int:
    def declared() -> tuple[list[Repository], Path, float]:
        return *load(), float(option("reserve_percent", quota.RESERVE))

    quota.guard(declared, lambda text: print(text, flush=True))
    return 0


def _set_aside(options: argparse.Namespace) -> int:
    (repository,) = chosen(load()[0], [options.name])
    since = _moment(options.since) if options.since else float("inf")
    with upkeep.alone():
        state = read_state()
        entry = state.get("repositories", {}).get(repository.name, {})
        backups = [one.id for one in repository.arrivals() if one.time >= since]
        known = judge.ledger(repository)
        arrived = repository.files("index").items()
        lies = list(entry.pop("lies", {}))
        # What was not judged yet and belongs to those backups goes with them.
        lies += [name for name, one in arrived if one.st_mtime >= since and name not in known and name not in lies]
        bins.put(repository, bins.ASIDE, {"snapshots": backups, "index": lies})
        write_state(state)
    print(
        f"{repository.name}: set aside {len(lies)} indexes and {len(backups)} backups, in "
        f"{bins.folder_of(repository, bins.ASIDE)}; put-back --aside undoes it. "
        f"Now: ringmaster backup-server maintain --everything {repository.name}"
    )
    return 0


def _put_back(options: argparse.Namespace) -> int:
    (repository,) = chosen(load()[0], [options.name])
    with upkeep.alone():
        count = bins.put_back(repository, bins.ASIDE if options.aside else bins.TRASH, options.since.replace(":", ""))
    print(
        f"{repository.name}: put back {count} files. Backups beyond the retention are forgotten again by the next "
        "maintenance: restore before, or raise keep_* first."
    )
    return 0


def _empty_trash(options: argparse.Namespace) -> int:
    (repository,) = chosen(load()[0], [options.name])
    with upkeep.alone():
        size = bins.size(repository, bins.TRASH)
        bins.expire(repository, -1, time.time())
    print(f"{repository.name}: freed {size >> 20} MiB")
    return 0


def _moment(text: str) -> float:
    """Return the seconds since 1970 of a time (UTC where it names no zone); raises Failure."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Failure(f"{text!r} is no time such as 2026-11-24T10:00") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _snapshots(repository: Repository) -> list[dict[str, Any]]:
    """Return the backups as restic tells them."""
    with view(repository, passwords.key_of(repository), snapshots=repository.files("snapshots")) as seen:
        return json.loads(seen.restic("snapshots", "--json", "--no-lock") or "null") or []


def _list(options: argparse.Namespace) -> int:
    repositories, folder = load()
    found: dict[str, Any] = {}
    for repository in chosen(repositories, options.names):
        try:
            arrived = {one.id: one.time for one in repository.arrivals()}
            found[repository.name] = {
                "backups": sorted(
                    (_backup(one, arrived.get(one["id"])) for one in _snapshots(repository)),
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


def _browse(options: argparse.Namespace) -> int:
    (repository,) = chosen(load()[0], [options.name])
    found = browse.folder(repository, options.backup, options.folder, max(0, options.after))
    if options.json:
        print(json.dumps(found))
        return 0
    for one in found["items"]:
        size = "" if one["bytes"] is None else str(one["bytes"])
        print(f"{one['kind']:<8} {size:>14}  {one['time']:<19}  {harmless(one['name'], 200)}")
    if found["next"]:
        print(f"There is more: --after {found['next']}")
    return 0


def _line(backup: dict[str, Any]) -> str:
    """Return a backup in a line: when it arrived, and when it says it was made if that is something else."""
    arrived = datetime.fromtimestamp(backup["arrived"] or 0, UTC)
    try:
        is_doubtful = abs(datetime.fromisoformat(backup["time"]) - arrived) > timedelta(days=1)
    except (ValueError, OverflowError, TypeError):
        is_doubtful = True
    doubt = f"  claims to be of {backup['time'][:19]}" if is_doubtful else ""
    shown = arrived.strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{backup['id'][:8]}  {shown}  {backup['mib']:>8} MiB  {backup['files']:>8} files{doubt}"


def _backup(snapshot: dict[str, Any], arrived: float | None) -> dict[str, Any]:
    summary = snapshot.get("summary") or {}
    return {
        "id": snapshot["id"],
        "time": harmless(str(snapshot["time"]), 40),
        "arrived": arrived,
        "mib": summary.get("total_bytes_processed", 0) >> 20,
        "files": summary.get("total_files_processed", 0),
        "tags": [harmless(str(one), 64) for one in (snapshot.get("tags") or [])[:32]],
    }
