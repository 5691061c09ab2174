# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VM of several runs a job: the one that enters the job and its due time first, in the project's own database.

An entry stands for a time of the calendar, not for the length of a run: VMs whose clocks differ by less than half a
minute, and that are minutes apart in running the job, agree on one.
"""

from __future__ import annotations

import datetime
import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ringmaster.core.files import read_environment
from ringmaster.core.report import Failure

CREDENTIALS = Path("/etc/ringmaster/credentials")
CLOCKS = 30
"""Seconds that clocks of VMs may differ."""
KEPT_DAYS = 8
SECONDS = 20
"""How long the database may take."""
TABLE = "ringmaster_job_claims"
ENTER = f"""
SET client_min_messages = warning;
CREATE TABLE IF NOT EXISTS {TABLE} (job text, due timestamptz, vm text NOT NULL, PRIMARY KEY (job, due));
DELETE FROM {TABLE} WHERE due < now() - interval '{KEPT_DAYS} days';
INSERT INTO {TABLE} VALUES (:'job', :'due', :'vm') ON CONFLICT DO NOTHING;
SELECT vm FROM {TABLE} WHERE job = :'job' AND due = :'due';
"""


def due(when: str, now: float) -> str:
    """Return the time of the calendar that a run belongs to, as ``2026-11-30 03:10:00 UTC``. Raises Failure."""
    found = following(when, now - CLOCKS)
    if not found:
        raise Failure(f"'{when}' is no time of now")
    return found


def following(when: str, moment: float) -> str:
    """Return the next time of the calendar after a moment, as above; nothing where there is none. Raises Failure."""
    base = datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    done = subprocess.run(
        ["systemd-analyze", "calendar", f"--base-time={base}", when],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    for line in done.stdout.splitlines():
        key, _colon, value = line.strip().partition(": ")
        if key == "Next elapse" and value.strip() == "never":
            return ""
        if key == "(in UTC)" or (key == "Next elapse" and value.endswith(" UTC")):
            return value.strip().split(" ", 1)[1]  # without the weekday
    raise Failure(f"'{when}': systemd names no time: {done.stderr.strip() or done.stdout.strip()}")


def moment(text: str) -> float:
    """Return a due time as Unix seconds."""
    return datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=datetime.UTC).timestamp()


def claim(job: str, component: str, moment: str, folder: Path = CREDENTIALS) -> bool:
    """Whether this VM is the one that runs a job at a due time. Raises Failure where nobody can say so."""
    vm, reasons = socket.gethostname(), []
    found = sorted(path for path in (folder / component).glob("*.env") if "@" not in path.name)
    for path in sorted(found, key=lambda one: one.name != "app.env"):
        try:
            return ENTERED[component](job, moment, vm, read_environment(path)) == vm
        except (Failure, subprocess.TimeoutExpired) as error:
            reasons.append(f"as {path.stem}: {error}")
    raise Failure(f"{component} does not say who runs {job} at {moment}: {'; '.join(reasons) or 'no credentials here'}")


def _postgresql(job: str, moment: str, vm: str, credentials: Mapping[str, str]) -> str:
    variables = [f"--set={name}={value}" for name, value in {"job": job, "due": moment, "vm": vm}.items()]
    argv = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", *variables]
    return _ask(argv, ENTER, credentials)


def _redis(job: str, moment: str, vm: str, credentials: Mapping[str, str]) -> str:
    key = f"ringmaster:job:{job}:{moment}"
    argv = ["redis-cli", "-h", credentials["REDIS_HOST"], "-p", credentials["REDIS_PORT"], "--tls"]
    argv += [
        "--cacert",
        credentials["REDIS_CA_CERT"],
        "--user",
        credentials["REDIS_USERNAME"],
        "--no-auth-warning",
        "-e",
    ]
    _ask([*argv, "SET", key, vm, "NX", "EX", str(KEPT_DAYS * 86400)], "", credentials)
    return _ask([*argv, "GET", key], "", credentials)


ENTERED = {"postgresql": _postgresql, "redis": _redis}


def _ask(argv: list[str], text: str, credentials: Mapping[str, str]) -> str:
    done = subprocess.run(
        argv,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **credentials},
    )
    if done.returncode:
        raise Failure(f"{argv[0]}: {(done.stderr.strip() or done.stdout.strip())[-300:]}")
    return done.stdout.strip()
