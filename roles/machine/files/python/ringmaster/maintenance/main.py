# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next work on this machine that people notice: see it, and say when.

list      what is planned, when, and why
now       do it at once, as soon as the machines that stand in for this one are well
postpone  not now, in the next window; so often as is allowed
wait      wait until it is done
"""

from __future__ import annotations

import argparse
import os
import pwd
import sys
import time
from collections.abc import Sequence
from typing import Any

from ringmaster.maintenance import turns
from ringmaster.maintenance.turns import Unreachable

WAIT_SECONDS = 5


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="ringmaster maintenance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("verb", choices=["list", "now", "postpone", "wait"])
    result.add_argument("--seconds", type=float, default=4 * 3600, help="how long wait waits")
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    if options.verb == "list":
        print(sentence(turns.planned(), time.time()))
        return 0
    if options.verb == "wait":
        return _wait(options.seconds)
    if os.geteuid():
        print(f"Ask for the right: sudo ringmaster maintenance {options.verb}", file=sys.stderr)
        return 1
    if not turns.is_used():
        print("This platform makes no appointments: the machine restarts in its window by itself.", file=sys.stderr)
        return 1
    try:
        answer = turns.ask(options.verb, {"by": _person()})
    except Unreachable as error:
        print(f"The service does not answer: {error}", file=sys.stderr)
        return 1
    turns.told(answer)
    print(answer.get("said", ""))
    print(sentence(turns.planned(), time.time()))
    return 0


def _person() -> str:
    """Return who asks: the account that sudo was called by."""
    name = os.environ.get("SUDO_USER", "root")
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return "root"


def sentence(planned: dict[str, Any], now: float) -> str:
    """Return what is planned, for people."""
    if planned.get("stopped"):
        return f"Stopped: {planned['stopped']}."
    state = planned.get("state", "none")
    if state == "none":
        return "Nothing is planned."
    parts = ["the machine"] if planned.get("reboot") else []
    parts += [str(unit) for unit in planned.get("units") or []]
    what = f"restart of {', '.join(parts)}" + (f" ({planned['reason']})" if planned.get("reason") else "")
    if state in ("running", "settling"):
        return f"Now: {what}."
    begin = float(planned.get("begin") or 0)
    when = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(begin)) if begin > now else "as soon as it may begin"
    told = "" if state == "announced" else ", not announced yet"
    return f"{when}: {what}, about {max(1, round(float(planned.get('seconds') or 0) / 60))} min{told}."


def _wait(seconds: float) -> int:
    """Wait until nothing is planned any more."""
    end = time.monotonic() + seconds
    while turns.planned().get("state", "none") != "none":
        if time.monotonic() > end:
            print(sentence(turns.planned(), time.time()))
            return 1
        time.sleep(WAIT_SECONDS)
    print("Done: nothing is planned.")
    return 0
