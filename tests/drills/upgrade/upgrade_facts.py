# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from a machine before and after an upgrade, and what of it must not have changed."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml
from upgrade_site import Machine

TABLE = yaml.safe_load(Path(__file__).with_name("kinds.yml").read_text())
SHOW = "systemctl show -p Id,MainPID,ExecMainStartTimestampMonotonic,NRestarts"
# Ours by name or place. What programs keep below /var is no part of an upgrade's files.
OURS = "\\( -path '*ringmaster*' -o -path '/etc/local/*' -o -path '/etc/systemd/system/*' \\)"
PLACES = "-path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var -o -path /root"
LIST = f"find / -xdev \\( {PLACES} \\) -prune -o {OURS} -printf '%p %y %m %u:%g %l\\n'"
CONTENT = f"find /usr /etc -xdev -path /etc/ringmaster -prune -o -type f {OURS} -exec sha256sum {{}} +"
WATCHERS = "'ringmaster-*.timer' 'ringmaster-*.path' 'ringmaster-*.socket'"


@dataclass(frozen=True)
class Fact:
    """How something is put on a machine, how it is asked for, and the answer."""

    put: str
    ask: str
    answer: str


@dataclass(frozen=True)
class Kind:
    """A kind of machine, as kinds.yml has it."""

    machine: str
    table: dict[str, Any]

    def facts(self, number: int) -> list[Fact]:
        """Return the data, and the drop-ins with their number."""
        return [Fact(**one) for one in self.table.get("data", [])] + self.drop_ins(number)

    def drop_ins(self, number: int) -> list[Fact]:
        """Return the drop-ins with their number."""
        found = []
        for one in self.table.get("inboxes", []):
            text, ask, answer = (one[key].replace("{n}", str(number)) for key in ("text", "ask", "answer"))
            write = f"echo {shlex.quote(text)} > /etc/local/{one['file']}"
            found.append(Fact(f"sudo -u s-upg sh -c {shlex.quote(write)}", ask, answer))
        return found


KINDS = [Kind(name, table) for name, table in TABLE["kinds"].items()]


@dataclass(frozen=True)
class Record:
    """What a machine shows at a moment."""

    boot: str
    daemons: dict[str, str]
    """By service: its process, when it was started, how often it came back."""
    failed: set[str]
    checks: dict[str, str]
    data: list[str]
    """Path, inode, owner and mode."""
    broken_links: set[str]


def record(machine: Machine, kind: Kind) -> Record:
    """Read what a machine shows now."""
    running = machine.check_output("systemctl list-units --type=service --state=running --plain --no-legend")
    services = [line.split()[0] for line in running.splitlines()]
    blocks = machine.check_output(f"{SHOW} {' '.join(services)}").split("\n\n")
    shown = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
    stays = kind.table.get("stays")
    return Record(
        boot=machine.check_output("cut -d' ' -f22 /proc/1/stat"),
        daemons={one.pop("Id"): " ".join(one.values()) for one in shown if not excused(one["Id"], "may_restart")},
        failed=set(machine.check_output("systemctl --failed --plain --no-legend | cut -d' ' -f1").split()),
        checks=checks(machine),
        data=machine.check_output(f"stat -c '%n %i %U:%G %a' {' '.join(stays)}").splitlines() if stays else [],
        broken_links=set(machine.check_output("find /etc /usr -xdev -xtype l").splitlines()),
    )


def excused(name: str, why: str) -> bool:
    """Tell whether kinds.yml excuses something."""
    return any(fnmatch(name, pattern) for pattern in TABLE[why])


def checks(machine: Machine) -> dict[str, str]:
    """Run all checks now; return their states by name."""
    said = json.loads(machine.check_output("ringmaster-check --now --json"))["checks"]
    return {f"{one['component']}/{one['check']}": one["state"] for one in said}


def assert_complete(kind: Kind, before: Record) -> None:
    """See that what is compared later is there at all."""
    missing = {f"{name}.service" for name in TABLE["daemons"] + kind.table["daemons"]} - before.daemons.keys()
    assert not missing, f"{kind.machine}: does not run: {missing}"
    assert not before.failed, f"{kind.machine}: {before.failed}"
    assert sum(state == "ok" for state in before.checks.values()) > 5, before.checks


def assert_untouched(machine: Machine, kind: Kind, before: Record) -> None:
    """See that nothing was restarted or moved, that what was well is well, and that nothing lies dead."""
    wait_for_checks(machine, [name for name, state in before.checks.items() if state == "ok"])
    after = record(machine, kind)
    assert after.boot == before.boot, f"{machine.name} was restarted"
    daemons = {name: (state, after.daemons.get(name)) for name, state in before.daemons.items()}
    restarted = {name: states for name, states in daemons.items() if states[0] != states[1]}
    assert not restarted, f"{machine.name}: restarted or gone (process, start, restarts): {restarted}"
    assert after.data == before.data, f"{machine.name}: data moved"
    assert not after.failed, f"{machine.name}: failed: {after.failed}"
    assert after.broken_links <= before.broken_links, f"{machine.name}: {after.broken_links - before.broken_links}"
    assert not dead_watchers(machine), f"{machine.name}: dead: {dead_watchers(machine)}"


def wait_for_checks(machine: Machine, names: Iterable[str], seconds: float = 120) -> None:
    """Wait until these checks are well: some look at what happens once a minute."""
    end = time.monotonic() + seconds
    while bad := {name: found.get(name) for found in [checks(machine)] for name in names if found.get(name) != "ok"}:
        said = machine.run("ringmaster-check").stdout
        assert time.monotonic() < end, f"{machine.name}: checks that were ok: {bad}\n{said}"
        time.sleep(5)


def dead_watchers(machine: Machine) -> list[str]:
    """Return our enabled timers, paths and sockets that wait for nothing."""
    listed = machine.check_output(f"systemctl list-unit-files --state=enabled --plain --no-legend {WATCHERS}")
    units = [line.split()[0] for line in listed.splitlines()]
    states = machine.check_output(f"systemctl show -P SubState {' '.join(units)}").split()
    alive = {"waiting", "running", "listening"}
    return [f"{unit}: {state}" for unit, state in zip(units, states, strict=True) if state not in alive]


def manifest(machine: Machine) -> dict[str, str]:
    """Return all that is ours: by path its kind, mode, owner, target and content; by unit whether it is enabled."""
    found = dict(line.split(" ", 1) for line in machine.check_output(LIST).splitlines())
    for line in machine.check_output(CONTENT).splitlines():
        digest, _, path = line.partition("  ")
        found[path] += f" {digest[:16]}"
    for line in machine.check_output("systemctl list-unit-files --plain --no-legend 'ringmaster-*'").splitlines():
        unit, state, *_preset = line.split()
        found[f"unit {unit}"] = state
    return {path: shown for path, shown in found.items() if not excused(path, "may_differ")}
