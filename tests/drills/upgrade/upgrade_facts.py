# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from a machine before and after an upgrade, and what of it must not have changed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from upgrade_kinds import MAY_DIFFER, MAY_RESTART, OF_EVERY_MACHINE, Kind
from upgrade_site import Machine

SHOW = "systemctl show -p Id,MainPID,ExecMainStartTimestampMonotonic,NRestarts"
# Ours by name. What programs keep below /var is no part of an upgrade's files.
PLACES = "-path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var -o -path /root"
LIST = f"find / -xdev \\( {PLACES} \\) -prune -o -path '*ringmaster*' -printf '%p %y %m %u:%g %l\\n'"
CONTENT = "find /usr /etc -xdev -path /etc/ringmaster -prune -o -type f -path '*ringmaster*' -exec sha256sum {} +"
WATCHERS = "'ringmaster-*.timer' 'ringmaster-*.path' 'ringmaster-*.socket'"


@dataclass(frozen=True)
class Record:
    """What a machine shows at a moment."""

    boot: str
    daemons: dict[str, str]
    """By service: its process, when it was started, how often it came back."""
    failed: set[str]
    checks: dict[str, str]
    data: dict[str, str]
    """By path: inode, owner and mode."""
    broken_links: set[str]


def record(machine: Machine, kind: Kind) -> Record:
    """Read what a machine shows now."""
    running = machine.check_output("systemctl list-units --type=service --state=running --plain --no-legend")
    services = [line.split()[0] for line in running.splitlines()]
    blocks = machine.check_output(f"{SHOW} {' '.join(services)}").split("\n\n")
    shown = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
    daemons = {one.pop("Id").removesuffix(".service"): " ".join(one.values()) for one in shown}
    data = machine.check_output(f"stat -c '%n %i %U:%G %a' {' '.join(kind.stays)}") if kind.stays else ""
    return Record(
        boot=machine.check_output("cut -d' ' -f22 /proc/1/stat"),
        daemons={name: state for name, state in daemons.items() if name not in MAY_RESTART},
        failed=set(machine.check_output("systemctl --failed --plain --no-legend | cut -d' ' -f1").split()),
        checks=checks(machine),
        data=dict(line.split(" ", 1) for line in data.splitlines()),
        broken_links=set(machine.check_output("find /etc /usr -xdev -xtype l").splitlines()),
    )


def checks(machine: Machine) -> dict[str, str]:
    """Run all checks now; return their states by name."""
    said = json.loads(machine.check_output("ringmaster-check --now --json"))["checks"]
    return {f"{one['component']}/{one['check']}": one["state"] for one in said}


def assert_complete(kind: Kind, before: Record) -> None:
    """A list that misses what it is made for would prove nothing."""
    missing = {*kind.daemons, *OF_EVERY_MACHINE} - set(before.daemons)
    assert not missing, f"{kind.machine}: does not run: {missing}"
    assert not before.failed, f"{kind.machine}: {before.failed}"
    assert sum(state == "ok" for state in before.checks.values()) > 5, before.checks


def assert_untouched(machine: Machine, kind: Kind, before: Record) -> None:
    """Nothing was restarted or moved, and what was well is well."""
    wait_for_checks(machine, [name for name, state in before.checks.items() if state == "ok"])
    after = record(machine, kind)
    assert after.boot == before.boot, f"{machine.name} was restarted"
    restarted = {name: (state, after.daemons.get(name)) for name, state in before.daemons.items()}
    restarted = {name: states for name, states in restarted.items() if states[0] != states[1]}
    assert not restarted, f"{machine.name}: restarted or gone (process, start, restarts): {restarted}"
    assert after.data == before.data, f"{machine.name}: data moved"
    assert not after.failed, f"{machine.name}: failed: {after.failed}"
    assert after.broken_links <= before.broken_links, f"{machine.name}: {after.broken_links - before.broken_links}"
    assert not dead_watchers(machine), f"{machine.name}: dead: {dead_watchers(machine)}"


def wait_for_checks(machine: Machine, names: Iterable[str], seconds: float = 120) -> None:
    """Wait until these checks are well: some look at what happens once a minute."""
    end = time.monotonic() + seconds
    while bad := {name: found.get(name) for found in [checks(machine)] for name in names if found.get(name) != "ok"}:
        if time.monotonic() > end:
            said = machine.run("ringmaster-check").stdout
            raise AssertionError(f"{machine.name}: checks that were ok: {bad}\n{said}")
        time.sleep(5)


def dead_watchers(machine: Machine) -> list[str]:
    """Return our enabled timers, paths and sockets that wait for nothing."""
    listed = machine.check_output(f"systemctl list-unit-files --state=enabled --plain --no-legend {WATCHERS}")
    units = [line.split()[0] for line in listed.splitlines()]
    states = machine.check_output(f"systemctl show -P SubState {' '.join(units)}").split()
    return [
        f"{unit}: {state}"
        for unit, state in zip(units, states, strict=True)
        if state not in {"waiting", "running", "listening"}
    ]


def manifest(machine: Machine) -> dict[str, str]:
    """Return all that is ours on a machine: by path its kind, mode, owner, target and content; and which units are on."""
    found: dict[str, str] = {}
    for line in machine.check_output(LIST).splitlines():
        path, _, rest = line.partition(" ")
        found[path] = rest
    for line in machine.check_output(CONTENT).splitlines():
        digest, _, path = line.partition("  ")
        found[path] += f" {digest[:16]}"
    for line in machine.check_output("systemctl list-unit-files --plain --no-legend 'ringmaster-*'").splitlines():
        unit, state, *_preset = line.split()
        found[f"unit {unit}"] = state
    return {path: rest for path, rest in found.items() if not any(re.fullmatch(one, path) for one in MAY_DIFFER)}
