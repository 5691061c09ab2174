# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make up` on a Debian 13 that has nothing yet: tree, image, hypervisor and a real VM. Takes about 15 minutes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian13 import Controller, controller


@pytest.fixture(scope="module")
def debian() -> Iterator[Controller]:
    """Run one whose labs have no caches: what this machine has built is not for it."""
    with controller(caches=False) as found:
        yield found


def changes(said: str) -> dict[str, int]:
    """Return the number of changed tasks by host, over all playbooks of a run."""
    found: dict[str, int] = {}
    for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", said, re.MULTILINE):
        found[host] = found.get(host, 0) + int(count)
    return found


def summary(said: str) -> str:
    """Return what stands of the VM's addresses and checks in the summary."""
    return said.partition("Log in:")[0].rpartition("myapp00  (")[2]


def test_make_up_makes_the_machine_ready_and_the_example_true(debian: Controller) -> None:
    """`make` is not in a bare system; what it calls first brings it."""
    debian.run("bin/bootstrap")
    said = summary(debian.run("make", "up"))
    assert re.search(r"OK +redis/", said), said
    assert "CRITICAL" not in said


def test_people_log_in(debian: Controller) -> None:
    said = debian.run("make", "ssh", "VM=myapp00", "AS=bob", "CMD=id -un; cat /etc/debian_version")
    assert re.search(r"^bob\n13\.", said, re.MULTILINE), said


def test_a_second_run_changes_nothing(debian: Controller) -> None:
    said = debian.run("make", "up")
    found = changes(said)
    assert {"myapp00", "hv0", "svc0"} <= found.keys()
    assert set(found.values()) == {0}, said


def test_make_down_leaves_nothing(debian: Controller) -> None:
    debian.run("make", "down")
    assert debian.run("ip", "netns") == ""
    assert not [path for path in Path(debian.group).iterdir() if path.is_dir()]
