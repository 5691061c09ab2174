# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install updates and restart what uses replaced code; say what waits.

look      what waits; writes metrics and the state that checks and status pages read
security  security updates now, except of what only the window may restart (hourly)
window    in the maintenance window everything, with restarts, and a reboot where one is needed (every ten minutes);
          what people would notice, a reboot and the restart of a database, only where it was announced in time; where
          the platform has the service maintenance, only in a turn that it gives
arrived   after a reboot: say how the turn has gone that this machine had
now PACKAGE ...  these packages at once, window or not
"""

from __future__ import annotations

import argparse
import datetime
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ringmaster.core.files import publish
from ringmaster.maintenance import turns
from ringmaster.maintenance.turns import Turn, Unreachable
from ringmaster.maintenance.window import Span, Window
from ringmaster.updates import decisions, hardware, visit
from ringmaster.updates.decisions import Update
from ringmaster.updates.visit import REBOOTS

CONFIGURATION = Path("/etc/ringmaster/maintenance.json")
STATE = Path("/var/lib/ringmaster/updates.json")
RUNNING = Path("/run/ringmaster/textfile/maintenance.prom")
METRICS = Path("/run/ringmaster/textfile/updates.prom")
PLANNED = Path("/run/ringmaster/planned.json")
LOCK = Path("/run/ringmaster-updates.lock")
REBOOT_FLAG = Path("/run/reboot-required")
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    # apt's hook would restart services by rules of its own; we do it once, at the end.
    "NEEDRESTART_SUSPEND": "1",
}
MACHINE = "the machine"
"""What is restarted by a reboot; no package or service is called like this."""
LOCK_SECONDS = 300
ASKS_SECONDS = 540
"""How long one run of the window's timer goes on asking for a turn; the next one comes after ten minutes."""
UNITS_LIMIT = 50
APT = ["apt-get", "-q", "-y", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", "-o", "Dpkg::Options::=--force-confold"]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="ringmaster updates", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("what", choices=["look", "security", "window", "arrived", "now"])
    result.add_argument("packages", nargs="*")
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    configuration = json.loads(CONFIGURATION.read_text())
    asks = options.what == "window" and turns.is_used()
    if options.what in ("security", "window") and not configuration["automatic"]:
        options.what = "look"
    if options.what == "arrived":
        visit.arrive()
        return 0
    end = time.monotonic() + ASKS_SECONDS
    while True:
        with LOCK.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                code = _run_once(options, configuration)
            except SystemExit as error:
                if not asks:
                    raise
                # The machines that wait for this one have to hear of it all the same.
                code = int(error.code or 1)
            if not asks:
                return code
            waits = _ask(options, configuration)
        # What is planned for the next minutes is waited for, without the lock: security updates go on.
        if not waits or time.monotonic() + waits > end:
            return code
        time.sleep(waits)


def _run_once(options: argparse.Namespace, configuration: dict[str, Any], turn: Turn | None = None) -> int:
    try:
        return _work(options, configuration, turn)
    except BaseException:
        # Whatever ends the work: nobody would hear of the machine's alerts while it is said to go on.
        if options.what == "window":
            _maintained(False)
        raise


def _ask(options: argparse.Namespace, configuration: dict[str, Any]) -> float:
    """Ask for a turn, and work in it; return in how many seconds to ask again, 0 for with the next timer."""
    try:
        answer = turns.report(_need(configuration))
    except Unreachable as error:
        visit.unreachable(str(error))
        # Perhaps it only begins again; whoever waits for the next timer then may miss the window.
        return visit.AGAIN_SECONDS if _is_near(turns.planned()) else 0
    visit.reached()
    if not isinstance(answer, Turn):
        is_near = _is_near(answer.get("appointment") or {})
        return float(answer.get("try_after", 0)) if is_near or answer.get("ended") else 0
    return visit.work(answer, reboot=_is_reboot_needed(), act=lambda: _run_once(options, configuration, answer))


def _is_near(held: dict[str, Any]) -> bool:
    """Tell whether an appointment begins while this run goes on asking."""
    return "begin" in held and float(held["begin"]) < time.time() + ASKS_SECONDS


def _need(configuration: dict[str, Any]) -> dict[str, Any] | None:
    """Return what this machine needs that people would notice; nothing where people see to it themselves."""
    if not configuration["automatic"]:
        return None
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    restarts: dict[str, float] = state.get("restarts") or {}
    if not restarts:
        return None
    seen = state.get("seen") or {}
    guarded = [key for key in seen if decisions.is_guarded(key.split()[0], configuration["guarded_packages"])]
    running = os.uname().release
    return {
        "since": min(restarts.values()),
        "units": sorted(set(restarts) - {MACHINE})[:UNITS_LIMIT],
        "reboot": MACHINE in restarts,
        "reason": state.get("reason", ""),
        "versions": hashlib.sha256("\n".join([running, *sorted(guarded)]).encode()).hexdigest()[:16],
        "security": MACHINE in restarts or any(seen[key]["security"] for key in guarded),
    }


def _is_reboot_needed() -> bool:
    return MACHINE in (json.loads(STATE.read_text()).get("restarts") or {})


def _work(options: argparse.Namespace, configuration: dict[str, Any], turn: Turn | None = None) -> int:
    """Do it under the lock; return an exit code.

    :param turn: the right to do now all that people notice; without the service it follows from the window.
    """
    moment = datetime.datetime.now(datetime.UTC)
    window = Window.from_mapping(configuration["window"]) if configuration["window"] else None
    span = window.current(moment) if window else None
    waits: tuple[str, ...] | None = None
    report: dict[str, Any] = {"installed": [], "restarted": [], "waits": [], "reboot": ""}
    if options.what == "window" and turn is None and (span is None or not _may_begin(span, configuration)):
        _maintained(False)
        _tell(configuration, window, moment)
        return 0
    if options.what != "look":
        _run([*APT, "update"])
        waiting = _pending(configuration)
        due: set[str] = set()
        if options.what == "window":
            planned = _tell(configuration, window, moment, waiting).planned
            due = _due(planned, span) if not turns.is_used() else set(planned) if turn else set()
        chosen = _choose(options, configuration, waiting, due)
        if options.what == "window" and (chosen or due):
            _maintained(True)
        if chosen:
            if options.what != "window":
                # So that it is known since when each waited, also where nobody has looked before.
                _tell(configuration, window, moment, waiting)
            _run([*APT, "install", "--only-upgrade", *(update.package for update in chosen)])
            report["installed"] = [f"{u.package} {u.installed} -> {u.candidate}" for u in chosen]
        found = _restart(configuration, due)
        waits = found.window
        report["restarted"], report["waits"] = list(found.now), list(waits)
    told = _tell(configuration, window, datetime.datetime.now(datetime.UTC), services=waits)
    report["patched"] = {update.key: round(seconds) for update, seconds in told.patched}
    if options.what == "window":
        if not turns.is_used():
            due = _due(told.planned, span)
        reason = told.reason if MACHINE in due else ""
        left = turn.left() if turn else _left(span) if span else 0.0
        if reason and decisions.fits(left, configuration["reboot_seconds"]):
            report["reboot"] = reason
            _maintained(True)
            print(json.dumps(report), flush=True)
            time.sleep(configuration["announce_seconds"])  # for the last reading of the metric
            state = json.loads(STATE.read_text())
            publish(STATE, json.dumps({**state, "rebooted_for": configuration.get("hardware")}, indent=1) + "\n")
            _run(["systemctl", "reboot"])
            return REBOOTS if turn else 0
        _maintained(False)
    print(json.dumps(report))
    return 0


def _left(span: Span) -> float:
    return (span.end - datetime.datetime.now(datetime.UTC)).total_seconds()


def _may_begin(span: Span, configuration: dict[str, Any]) -> bool:
    # Role machine brings this program a moment before role updates brings its configuration.
    return decisions.fits(_left(span), configuration.get("work_seconds", 0))


def _due(planned: Mapping[str, Span | None], span: Span | None) -> set[str]:
    """Return what is to be restarted in this part of the window."""
    return {what for what, appointment in planned.items() if span is not None and appointment == span}


def _choose(
    options: argparse.Namespace, configuration: dict[str, Any], waiting: list[Update], due: Container[str]
) -> list[Update]:
    if options.what == "now":
        return [update for update in waiting if decisions.is_guarded(update.package, options.packages)]
    guarded = configuration["guarded_packages"]
    return [
        update
        for update in waiting
        if (update.security or options.what == "window")
        and (update.package in due or not decisions.is_guarded(update.package, guarded))
    ]


def _pending(configuration: dict[str, Any]) -> list[Update]:
    answer = _run(["apt-get", "--simulate", "-o", "Debug::NoLocking=1", "--with-new-pkgs", "upgrade"])
    return decisions.pending(answer, configuration["security_labels"])


def _restart(configuration: dict[str, Any], due: Container[str]) -> decisions.Restarts:
    services = decisions.services_to_restart(_run(["needrestart", "-b", "-r", "l"], check=False))
    found = decisions.sort_services(services, configuration["guarded_services"], due)
    for service in found.now:
        _run(["systemctl", "try-restart", service], check=False)
    return found


def _reboot_reason() -> str:
    """Return why the machine should be restarted; nothing if it need not."""
    running = os.uname().release
    kernels = sorted(Path("/boot").glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    names = [path.name.removeprefix("vmlinuz-") for path in kernels]
    # A kernel that is not among the installed ones (a container's) says nothing about this machine.
    if running in names and names[-1] != running:
        return f"kernel {names[-1]} is installed, {running} runs"
    return "a package asks for it" if REBOOT_FLAG.exists() else ""


@dataclass(frozen=True)
class Told:
    """What was written: why a reboot is needed, what is restarted when, and what was installed since the last time.

    Of what is restarted, MACHINE is the machine; others are names of guarded packages and services. Security updates
    that were installed stand there with the seconds that they had waited.
    """

    reason: str
    planned: dict[str, Span | None]
    patched: list[tuple[Update, float]]


def _tell(
    configuration: dict[str, Any],
    window: Window | None,
    moment: datetime.datetime,
    updates: list[Update] | None = None,
    services: Iterable[str] | None = None,
) -> Told:
    """Write state, metrics and what is planned.

    :param updates: what waits; asked for where it is not given.
    :param services: guarded ones that use replaced code; where nobody asked, those of the last time.
    """
    now = moment.timestamp()
    updates = _pending(configuration) if updates is None else updates
    try:
        before = json.loads(STATE.read_text())
    except (OSError, ValueError):
        before = {}
    state, patched = decisions.remember(before, updates, now)
    STATE.parent.mkdir(parents=True, exist_ok=True)
    state["waiting"] = [update.key for update in updates if update.security]
    wanted = configuration.get("hardware") or {}
    state["rebooted_for"] = before.get("rebooted_for")
    # Once: where it did not help, the hypervisor's own check says that settings wait.
    reason = _reboot_reason() or ("" if state["rebooted_for"] == wanted else hardware.waiting(wanted))
    kept = before.get("restarts") or {}
    if services is None:
        services = [what for what in kept if what.endswith(".service")]
    guarded = configuration["guarded_packages"]
    needed = {MACHINE: now} if reason else {}
    needed |= {u.package: state["seen"][u.key]["since"] for u in updates if decisions.is_guarded(u.package, guarded)}
    state["restarts"] = decisions.since_when(needed | dict.fromkeys(services, now), kept)
    acts = window if configuration["automatic"] else None
    notice = configuration.get("notice_hours", 0)  # see _may_begin
    state["reason"] = reason
    planned: dict[str, Span | None] = {
        what: decisions.appointment(acts, since, notice, moment) if acts else None
        for what, since in state["restarts"].items()
    }
    if turns.is_used():
        planned = dict.fromkeys(state["restarts"], visit.appointment())
    following = window.following(moment) if window else None
    state["lists"] = _lists_of()
    state["orphans"] = decisions.orphans(_run(["apt", "list", "?obsolete"], check=False))
    publish(STATE, json.dumps(state, indent=1) + "\n")
    begins = {what: span.begin.timestamp() for what, span in planned.items() if span}
    text = metrics(state, updates, reason, following.begin.timestamp() if following else 0, now, restarts=begins)
    publish(METRICS, text)
    publish(PLANNED, json.dumps(announcement(planned, reason, updates)) + "\n")
    return Told(reason, planned, patched)


def announcement(planned: Mapping[str, Span | None], reason: str, updates: Sequence[Update]) -> list[str]:
    """Return what is planned, as people read it on the status page."""
    lines = []
    for what, span in planned.items():
        why = f": {reason}" if what == MACHINE else ""
        when = f", from {span.begin:%Y-%m-%d %H:%M} UTC" if span else ""
        lines.append(f"restart of {what}{when}{why}")
    return lines + [f"update: {update.package} {update.candidate}" for update in updates[:20]]


def metrics(
    state: dict[str, Any],
    updates: Iterable[Update],
    reason: str,
    begin: float,
    now: float,
    *,
    restarts: Mapping[str, float] = MappingProxyType({}),
) -> str:
    """Return what node exporter hands out.

    :param begin: Unix seconds of the next window, and of those in which ``restarts`` are planned.
    """
    waiting = list(updates)
    security = [entry["since"] for entry in state["seen"].values() if entry["security"]]
    took = max((entry["seconds"] for entry in state["patched"]), default=None)
    lines = [
        f'ringmaster_updates_pending{{kind="security"}} {sum(update.security for update in waiting)}',
        f'ringmaster_updates_pending{{kind="other"}} {sum(not update.security for update in waiting)}',
        f"ringmaster_updates_oldest_security_seconds {now - min(security) if security else 0:.0f}",
        f"ringmaster_reboot_needed {int(bool(reason))}",
        f"ringmaster_maintenance_next_timestamp_seconds {begin:.0f}",
    ]
    lines += [
        f'ringmaster_restart_planned_timestamp_seconds{{what="{what}"}} {at:.0f}' for what, at in restarts.items()
    ]
    if took is not None:
        lines.append(f"ringmaster_updates_longest_time_to_patched_seconds {took:.0f}")
    return "\n".join(lines) + "\n"


def _lists_of() -> float:
    """Return when apt last fetched its lists, in Unix seconds."""
    places = [Path("/var/lib/apt/periodic/update-success-stamp"), Path("/var/lib/apt/lists/partial")]
    return max((path.stat().st_mtime for path in places if path.exists()), default=0.0)


def _maintained(running: bool) -> None:
    publish(RUNNING, f"ringmaster_maintenance_running {int(running)}\n")


def _run(argv: list[str], *, check: bool = True) -> str:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        done = subprocess.run(
            argv, env=ENVIRONMENT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        # apt waits for dpkg's lock by itself, but not for that of its lists.
        if "/var/lib/apt/lists/lock" not in done.stderr or time.monotonic() > end:
            break
        time.sleep(1)
    if check and done.returncode:
        print(f"<3>{' '.join(argv)}: {(done.stderr or done.stdout).strip()[-800:]}", file=sys.stderr)
        raise SystemExit(1)
    return done.stdout
