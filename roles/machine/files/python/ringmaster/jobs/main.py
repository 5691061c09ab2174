# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster jobs``: what runs when and how it ended; units of the platform make, claim and report them."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from ringmaster.core.report import Failure
from ringmaster.jobs import claims, results, units

NOT_MINE, NOBODY_KNOWS = 1, 255
"""Exit codes of ExecCondition: the run is left out, or has failed."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster jobs", description=__doc__)
    verbs = result.add_subparsers(dest="verb")
    verbs.add_parser("list", help="show the jobs of this VM and how they ended (also without a verb)")
    converge = verbs.add_parser("converge", help="make their units, as root")
    converge.add_argument(
        "--check", action="store_true", help="say what would be done; exit code 1 when there is something"
    )
    for verb, text in (("claim", "whether this VM runs a job now"), ("ended", "keep how a run ended")):
        verbs.add_parser(verb, help=text).add_argument("name")
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(sys.argv[1:] if words is None else words)
    try:
        jobs = units.read()
        if options.verb == "converge":
            steps = units.converge(jobs, check=options.check).steps
            print("\n".join(steps))
            if options.check:
                return int(bool(steps))
            results.publish(jobs)
            return 0
        if options.verb in (None, "list"):
            _list(jobs)
            return 0
        if options.name not in jobs:
            raise Failure(f"there is no job {options.name} here; there are: {', '.join(jobs) or 'none'}")
        return (_claim if options.verb == "claim" else _ended)(jobs[options.name], jobs)
    except Failure as failure:
        print(f"ringmaster jobs: {failure}", file=sys.stderr)
        return NOBODY_KNOWS


def _list(jobs: dict[str, units.Job]) -> None:
    for name, job in jobs.items():
        _status, sentence = results.check(job, time.time())
        print(f"{name}  ({job.when}, as {job.user}{', on one VM' if job.once else ''})\n  {sentence}")
    if not jobs:
        print("The project declares no jobs for this VM.")


def _claim(job: units.Job, _jobs: dict[str, units.Job]) -> int:
    return 0 if claims.claim(job.name, job.once, claims.due(job.when, time.time())) else NOT_MINE


def _ended(job: units.Job, jobs: dict[str, units.Job]) -> int:
    found = results.keep(job, os.environ, time.time())
    results.publish(jobs)
    if job.on_failure and found["result"] not in ("success", results.SKIPPED):
        results.mail(job, found, os.environ.get("INVOCATION_ID", ""))
    return 0
