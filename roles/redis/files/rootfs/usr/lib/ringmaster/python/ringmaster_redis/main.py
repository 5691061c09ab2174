# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component redis on this machine: validate its configuration, converge the running server."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
import time
from pathlib import Path

from ringmaster_components import inbox

from ringmaster_redis.converge import Failure, Places, converge, validate

LOCK = Path("/run/ringmaster/redis.lock")


def main() -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser(prog="redis", description=__doc__)
    parser.add_argument("verb", choices=["validate", "converge", "inbox"])
    parser.add_argument("--check", action="store_true", help="change nothing, only tell")
    parser.add_argument("--restart", action="store_true", help="restart if settings wait for it")
    options = parser.parse_args()
    places = Places()
    LOCK.parent.mkdir(mode=0o755, exist_ok=True)
    with os.fdopen(os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if options.verb == "validate":
                validate(places)
                return 0
            if options.verb == "inbox":
                return take_in(places)
            report = converge(places, check=options.check, restart=options.restart)
        except Failure as failure:
            print(failure, file=sys.stderr)
            return 1
    print(json.dumps(report.as_dict()))
    return 0


def take_in(places: Places) -> int:
    """Converge until the inbox stays as it is: files may come while others are being tried."""
    before: inbox.Signature | None = None
    while (now := inbox.signature(places.inbox, ".conf")) != before:
        before = now
        report = converge(places)
        for step in report.steps:
            print(step)
        for name, reason in report.refused.items():
            print(f"{name} is left out: {reason}")
        time.sleep(1)
    return 0
