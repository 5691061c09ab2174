# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key ``backup`` of projects and VMs: what it resolves to, its mistakes, and warnings about its target."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import inventory, operations
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.schema.backup import resolve

STANDARD = {
    "wanted": True,
    "keep_daily": 14,
    "keep_weekly": 8,
    "keep_monthly": 12,
    "exclude": [],
    "paths": [],
}


@pytest.mark.parametrize(
    ("vm", "project", "expected"),
    [
        (None, None, {}),
        (None, "none", {"wanted": False}),
        ("none", None, {"wanted": False}),
        ("none", {"keep_daily": 3}, {"wanted": False, "keep_daily": 3}),
        (None, {"keep_daily": 3}, {"keep_daily": 3}),
        (
            {"keep_weekly": 2},
            {"keep_daily": 3, "exclude": ["*.iso"]},
            {"keep_daily": 3, "keep_weekly": 2, "exclude": ["*.iso"]},
        ),
        ({"exclude": []}, {"exclude": ["*.iso"]}, {}),
        # Whoever describes what to keep for one VM wants it backed up, whatever the project says.
        ({"keep_daily": 3}, "none", {"keep_daily": 3}),
    ],
)
def test_vm_then_project_then_standard(vm: Any, project: Any, expected: dict[str, Any]) -> None:
    assert resolve(vm, project) == STANDARD | expected


def warnings(platform: Any) -> list[str]:
    platform.allocate()
    return operations.validate(platform.options).warnings


def test_no_warning_when_backups_lie_elsewhere(platform: Any) -> None:
    assert warnings(platform) == []


def test_the_vms_own_hypervisor_is_no_place_for_its_backups(platform: Any) -> None:
    platform.replace("platform.yml", "backup: svc0", "backup: hv0")
    (warning,) = warnings(platform)
    assert "myapp00" in warning
    assert "hypervisor hv0" in warning


def test_a_vm_on_the_same_hypervisor_is_no_better(platform: Any) -> None:
    platform.replace("platform.yml", "backup: svc0", "backup: platform00")
    platform.write("projects/platform.yml", "backup: none\nvms: {platform00: {}}\n")
    (warning,) = warnings(platform)
    assert "myapp00." in warning


@pytest.mark.parametrize(("backup_of_project", "expected"), [("none", 0), ("{}", 1)])
def test_without_a_target_there_are_no_backups(platform: Any, backup_of_project: str, expected: int) -> None:
    platform.edit("platform.yml", lambda data: data["services"].pop("backup") and None)
    platform.edit("projects/myapp.yml", lambda data: data.update(backup=yaml.safe_load(backup_of_project)))
    assert len(warnings(platform)) == expected


def test_the_inventory_tells_it_for_each_vm(platform: Any) -> None:
    platform.allocate()
    hosts = inventory.build(platform.read()).hosts
    assert hosts["myapp00"]["ringmaster_backup"] == STANDARD | {"keep_monthly": 6, "exclude": ["/srv/s-myapp/cache"]}
