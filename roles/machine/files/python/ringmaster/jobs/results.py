# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How runs of jobs ended: kept for checks and figures, and mailed when they failed."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from ringmaster.core import files
from ringmaster.core.checks import CRITICAL, OK, WARNING
from ringmaster.core.systemd import properties
from ringmaster.jobs import claims
from ringmaster.jobs.units import Job

FOLDER = Path("/var/lib/ringmaster/jobs")
METRICS = Path("/run/ringmaster/textfile/jobs.prom")
LINES = 30
LATE = 1.5
"""Periods after which a job without success is late."""
SKIPPED = "exec-condition"
"""What systemd calls the result of a run whose condition did not hold: another VM runs the job."""
SENDMAIL = "/usr/sbin/sendmail"


def path_of(name: str) -> Path:
    """Return where the result of a job is kept."""
    return FOLDER / f"{name}.json"


def read(name: str) -> dict[str, Any]:
    """Return what is known of the newest run; empty when there was none."""
    try:
        return dict(json.loads(path_of(name).read_text()))
    except FileNotFoundError:
        return {}


def keep(job: Job, environment: Mapping[str, str], now: float) -> dict[str, Any]:
    """Keep how a run ended, as systemd says to ExecStopPost; return it."""
    before = read(job.name)
    result = environment.get("SERVICE_RESULT", "")
    begun = properties(f"{job.unit}.service", "InactiveExitTimestampMonotonic").get(
        "InactiveExitTimestampMonotonic", ""
    )
    seconds = max(0.0, time.monotonic() - int(begun) / 1e6) if begun.isdigit() else 0.0
    good = result in ("success", SKIPPED)
    found = {
        "result": result,
        "code": environment.get("EXIT_STATUS", ""),
        "end": round(now),
        "seconds": round(seconds, 1),
        "good": round(now) if good else before.get("good", 0),
        "first": before.get("first", round(now)),
    }
    FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path_of(job.name), json.dumps(found) + "\n")
    return found


def publish(jobs: Mapping[str, Job]) -> None:
    """Write the figures of all jobs for node exporter."""
    known = {name: read(name) for name in sorted(jobs)}
    lines = []
    for metric, key, text in (
        ("ringmaster_job_success_timestamp_seconds", "good", "When the job ended well, last."),
        ("ringmaster_job_seconds", "seconds", "How long its newest run took."),
        ("ringmaster_job_end_timestamp_seconds", "end", "When its newest run ended."),
    ):
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} gauge"]
        lines += [f'{metric}{{job="{name}"}} {found[key]}' for name, found in known.items() if found]
    files.publish(METRICS, "\n".join(lines) + "\n")


def mail(job: Job, found: Mapping[str, Any], invocation: str) -> None:
    """Tell those who want to know of a failure, with the last lines of the run."""
    argv = ["journalctl", "--no-pager", "--quiet", "--output=short-iso", f"--lines={LINES}"]
    lines = subprocess.run(
        [*argv, f"_SYSTEMD_INVOCATION_ID={invocation}"], capture_output=True, text=True, check=False, errors="replace"
    ).stdout
    message = EmailMessage()
    message["To"] = ", ".join(job.on_failure)
    message["Subject"] = f"Job {job.name} failed on {socket.gethostname()}"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{sentence(job, found)}\n\nIts last lines:\n\n{lines or '(none)'}")
    subprocess.run([SENDMAIL, "-t", "-i"], input=message.as_bytes(), check=False)


def sentence(job: Job, found: Mapping[str, Any]) -> str:
    """Say how a run ended."""
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(found["end"]))
    if found["result"] == "success":
        return f"It ended well at {at}, after {found['seconds']:.0f} s."
    if found["result"] == SKIPPED:
        return f"Another VM ran it at {at}."
    how = {
        "exit-code": f"failed with code {found['code']}",
        "timeout": f"was ended after {job.timeout} s",
        "signal": f"was ended by signal {found['code']}",
        "oom-kill": "ran out of memory",
    }.get(found["result"], f"failed ({found['result'] or 'nobody knows why'})")
    return f"It {how} at {at}: sudo -u {job.user} -i journalctl -u {job.unit}"


def check(job: Job, now: float) -> tuple[int, str]:
    """Return a status and a sentence: whether the newest run was good, and not too long ago."""
    found = read(job.name)
    if not found:
        return OK, f"It has not run yet; the next time is {claims.following(job.when, now) or 'never'}."
    if found["result"] not in ("success", SKIPPED):
        return CRITICAL, sentence(job, found)
    age = now - found["good"]
    # Nothing is late so soon; systemd, which knows the period, need not be asked.
    period = _period(job, now) if age > job.timeout else 0.0
    if period and age > LATE * period + job.timeout:
        late = f"That is {age / 3600:.1f} h ago; it should run every {period / 3600:.1f} h."
        return WARNING, f"{sentence(job, found)} {late}"
    return OK, sentence(job, found)


def _period(job: Job, now: float) -> float:
    """Return the seconds between the next two times of a job; 0 where there are no two."""
    first = claims.following(job.when, now)
    second = claims.following(job.when, claims.moment(first)) if first else ""
    return claims.moment(second) - claims.moment(first) if second else 0.0
