# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of a project: what no single value shows, and which ones a VM runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .language.errors import did_you_mean, one_of
from .model import Description, Vm
from .schema.job import split

AGREE = ("postgresql", "redis")
"""Components in which VMs can agree who runs a job, the better one first."""
MAIL = ("mailstub", "mailserver")
"""Components by which programs of a VM send mail."""


def of_vm(description: Description, vm: Vm) -> list[dict[str, Any]]:
    """Return the jobs of a VM: ``{name, command: [words], user, when, timeout, once, on_failure}``.

    ``once`` is the component in which the VMs agree, or empty where each of them runs the job.
    """
    record = description.projects[vm.project]
    having = description.components_of(vm.project)
    return [
        {
            "name": job["name"],
            "command": split(job["command"]),
            "user": job["user"],
            "when": job["when"],
            "timeout": job["timeout"],
            "once": next((one for one in AGREE if one in having), "") if job["once"] else "",
            "on_failure": job["on_failure"],
        }
        for job in record["jobs"] or []
        if job["vms"] is None or vm.name in job["vms"]
    ]


def check(description: Description) -> None:
    """Note jobs of unknown users and VMs, of one name, and those that need a component that is not there."""
    for project, record in description.projects.items():
        source = description.sources[f"projects/{project}.yml"]
        names: set[str] = set()
        for number, job in enumerate(record["jobs"] or []):
            if not job or not job["name"]:
                continue
            for key, found, message, allowed, hint in _mistakes(description, project, job, names):
                place = source.find("jobs", number, *key)
                source.wrong(place, f"jobs[{number}].{key[0]}: {message}", found=found, allowed=allowed, hint=hint)
            names.add(job["name"])


def _mistakes(
    description: Description, project: str, job: dict[str, Any], before: set[str]
) -> Iterator[tuple[tuple[str | int, ...], str, str, str, str]]:
    """Yield key, message, what was found, what is allowed, and a hint."""
    record = description.projects[project]
    users = [name for name in record["service_users"] or [] if name]
    vms = [*(record["vms"] or {})]
    if job["name"] in before:
        yield ("name",), "another job has this name", job["name"], "a name for each job", ""
    if job["user"] and job["user"] not in users:
        message = f"'{job['user']}' is no service user of the project"
        yield ("user",), message, job["user"], one_of(users) or "none yet", did_you_mean(job["user"], users)
    for position, name in enumerate(job["vms"] or []):
        if name and name not in vms:
            message = f"'{name}' is no VM of the project"
            yield ("vms", position), message, name, one_of(vms), did_you_mean(name, vms)
    having = description.components_of(project)
    if job["once"] and not having.intersection(AGREE):
        message = "the VMs of the project have nothing in which they could agree who runs it"
        yield ("once",), message, "true", "with the component postgresql or redis on a VM of the project", ""
    for name in job["vms"] if job["vms"] is not None else vms:
        vm = description.vms.get(name)
        if job["on_failure"] and vm is not None and not set(MAIL).intersection(vm.components):
            message = f"the VM {name} cannot send mail"
            yield ("on_failure",), message, "addresses", f"the component mailstub on {name}", ""
