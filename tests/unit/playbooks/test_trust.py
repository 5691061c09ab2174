# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No playbook and no role lets one machine decide for others; what it said is followed by ``test_registered.py``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
SHOWN = ("ansible.builtin.debug", "ansible.builtin.assert", "ansible.builtin.fail")
"""Actions of the controller that only say something."""
HOME = ("localhost",)
TRUSTED = (
    *HOME,
    "{{ ringmaster_hypervisor }}",
    "{{ move.from }}",
    "{{ move.to }}",
    "{{ __here }}",
    "{{ groups['service_backup'] | first }}",
)
"""Whom tasks of a VM may be delegated to: the controller, its hypervisor, a service machine."""
HYPERVISORS = ("playbooks/shared/settle_vm.yml", "{{ item }}")
"""Where the loop is over hypervisors."""
FOR_THEMSELVES = ("network_check.yml", "show_firewall.yml", "update.yml", "mail_selftest.yml")
"""Playbooks whose plays are about the same machines, and that no other imports."""


@dataclass(frozen=True)
class Task:
    """A task, and where it is."""

    place: str
    content: dict[str, Any]

    @property
    def action(self) -> str:
        return next((key for key in self.content if "." in key and not key.startswith("_")), "")


def tasks(place: str, listed: Any) -> Iterator[Task]:
    for content in listed or []:
        inner = [content[key] for key in ("block", "rescue", "always") if key in content]
        outer = {key: value for key, value in content.items() if key not in ("block", "rescue", "always")}
        yield Task(place, outer)
        for one in inner:
            yield from tasks(place, one)


def files() -> Iterator[tuple[str, Any]]:
    for pattern in ("playbooks/*.yml", "playbooks/shared/*.yml", "roles/*/tasks/*.yml", "roles/*/handlers/*.yml"):
        for path in sorted(ROOT.glob(pattern)):
            yield str(path.relative_to(ROOT)), yaml.safe_load(path.read_text(encoding="utf-8")) or []


def plays() -> list[tuple[str, dict[str, Any]]]:
    return [(place, one) for place, content in files() for one in content if "hosts" in one]


def all_tasks() -> list[Task]:
    found = []
    for place, content in files():
        if any("hosts" in one for one in content):
            for play in content:
                for part in ("pre_tasks", "tasks", "post_tasks", "handlers"):
                    found += tasks(place, play.get(part))
        else:
            found += tasks(place, [one for one in content if "ansible.builtin.import_playbook" not in one])
    return found


TASKS = all_tasks()


def decides_for_all(content: dict[str, Any]) -> bool:
    return "any_errors_fatal" in content or "max_fail_percentage" in content


def test_nobody_ends_the_play_of_others() -> None:
    assert len(TASKS) > 150
    assert not [place for place, play in plays() if decides_for_all(play)]
    assert not [task for task in TASKS if decides_for_all(task.content)]


def test_what_is_done_once_is_done_on_the_controller() -> None:
    """The first machine of a play would decide for all, and its failure would be everybody's."""
    once = [task for task in TASKS if task.content.get("run_once")]
    assert once
    wrong = [task for task in once if task.action not in SHOWN and task.content.get("delegate_to") not in HOME]
    assert not wrong


def test_who_asks_for_others_may_fail() -> None:
    """A task of one machine that another VM carries out."""
    for task in TASKS:
        other = task.content.get("delegate_to")
        if other is None or other in TRUSTED or (task.place, other) == HYPERVISORS:
            continue
        assert task.content.get("ignore_errors") is True, task
        assert task.content.get("ignore_unreachable") is True, task


def test_nobody_waits_for_a_machine_that_lies() -> None:
    assert not [task for task in TASKS if task.action == "ansible.builtin.wait_for_connection"]


def test_a_play_of_vms_is_never_the_last_because_all_of_them_fail() -> None:
    of_vms = [(place, play) for place, play in plays() if "default('vms" in str(play["hosts"])]
    assert len(of_vms) > 8
    for place, play in of_vms:
        if Path(place).name in FOR_THEMSELVES:
            continue
        assert "'localhost'] | flatten" in play["hosts"], f"{place}: {play['name']}"
        included = [
            one.get("ansible.builtin.import_tasks") for one in [*play.get("pre_tasks", []), *play.get("tasks", [])]
        ]
        assert "shared/only_existing_vms.yml" in included, f"{place}: {play['name']}: who leaves out the controller?"


def test_a_batch_in_which_all_fail_ends_nothing() -> None:
    in_batches = [play for _place, play in plays() if "serial" in play]
    assert in_batches
    for play in in_batches:
        loose = [one for one in play["tasks"] if "block" not in one and Task("", one).action not in SHOWN]
        assert not loose
        assert all("rescue" in one for one in play["tasks"] if "block" in one)
