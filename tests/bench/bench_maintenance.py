#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A year of maintenance on a large platform: the simulation of the unit tests, which looks at every event.

``tests/bench/bench_maintenance.py [MACHINES] [WEEKS]``: every four weeks all machines need a restart within a day, and
in two hundred turns one thing or another goes wrong. It says how many turns there were, how long the longest wait was,
and what a turn costs; it ends with an error when something was done that must never be.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "roles/machine/files/python"), str(ROOT / "tests/unit/ringmaster/maintenance_server")]

from maintenance_world import Chances, World  # noqa: E402
from ringmaster.maintenance_server.model import DAY, WEEK  # noqa: E402
from test_maintenance_simulation import BEGINS, let_end, platform, start_of  # noqa: E402

MACHINES, WEEKS, EVERY = 10_000, 52, 4
CHANCES = Chances(fails=0.002, dies=0.001, is_sick=0.002, mail_is_away=1.0, postpones=0.01)


def main(machines: int = MACHINES, weeks: int = WEEKS) -> None:
    """Let the weeks pass, and print what came of them."""
    begin = start_of(BEGINS[0])
    world = World(platform(machines, 1, begin), 1, begin, CHANCES)
    started = time.perf_counter()
    for week in range(weeks):
        if week % EVERY == 0:
            for name in world.policy.machines:
                world.need(
                    name, world.now + world.random.uniform(0, DAY), versions=f"{week:x}{world.random.randrange(99):02x}"
                )
        # An operator looks once a week at what has failed.
        world.service.resume("", "operator", world.now)
        world.run(world.now + WEEK)
        print(f"week {week + 1}: {world.visits} turns, {time.perf_counter() - started:.0f} s", flush=True)
    let_end(world)
    took = time.perf_counter() - started
    ended = {kind: world.ended[kind] for kind in ("done", "failed", "postponed", "overtaken", "cancelled")}
    print(f"{machines} machines, {weeks} weeks: {world.visits} turns, {ended}, in {took:.0f} s")
    print(f"longest wait {world.longest_wait / DAY:.1f} days; {1000 * took / max(1, world.visits):.1f} ms for a turn")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
