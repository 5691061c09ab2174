# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program: request and install for the platform's runs, renew for the timer."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ringmaster.certificates import acme
from ringmaster.certificates.converge import install, request
from ringmaster.certificates.openssl import Failure
from ringmaster.certificates.store import Store

LOCK = Path("/run/ringmaster/certificates.lock")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster certificates", description=__doc__)
    result.add_argument("verb", choices=["request", "install", "renew"])
    result.add_argument("--check", action="store_true", help="change nothing, only tell")
    result.add_argument("--force", action="store_true", help="renew: try again now what has failed")
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    os.umask(0o022)
    store = Store()
    LOCK.parent.mkdir(mode=0o755, exist_ok=True)
    with os.fdopen(os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if options.verb == "renew":
                return _renew(store, options.force)
            told = json.load(sys.stdin)
            report = request(store, told, check=options.check) if options.verb == "request" else install(store, told)
        except Failure as failure:
            print(failure, file=sys.stderr)
            return 1
    print(json.dumps(report.as_dict()))
    return 0


def _renew(store: Store, force: bool) -> int:
    done, failed = acme.renew(store, force=force)
    for step in done:
        print(step)
    for reason in failed:
        print(reason, file=sys.stderr)
    return 1 if failed else 0
