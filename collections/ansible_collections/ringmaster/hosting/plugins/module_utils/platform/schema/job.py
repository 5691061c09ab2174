# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a job: what a project's VMs do at times of the calendar."""

from __future__ import annotations

import shlex

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import calendar_events

from ..language.containers import Key, ListOf, Record
from ..language.types import Boolean, Integer, Name, Text
from .common import EMAIL


def split(command: str) -> list[str]:
    """Return the words of a command, as a shell would without its variables and signs; raises ValueError."""
    return shlex.split(command, posix=True)


def command_problem(text: str) -> str:
    """Return what is wrong with a command, to follow it in a sentence, or nothing."""
    try:
        return "" if split(text) else "names no program"
    except ValueError as error:
        return f"cannot be split into words: {str(error)[:1].lower()}{str(error)[1:]}"


JOB = Record(
    "job",
    (
        Key(
            "name",
            Text("lower-case letters, digits and -", pattern=r"^[a-z][a-z0-9-]{0,40}$"),
            "Name of the job; its unit on the VM is `job-<name>.service`.",
            required=True,
            example="invoices",
        ),
        Key(
            "command",
            Text("a command in words, as in a shell but without its signs", check=command_problem),
            "What runs, in the home of the service user. For pipes and the like name a script.",
            required=True,
            example="bin/invoices --all",
        ),
        Key("user", Name("service user", refers=True), "Service user that runs it.", required=True),
        Key(
            "when",
            Text(calendar_events.IN_WORDS, check=calendar_events.problem),
            "When it begins, by the clock of the VM (systemd.time, calendar events).",
            required=True,
            example="Mon..Fri 03:10",
        ),
        Key("timeout", Integer(1, 7 * 86400), "Seconds after which it is ended, and has failed.", default=3600),
        Key(
            "vms",
            ListOf(Name("VM", refers=True), filled="all VMs would run it", hint="leave it out for all of them"),
            "VMs that run it.",
            default_text="all of the project",
        ),
        Key(
            "once",
            Boolean(),
            "Each time on one of these VMs only; needs PostgreSQL or Redis in the project, where they agree which.",
            default=False,
        ),
        Key(
            "on_failure",
            ListOf(EMAIL),
            "Who gets a mail with its last lines when it fails, beside the alert that the project's contacts get.",
            default=[],
        ),
    ),
    "A job that the project's VMs run at times of the calendar, as a service user.",
)
