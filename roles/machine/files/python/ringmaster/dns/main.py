# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name server's zones: give each its serial, have it checked, load it; or say what differs."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ringmaster.dns.loading import Failure, Places, differences, load

LOCK = Path("/run/ringmaster/dns.lock")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster dns", description=__doc__)
    result.add_argument("verb", choices=["load", "status"])
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    places = Places()
    if options.verb == "status":
        problems = differences(places)
        print("\n".join(problems) or "All zones are loaded.")
        return 1 if problems else 0
    LOCK.parent.mkdir(mode=0o755, exist_ok=True)
    with os.fdopen(os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            for step in load(places):
                print(step)
        except Failure as failure:
            print(failure, file=sys.stderr)
            return 1
    return 0
