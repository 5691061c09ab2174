# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ringmaster webgateway``: validate haproxy's configuration, converge the running server, drain members."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from ringmaster.core import component
from ringmaster.core.report import Failure, Report
from ringmaster.webgateway.converge import DAEMON, NAME, SUFFIX, Places, converge, drain, sessions, validate

PLACES = Places()


def _drain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("member", help="name of the VM")
    parser.add_argument("--backend", help="only in this backend")
    parser.add_argument("--undo", action="store_true", help="give it new sessions again")
    parser.add_argument("--check", action="store_true", help="change nothing, only tell")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="until it has no sessions any more")


def _drain(options: argparse.Namespace) -> int:
    report = Report()
    try:
        with component.lock(DAEMON):
            report = drain(PLACES, options.member, options.backend, undo=options.undo, check=options.check)
        end = time.monotonic() + (0 if options.check or options.undo else options.wait)
        while (left := sessions(options.member)) and time.monotonic() < end:
            time.sleep(0.2)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    print(json.dumps({"changed": bool(report.steps), "steps": report.steps, "sessions": left}))
    return 0


WEBGATEWAY = component.Component(
    NAME,
    # Everything haproxy is told takes effect by a reload; nothing waits for a restart.
    converge=lambda check, _restart: converge(PLACES, check=check),
    validate=lambda: validate(PLACES),
    inbox=PLACES.inbox,
    suffix=SUFFIX,
    daemon=DAEMON,
    more={"drain": component.Verb("give a member no new sessions", _drain, _drain_arguments)},
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return component.parser(WEBGATEWAY)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    return component.run(WEBGATEWAY, words)
