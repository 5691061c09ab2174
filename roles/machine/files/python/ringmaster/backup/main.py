# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up this machine, prove its backups, and restore from them."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from ringmaster.backup import configuration, files, nightly, proof, restore, state
from ringmaster.backup.configuration import Access, Failure
from ringmaster.backup.restic import Restic


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return options.verb(options)
    except Failure as failure:
        print(f"ringmaster backup: {failure}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster backup", description=__doc__)
    verbs = result.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, function: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(verb=function)
        return added

    verb("run", _run, "Make a backup now.")
    verb("prove", _prove, "Restore from the newest backup into a scratch place and check what comes out.")
    verb("status", _status, "Show how the last backup and the last proof went, as JSON.")
    listing = verb("list", _list, "List the backups of this machine.")
    one = verb("restore-files", _files, "Restore a file or folder, by default beside its place.")
    one.add_argument("path")
    where = one.add_mutually_exclusive_group()
    where.add_argument("--to", metavar="FOLDER", help="put it into this folder")
    where.add_argument("--in-place", action="store_true", help="put it where it was; newer files stay")
    one.add_argument("--replace", action="store_true", help="with --in-place: newer files, too, are replaced")
    component = verb("restore-component", _component, "Restore a component from its dump.")
    component.add_argument("component")
    component.add_argument("--object", help="only this database, mailbox, …")
    component.add_argument("--as", dest="name", help="under another name")
    component.add_argument("--replace", action="store_true", help="over live data")
    whole = verb("restore-machine", _machine, "Restore everything on a machine that was recreated.")
    whole.add_argument("--replace", action="store_true", help="although this machine has backups of its own")
    for parser_of_verb, default in ((one, "latest"), (component, "latest"), (whole, "before")):
        parser_of_verb.add_argument("--snapshot", default=default, metavar="ID", help=f"default: {default}")
    for parser_of_verb in (listing, one, component, whole):
        parser_of_verb.add_argument(
            "--access", choices=["-"], help="read the access to another machine's repository from stdin, as JSON"
        )
    return result


def _say(text: str) -> None:
    print(text, flush=True)


def _restic(options: argparse.Namespace) -> Restic:
    if not options.access:
        return Restic(configuration.load().access)
    try:
        values = json.load(sys.stdin)
    except ValueError as error:
        raise Failure("stdin is not the JSON object that --access - asks for") from error
    return Restic(Access.of(values if isinstance(values, dict) else {}))


def _run(_options: argparse.Namespace) -> int:
    return _tell(nightly.run(configuration.load(), _say), state.read().get("run", {}))


def _prove(_options: argparse.Namespace) -> int:
    return _tell(proof.run(configuration.load(), _say), state.read().get("proof", {}))


def _tell(is_good: bool, report: dict[str, Any]) -> int:
    print(f"{report.get('result')} after {report.get('seconds', 0):.1f} s")
    return 0 if is_good else 1


def _status(_options: argparse.Namespace) -> int:
    print(json.dumps(state.read(), indent=1))
    return 0


def _list(options: argparse.Namespace) -> int:
    for one in _restic(options).snapshots():
        summary = one.get("summary") or {}
        size = summary.get("total_bytes_processed", 0) >> 20
        print(
            f"{one['short_id']}  {one['time'][:19]}  {size:>8} MiB  {summary.get('total_files_processed', 0):>8} files"
        )
    return 0


def _files(options: argparse.Namespace) -> int:
    if options.replace and not options.in_place:
        raise Failure("--replace belongs to --in-place")
    restic = _restic(options)
    report = files.restore(
        restic,
        restic.snapshot(options.snapshot),
        options.path,
        to=options.to,
        in_place=options.in_place,
        over="everything" if options.replace else "older",
    )
    return _print(report.as_dict())


def _component(options: argparse.Namespace) -> int:
    restic = _restic(options)
    extra = (
        *(("--object", options.object) if options.object else ()),
        *(("--as", options.name) if options.name else ()),
    )
    snapshot = restic.snapshot(options.snapshot)
    return _print(restore.component(restic, snapshot, options.component, replace=options.replace, extra=extra))


def _machine(options: argparse.Namespace) -> int:
    restic = _restic(options)
    began = time.monotonic()
    snapshot = restore.choose(restic, options.snapshot)
    report = restore.machine(restic, snapshot, replace=options.replace, say=lambda text: print(text, file=sys.stderr))
    return _print({**report, "seconds": round(time.monotonic() - began, 3)})


def _print(report: dict[str, Any]) -> int:
    print(json.dumps(report))
    return 0
