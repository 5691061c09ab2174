# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom to tell of which appointments, and when: one mail for a project and a window. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ringmaster.maintenance_server.model import MINUTE, Appointment, Policy, window_at

HURRY = 15 * MINUTE
"""So long before the notice would no longer be kept, people are told of what is known."""


@dataclass(frozen=True)
class Batch:
    """What a project is told of in one mail: the appointments in one window."""

    project: str
    opens: float
    closes: float
    appointments: tuple[Appointment, ...]


def due(now: float, policy: Policy, appointments: Iterable[Appointment]) -> list[Batch]:
    """Return what is to be told now.

    A project's first machine waits a while for the others, which hear of the same updates within the hour.
    """
    found: dict[tuple[str, float, float], list[Appointment]] = {}
    for one in appointments:
        machine = policy.machines.get(one.machine)
        if machine is None or one.announced or one.asked_by or one.turn:
            continue
        opens, closes = window_at(machine, one.begin, in_exclusions=True) or (one.begin, one.begin)
        found.setdefault((machine.project, opens, closes), []).append(one)
    return [
        Batch(project, opens, closes, tuple(sorted(those, key=lambda one: (one.begin, one.machine))))
        for (project, opens, closes), those in sorted(found.items())
        if _is_due(now, policy, those)
    ]


def _is_due(now: float, policy: Policy, appointments: list[Appointment]) -> bool:
    return any(
        now >= one.made + policy.gather or now >= one.begin - policy.machines[one.machine].notice - HURRY
        for one in appointments
    )
