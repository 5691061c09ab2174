# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring systemd units to their wanted state: one listing, then only the commands that are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

PROPERTIES = ("Id", "LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload")
ENABLED = frozenset({"enabled", "enabled-runtime", "static", "alias", "indirect", "generated"})
RUNNING = frozenset({"active", "activating", "reloading"})

Run = Callable[[Sequence[str]], tuple[int, str, str]]


class UnitError(Exception):
    """systemd refused; the text names the unit and says what systemd and the journal said."""


@dataclass(frozen=True)
class Unit:
    """What is wanted. ``None`` leaves a property alone; ``restart`` and ``reload`` are for running units."""

    name: str
    enabled: bool | None = None
    state: str | None = None
    restart: bool = False
    reload: bool = False


@dataclass(frozen=True)
class Facts:
    """What systemd says of a unit. An unknown unit is not loaded."""

    loaded: bool = False
    active: str = "inactive"
    enabled: bool = False
    stale: bool = False


@dataclass(frozen=True)
class Step:
    """One call of systemctl for some units."""

    verb: str
    units: tuple[str, ...] = ()


def parse(text: str, names: Sequence[str]) -> dict[str, Facts]:
    """Parse ``systemctl show``: one paragraph for each name, in the order asked for."""
    facts: dict[str, Facts] = {}
    for name, paragraph in zip(names, text.strip("\n").split("\n\n"), strict=True):
        values = dict(line.split("=", 1) for line in paragraph.splitlines() if "=" in line)
        facts[name] = Facts(
            loaded=values.get("LoadState") == "loaded",
            active=values.get("ActiveState", "inactive"),
            enabled=values.get("UnitFileState", "") in ENABLED,
            stale=values.get("NeedDaemonReload") == "yes",
        )
    return facts


def plan(facts: Mapping[str, Facts], wanted: Sequence[Unit]) -> list[Step]:
    """Return the steps from ``facts`` to ``wanted``; none when all is as it should be."""
    steps: list[Step] = []

    def add(verb: str, chosen: Callable[[Unit, Facts], bool]) -> None:
        names = tuple(unit.name for unit in wanted if chosen(unit, facts[unit.name]))
        if names:
            steps.append(Step(verb, names))

    if any(facts[unit.name].stale for unit in wanted):
        steps.append(Step("daemon-reload"))
    add("enable", lambda unit, now: unit.enabled is True and not now.enabled)
    add("disable", lambda unit, now: unit.enabled is False and now.enabled and now.loaded)
    add("stop", lambda unit, now: unit.state == "stopped" and now.active in RUNNING)
    add("restart", lambda unit, now: unit.restart and unit.state != "stopped" and now.active in RUNNING)
    add(
        "reload-or-restart",
        lambda unit, now: unit.reload and not unit.restart and unit.state != "stopped" and now.active in RUNNING,
    )
    add("start", lambda unit, now: unit.state == "started" and now.active not in RUNNING)
    return steps


def listing(names: Sequence[str]) -> list[str]:
    """Return the command whose output ``parse`` takes."""
    return ["systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", *names]


def read(run: Run, names: Sequence[str]) -> dict[str, Facts]:
    """Ask systemd for all units at once."""
    code, out, err = run(listing(names))
    if code:
        raise UnitError(f"systemctl show: {err.strip() or out.strip()}")
    return parse(out, names)


def apply(run: Run, steps: Sequence[Step]) -> None:
    """Take the steps; raise UnitError with the end of the journal at the first that fails."""
    for step in steps:
        quiet = ["--quiet"] if step.verb in ("enable", "disable") else []
        code, out, err = run(["systemctl", *quiet, step.verb, *(("--", *step.units) if step.units else ())])
        if code:
            said = (err or out).strip()
            logs = [run(["journalctl", "--no-pager", "-n", "8", "-o", "cat", "-u", name])[1] for name in step.units]
            last = "\n".join(log.strip() for log in logs if log.strip())
            raise UnitError(f"systemctl {step.verb} {' '.join(step.units)}: {said}\n{last}".strip())
