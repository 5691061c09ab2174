# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of a project: which VM runs which, and what is a mistake."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import inventory
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError

JOB = {"name": "invoices", "command": "bin/invoices 'to all'", "user": "s-myapp", "when": "03:10"}
VMS = {"myapp00": {"components": {"redis": {}}}, "myapp01": {}}


def project(platform: Any, *jobs: dict[str, Any], vms: dict[str, Any] | None = None) -> Any:
    """Return the project with these jobs, read."""
    keys = {"jobs": [{**JOB, **job} for job in jobs], "vms": vms or VMS, "service_users": ["s-myapp"], "checks": []}
    platform.edit("projects/myapp.yml", lambda data: data.update(keys))
    return platform.read()


def test_each_vm_gets_its_own(platform: Any) -> None:
    found = project(platform, {}, {"name": "reports", "vms": ["myapp01"], "once": True, "timeout": 60})
    hosts = inventory.build(found).hosts
    job = {
        "name": "invoices",
        "command": ["bin/invoices", "to all"],
        "user": "s-myapp",
        "when": "03:10",
        "timeout": 3600,
        "once": "",
        "on_failure": [],
    }
    assert hosts["myapp00"]["ringmaster_jobs"] == [job]
    assert hosts["myapp01"]["ringmaster_jobs"] == [job, {**job, "name": "reports", "once": "redis", "timeout": 60}]


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"command": "bin/x 'open"}, "cannot be split into words: no closing quotation"),
        ({"command": " "}, "names no program"),
        ({"when": "nightly"}, "has a time that is not hour:minute"),
        ({"user": "s-other"}, "'s-other' is no service user of the project"),
        ({"user": "bob"}, "'bob' is no service user of the project"),
        ({"vms": ["myapp07"]}, "'myapp07' is no VM of the project"),
        ({"vms": []}, "all VMs would run it"),
        ({"name": "a b"}, "lower-case letters, digits and -"),
        ({"timeout": 0}, "a whole number from 1"),
        ({"on_failure": ["bob@example.org"]}, "the VM myapp00 cannot send mail"),
    ],
)
def test_mistakes(platform: Any, job: dict[str, Any], said: str) -> None:
    with pytest.raises(DescriptionError) as caught:
        project(platform, job)
    assert said in str(caught.value)


def test_two_of_one_name(platform: Any) -> None:
    with pytest.raises(DescriptionError, match="another job has this name"):
        project(platform, {}, {})


def test_once_needs_something_in_which_vms_agree(platform: Any) -> None:
    with pytest.raises(DescriptionError, match="nothing in which they could agree"):
        project(platform, {"once": True}, vms={"myapp00": {}})
