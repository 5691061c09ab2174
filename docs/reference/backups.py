# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/backup.md: when backups run, how long they are kept and how long they take, from the code."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path
from typing import Any

import tables
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.backup import KEPT
from jinja2 import Environment

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/backup.md"
MEASUREMENTS = ROOT / "docs/measurements.md"
EXAMPLE = "myapp00"
NOBODY = "fixed"


def _values(name: str) -> dict[str, Any]:
    """Return the defaults and variables of a role."""
    files = [ROOT / f"roles/{name}/{kind}/main.yml" for kind in ("defaults", "vars")]
    return {key: value for file in files for key, value in yaml.safe_load(file.read_text(encoding="utf-8")).items()}


def _constant(file: str, name: str) -> int:
    """Return a number of a program that runs on the backup machine."""
    path = ROOT / "roles/machine/files/python/ringmaster/backup_server" / file
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return int(eval(ast.unparse(node.value)))
    raise ValueError(f"{path} has no {name}")


def _timeout(unit: str) -> str:
    """Return after how many hours systemd ends a run."""
    (path,) = ROOT.glob(f"roles/*/files/**/{unit}")
    (found,) = re.findall(r"^TimeoutStartSec=(\d+)h$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return f"{found} hours"


def _calendar(values: dict[str, Any], start: str, hours: int, day: str) -> tuple[str, str]:
    """Render the role's own template of timers for the example; return its time and its delay."""
    environment = Environment(autoescape=False)
    environment.filters.update(comment=str, hash=lambda text, kind: hashlib.new(kind, text.encode()).hexdigest())
    names = {"inventory_hostname": EXAMPLE}
    for name in ("__backup_spread", "__backup_day"):
        names[name] = environment.from_string(values[name]).render(names)
    template = (ROOT / "roles/backup/templates/timer.j2").read_text(encoding="utf-8")
    day = f"{names['__backup_day']} " if day else ""
    text = environment.from_string(template).render(names, what="", day=day, start=start, hours=hours)
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return settings["OnCalendar"], settings["RandomizedDelaySec"]


def _window(start: str, hours: int) -> str:
    clock, minute = start.split(":")
    return f"from {start} to {(int(clock) + hours) % 24:02}:{minute}"


def when() -> str:
    """Return what runs when, and where that is set."""
    machine, server = _values("backup"), _values("backup_server")
    night, delay = _calendar(machine, machine["backup_window_start"], machine["backup_window_hours"], "")
    proof, _delay = _calendar(machine, machine["backup_proof_start"], machine["backup_proof_hours"], "day")
    parts = _constant("upkeep.py", "PARTS")
    rows = [
        (
            "a backup of each machine",
            f"every night {_window(machine['backup_window_start'], machine['backup_window_hours'])}, at a minute that "
            f"follows from its name (`{EXAMPLE}`: {night}) and up to {delay.replace('min', ' minutes')} later; "
            "a machine that was off catches up",
            "`backup_window_start`, `backup_window_hours`",
        ),
        (
            "the proof that it can be restored",
            f"every week {_window(machine['backup_proof_start'], machine['backup_proof_hours'])}, on a day and at a "
            f"minute that follow from its name (`{EXAMPLE}`: {proof})",
            "`backup_proof_start`, `backup_proof_hours`",
        ),
        (
            "the second copy, if there is one",
            f"every day at {server['backup_server_copy_time']}",
            "`backup_server_copy_time`, `backup_server_copy_to`",
        ),
        (
            "maintenance: what is beyond its time is forgotten",
            f"every day at {server['backup_server_maintenance_time']}; space is freed once a week, and every byte is "
            f"read once in {parts} weeks",
            "`backup_server_maintenance_time`",
        ),
        (
            "another try, when the backup machine does not answer",
            f"{machine['backup_tries']} tries, {machine['backup_pause'] // 60} minutes apart, then the next night",
            "`backup_tries`, `backup_pause`",
        ),
        (
            "the end of a run that takes too long",
            f"a backup after {_timeout('ringmaster-backup.service')}, "
            f"a proof after {_timeout('ringmaster-backup-proof.service')}",
            NOBODY,
        ),
        (
            "a warning that the newest backup is old",
            f"after {machine['backup_warning_hours']} hours, and of the newest proof after "
            f"{machine['backup_proof_warning_days']} days; critical after {machine['backup_critical_hours']} hours and "
            f"{machine['backup_proof_critical_days']} days",
            "`backup_warning_hours`, `backup_proof_warning_days` …",
        ),
    ]
    return tables.table(("What", "When", "Set by"), rows)


def kept() -> str:
    """Return how long what is kept."""
    periods = {"daily": "days", "weekly": "weeks", "monthly": "months"}
    hours = _constant("retention.py", "RECENT") // 3600
    rows = [(f"the newest of each of the last {KEPT[key]} {word}", f"`keep_{key}`") for key, word in periods.items()]
    return tables.table(("Kept", "Set by"), [(f"everything of the last {hours} hours", NOBODY), *rows])


def took() -> str:
    """Return what was measured, from the page that has the measurement."""
    row = r"^\| What \| (.+) \| (.+) \| (.+) \|\n\|[-|]+\n\| `ringmaster backup` \| (\S+) \| (\S+) \| (\S+) \|$"
    (found,) = re.findall(row, MEASUREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    return tables.table(found[:3], [[f"{seconds} s" for seconds in found[3:]]])


def renew(text: str) -> str:
    """Return the page with its tables as they are now."""
    return tables.renew(text, {"when": when(), "kept": kept(), "took": took()})
