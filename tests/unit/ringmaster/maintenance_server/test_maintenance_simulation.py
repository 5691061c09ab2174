# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""300 machines, weeks, random needs and failures, changes of the clock: what must never happen, does not."""

from __future__ import annotations

import dataclasses
import datetime
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from maintenance_world import Chances, World
from ringmaster.maintenance.window import DAYS, Window
from ringmaster.maintenance_server.model import DAY, HOUR, Group, Machine, Policy

ZONES = ("Etc/UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe")
#: Both changes of the clock lie in the weeks after these days.
BEGINS = ("2026-03-05", "2026-10-12", "2026-06-01")


def platform(number: int, seed: int, begin: float) -> Policy:
    """Return machines in projects of up to nine, with groups, a gateway each, and windows of their own."""
    chance = random.Random(seed)
    machines: dict[str, Machine] = {}
    groups: list[Group] = []
    while len(machines) < number:
        project = f"p{len(groups)}x"
        size = min(chance.randint(1, 9), number - len(machines))
        window = Window(
            days=tuple(chance.sample(DAYS, chance.randint(1, 7))),
            start=f"{chance.randrange(24):02d}:{chance.choice((0, 15, 30)):02d}",
            hours=chance.choice((2, 4, 8)),
            timezone=chance.choice(ZONES),
        )
        day = datetime.datetime.fromtimestamp(begin + chance.randint(0, 20) * DAY, datetime.UTC).date()
        out = ((day.isoformat(), (day + datetime.timedelta(days=chance.randint(0, 12))).isoformat()),)
        names = [f"{project}{place:02d}" for place in range(size)]
        for place, name in enumerate(names):
            machines[name] = Machine(
                name=name,
                project=project,
                window=dataclasses.replace(window, exclusions=out if chance.random() < 0.3 else ()),
                notice=chance.choice((0, 2, 24, 72)) * HOUR,
                hypervisor=f"hv{chance.randrange(max(2, number // 25))}",
                is_gateway=place == 0 and size > 1,
            )
        if size > 1:
            kept = size - 1 if chance.random() < 0.7 else chance.randint(0, size - 1)
            groups.append(Group(f"all of {project}", tuple(names), kept))
        else:
            groups.append(Group(f"nobody of {project}", (), 0))
    return Policy(machines, tuple(group for group in groups if group.members))


def start_of(day: str) -> float:
    return datetime.datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()


def live(number: int, seed: int, begin: str, chances: Chances, *, weeks: int = 5, versions: int = 3) -> World:
    start = start_of(begin)
    world = World(platform(number, seed, start), seed, start, chances)
    for name in world.policy.machines:
        for _need in range(world.random.randint(0, 2)):
            world.need(
                name,
                start + world.random.uniform(0, (weeks - 1) * 7 * DAY),
                reboot=world.random.random() < 0.7,
                versions=f"{world.random.randrange(versions):x}",
                security=world.random.random() < 0.5,
            )
    world.run(start + weeks * 7 * DAY)
    return world


def let_end(world: World) -> None:
    """Let nothing go wrong any more, and all come to its end."""
    world.chances = Chances()
    for name in list(world.policy.machines):
        world.away.pop(name, None)
        world.critical.pop(name, None)
    for _week in range(6):
        world.service.resume("", "operator", world.now)
        world.run(world.now + 7 * DAY)
    state = world.memory.state
    assert not state.needs and not state.appointments, (state.needs, state.appointments, state.failures)


@pytest.mark.parametrize("begin", BEGINS)
def test_all_machines_get_their_turn_and_never_at_a_wrong_moment(begin: str) -> None:
    world = live(60, 1, begin, Chances())
    assert world.visits > 30 and world.ended["done"] == world.visits and not world.memory.state.failures
    let_end(world)


def test_whatever_goes_wrong_nothing_is_done_that_must_not_be() -> None:
    world = live(
        60, 2, BEGINS[1], Chances(fails=0.05, dies=0.03, is_sick=0.05, mail_is_away=5, postpones=0.1), versions=40
    )
    assert world.ended["failed"] and world.ended["postponed"] and world.ended["overtaken"]
    let_end(world)


@pytest.mark.thorough
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10**6),
    begin=st.sampled_from(BEGINS),
    chances=st.builds(
        Chances,
        fails=st.sampled_from((0.0, 0.02, 0.1)),
        dies=st.sampled_from((0.0, 0.02)),
        is_sick=st.sampled_from((0.0, 0.05)),
        mail_is_away=st.sampled_from((0.0, 10.0)),
        postpones=st.sampled_from((0.0, 0.2)),
    ),
)
def test_three_hundred_machines(seed: int, begin: str, chances: Chances) -> None:
    world = live(300, seed, begin, chances, versions=60)
    let_end(world)
