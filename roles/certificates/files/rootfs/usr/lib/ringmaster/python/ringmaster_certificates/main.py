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
from pathlib import Path

from ringmaster_certificates import acme
from ringmaster_certificates.converge import install, request
from ringmaster_certificates.openssl import Failure
from ringmaster_certificates.store import Store

LOCK = Path("/run/ringmaster/certificates.lock")


def main() -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser(prog="certificates", description=__doc__)
    parser.add_argument("verb", choices=["request", "install", "renew"])
    parser.add_argument("--check", action="store_true", help="change nothing, only tell")
    parser.add_argument("--force", action="store_true", help="renew: try again now what has failed")
    options = parser.parse_args()
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
