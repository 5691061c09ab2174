# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as units of systemd: a timer and a service each, written when the description changes."""

from __future__ import annotations

import json
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringmaster.core import files
from ringmaster.core.report import Failure, Report
from ringmaster.core.systemd import properties, step

LIST = Path("/etc/ringmaster/jobs.json")
FOLDER = Path("/etc/systemd/system")
HEADER = "# Made by Ringmaster from the description of the project; changes are overwritten.\n"
RUN = "/usr/bin/ringmaster jobs"


@dataclass(frozen=True)
class Job:
    """A job. ``once`` is the component in which VMs agree who runs it, empty when each does."""

    name: str
    command: tuple[str, ...]
    user: str
    when: str
    timeout: int
    once: str = ""
    on_failure: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Job:
        """Return the job of a record of the list."""
        lists = {key: tuple(record[key]) for key in ("command", "on_failure")}
        return cls(**{**record, **lists})

    @property
    def unit(self) -> str:
        """Its unit without the ending."""
        return f"job-{self.name}"


def read(path: Path = LIST) -> dict[str, Job]:
    """Return the jobs of this VM by name."""
    try:
        return {record["name"]: Job.of(record) for record in json.loads(path.read_text())}
    except FileNotFoundError:
        return {}


def converge(jobs: Mapping[str, Job], folder: Path = FOLDER, *, check: bool = False) -> Report:
    """Make units of all jobs and of no others. Raises Failure."""
    report = Report()
    wanted = {f"{job.unit}.{kind}": text for job in jobs.values() for kind, text in texts(job).items()}
    ours = {path.name for path in folder.glob("job-*") if path.is_file() and path.read_text().startswith(HEADER)}
    for name in sorted(ours - wanted.keys()):
        if name.endswith(".timer"):
            step(report, check, "disable", "--now", name)
    # A run that goes on ends by itself; its unit is gone afterwards.
    for name in sorted(ours - wanted.keys()):
        report.steps.append(f"remove {name}")
        if not check:
            (folder / name).unlink()
    changed = [name for name, text in wanted.items() if not _is(folder / name, text)]
    for name in changed:
        report.steps.append(f"write {name}")
        if not check:
            files.replace(folder / name, wanted[name])
    if changed or ours - wanted.keys():
        step(report, check, "daemon-reload")
    for job in jobs.values():
        timer = f"{job.unit}.timer"
        if timer in changed:
            step(report, check, "enable", timer)
            step(report, check, "restart", timer)
        elif properties(timer, "UnitFileState", "ActiveState") != {"UnitFileState": "enabled", "ActiveState": "active"}:
            step(report, check, "enable", "--now", timer)
    return report


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


def texts(job: Job) -> dict[str, str]:
    """Return the text of each unit file of a job by its ending. Raises Failure where its user is missing."""
    try:
        uid = pwd.getpwnam(job.user).pw_uid
    except KeyError as error:
        raise Failure(f"job {job.name}: there is no account {job.user} on this VM; accounts come first") from error
    claim = f"ExecCondition={RUN} claim {job.name}\n" if job.once else ""
    service = f"""[Unit]
Description=Job {job.name} of the project

[Service]
Type=oneshot
User={job.user}
Group=service
Slice=user-{uid}.slice
WorkingDirectory=~
{claim}ExecStart=:/usr/bin/env -- {words(job.command)}
ExecStopPost=+{RUN} ended {job.name}
TimeoutStartSec={job.timeout}
NoNewPrivileges=yes
"""
    # Who missed a time makes up for it, unless another VM has had it.
    timer = f"""[Unit]
Description=Times of job {job.name}

[Timer]
OnCalendar={job.when}
AccuracySec=1s
Persistent={"no" if job.once else "yes"}

[Install]
WantedBy=timers.target
"""
    return {"service": HEADER + service, "timer": HEADER + timer}


def words(command: Sequence[str]) -> str:
    """Return the words of a command as systemd reads them, each for itself (systemd.service, command lines)."""
    return " ".join('"' + _escaped(word) + '"' for word in command)


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
