# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster check``: run the checks that are due or all of them, show what came out."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ringmaster.check import definitions, execution, figures, local, results
from ringmaster.check.definitions import Definition
from ringmaster.core.checks import CRITICAL, OK
from ringmaster.core.files import publish
from ringmaster.core.report import counted

DESCRIPTION = """\
Show the results of the checks of this machine. The checks run every minute by ringmaster-check.timer;
components define them in /usr/lib/ringmaster/checks.d/*.json."""
OWN_UNIT = "ringmaster-check-own.service"
OWN_AT_ONCE = 8
OWN_SECONDS = 50.0
PLANNED_LIMIT = 100
PACKAGE = Path(__file__).parents[1]
OWN = Definition(component="monitoring_agent", name="definitions")


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    if not (options.now or options.due):
        return _show(options)
    try:
        with _lock(options.results.with_suffix(".own.lock" if options.own else ".lock")):
            content = _run(options)
    except PermissionError as error:
        print(f"ringmaster check: {error.filename}: only root can run the checks now.", file=sys.stderr)
        return 3
    if options.now:
        _print(content, options)
    return int(content["status"]) if options.exit_code else 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster check", description=DESCRIPTION)
    when = result.add_mutually_exclusive_group()
    when.add_argument("--now", action="store_true", help="run all checks first (as root)")
    when.add_argument("--due", action="store_true", help="run what is due and print only changes (as root)")
    result.add_argument("--own", action="store_true", help="with --due: the project's own checks and no others")
    result.add_argument("--json", action="store_true", help="print JSON")
    result.add_argument(
        "--exit-code",
        action="store_true",
        help="exit with the worst status (0 ok, 1 warning, 2 critical, 3 unknown)",
    )
    places = result.add_argument_group("places")
    for name, default, text in (
        ("definitions", "/usr/lib/ringmaster/checks.d", "folder of definitions"),
        ("inbox", "/etc/local/checks", "folder of checks of the project"),
        ("functions", str(PACKAGE), "folder of the parts whose checks.py functions come from"),
        ("results", "/run/ringmaster/checks.json", "file of results"),
        ("convergence", "/etc/ringmaster/convergence", "folder with what the machine was converged with"),
        ("metrics", "/run/ringmaster/textfile/checks.prom", "file for node exporter"),
    ):
        places.add_argument(f"--{name}", type=Path, default=Path(default), help=f"{text} ({default})")
    return result


def _show(options: argparse.Namespace) -> int:
    try:
        content = json.loads(options.results.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        print(f"ringmaster check: no results yet: {options.results}: {reason}.", file=sys.stderr)
        return 3
    _print(content, options)
    return int(content["status"]) if options.exit_code else 0


def _print(content: dict, options: argparse.Namespace) -> None:
    print(json.dumps(content, indent=1) if options.json else results.as_text(content, time.time()))


def _run(options: argparse.Namespace) -> dict:
    """Run what is due (or all), publish everything, and return the document."""
    now = time.time()
    found, problems = definitions.load_folder(
        options.definitions, root_owned=os.geteuid() == 0, taken=frozenset({OWN.key})
    )
    own, report = local.load(options.inbox)
    keys = {one.key for one in found}
    found += [one for one in own if one.key not in keys]
    previous = results.read(options.results)
    due = [one for one in found if options.now or results.is_due(one, previous.get(one.key), now)]
    wanted = due if options.now else [one for one in due if one.is_foreign == options.own]
    if options.own:  # those that wait for the longest time first
        wanted.sort(key=lambda one: previous[one.key].time if one.key in previous else 0.0)
    elif not options.now and len(wanted) < len(due):
        _start_own()
    outcomes = execution.run_all(
        wanted,
        execution.Modules(options.functions),
        *((OWN_AT_ONCE, OWN_SECONDS) if options.own else ()),
    )
    if not options.own:
        publish(options.metrics.with_name("figures.prom"), figures.text(options.functions))
    with _lock(options.results.with_suffix(".publish.lock")):
        outcomes.append(_own_outcome(len(found), problems, now))
        if report is not None:
            outcomes.append(execution.Outcome(local.REPORT, report[0], execution.one_line(report[1]), now, 0.0))
        return _publish(options, found, outcomes, now)


def _start_own() -> None:
    """Let the project's own checks run beside, so that the platform's never wait for them."""
    subprocess.run(["systemctl", "start", "--no-block", OWN_UNIT], check=False, stdin=subprocess.DEVNULL)


def _publish(
    options: argparse.Namespace, found: list[Definition], outcomes: list[execution.Outcome], now: float
) -> dict:
    """Put what came out beside what is known of the other checks, and return the document."""
    previous = results.read(options.results)
    fresh = {
        outcome.definition.key: results.from_outcome(outcome, previous.get(outcome.definition.key))
        for outcome in outcomes
    }
    # Results of checks that are no longer defined end here.
    known = [*found, *(outcome.definition for outcome in outcomes)]
    current = {one.key: made for one in known if (made := fresh.get(one.key) or previous.get(one.key))}
    _tell_changes(previous, current)
    # When the platform's checks have run: these are no sign of their life.
    ran = results.time_of(options.results, now) if options.own else now
    converged = results.convergence(options.convergence)
    content = results.document(current.values(), ran, converged)
    content["planned"] = _planned(options.results.with_name("planned.json"))
    publish(options.results, json.dumps(content, indent=1) + "\n")
    publish(options.metrics, results.metrics(current.values(), ran, converged))
    return content


def _planned(path: Path) -> list[str]:
    """Return what the machine will do in its maintenance window, where something says so."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    return [execution.one_line(str(item)) for item in found[:PLANNED_LIMIT]] if isinstance(found, list) else []


def _own_outcome(number: int, problems: list[str], now: float) -> execution.Outcome:
    if problems:
        message = " ".join(problems)
        return execution.Outcome(OWN, CRITICAL, execution.one_line(message), now, 0.0)
    return execution.Outcome(OWN, OK, f"{counted(number, 'check is', 'checks are')} defined.", now, 0.0)


def _tell_changes(previous: dict[str, results.Result], current: dict[str, results.Result]) -> None:
    """Leave a line in the journal for every change of state."""
    for key, result in sorted(current.items()):
        before = previous[key].state if key in previous else "ok"
        if result.state != before:
            print(f"{key}: {before} -> {result.state}: {result.output}", file=sys.stderr)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one runner at a time work; a second one waits."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
