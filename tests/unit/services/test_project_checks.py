# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of projects; the expected ones are what the role's template gave before they were made here."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import project_checks


def declared(name: str, **changes: Any) -> dict[str, Any]:
    some = {"command": ["/x"], "url": None, "interval": 30, "timeout": 5, "user": None, "vms": None}
    return {"name": name, **some, **changes}


CHECKS = [
    declared("own", command=["/srv/s-a/check", "--x"], interval=60, timeout=10, user="s-a"),
    declared("url", command=None, url="https://x"),
    declared("mine", vms=["shop01"]),
    declared("others", vms=["shop00"], user=""),
    None,
]
OWN = {
    "component": "project",
    "name": "own",
    "command": ["/srv/s-a/check", "--x"],
    "interval": 60,
    "timeout": 10,
    "user": "s-a",
}
SOME = {"component": "project", "command": ["/x"], "interval": 30, "timeout": 5, "user": "ringmaster-drop-in"}


@pytest.mark.parametrize(
    ("vm", "expected"),
    [
        ("shop01", [OWN, {**SOME, "name": "mine"}]),
        ("shop00", [OWN, {**SOME, "name": "others"}]),
        ("shop02", [OWN]),
    ],
)
def test_those_with_a_command_that_are_for_the_vm(vm: str, expected: list[dict[str, Any]]) -> None:
    assert project_checks.of_vm(CHECKS, vm) == expected  # type: ignore[arg-type]
