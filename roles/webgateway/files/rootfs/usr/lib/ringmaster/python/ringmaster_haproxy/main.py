# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component haproxy on this machine: validate its configuration, converge the running server, drain members."""

from __future__ import annotations

import argparse
import json
import sys
import time

from ringmaster_components import main as components
from ringmaster_components.report import Failure, Report

from ringmaster_haproxy.converge import SUFFIX, Places, converge, drain, sessions, validate


def main() -> int:
    """Run the program; return its exit code."""
    places = Places()
    if sys.argv[1:2] == ["drain"]:
        return _drain(places, sys.argv[2:])
    program = components.Program(
        "haproxy",
        # Everything haproxy is told takes effect by a reload; nothing waits for a restart.
        converge=lambda check, _restart: converge(places, check=check),
        validate=lambda: validate(places),
        inbox=places.inbox,
        suffix=SUFFIX,
    )
    return components.run(program)


def _drain(places: Places, words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="haproxy drain", description="Give a member no new sessions.")
    parser.add_argument("member", help="name of the VM")
    parser.add_argument("--backend", help="only in this backend")
    parser.add_argument("--undo", action="store_true", help="give it new sessions again")
    parser.add_argument("--check", action="store_true", help="change nothing, only tell")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="until it has no sessions any more")
    options = parser.parse_args(words)
    report = Report()
    try:
        with components.lock("haproxy"):
            report = drain(places, options.member, options.backend, undo=options.undo, check=options.check)
        end = time.monotonic() + (0 if options.check or options.undo else options.wait)
        while (left := sessions(options.member)) and time.monotonic() < end:
            time.sleep(0.2)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    print(json.dumps({"changed": bool(report.steps), "steps": report.steps, "sessions": left}))
    return 0
