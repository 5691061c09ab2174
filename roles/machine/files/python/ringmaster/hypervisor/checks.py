# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a hypervisor, from what ``ringmaster hypervisor`` read a moment ago."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ringmaster.core.checks import CRITICAL, OK, UNKNOWN, WARNING
from ringmaster.core.report import counted

STATE = Path("/run/ringmaster/vms.json")
INTERFACES = Path("/sys/class/net")
OLD = 180


def libvirt_answers() -> tuple[int, str]:
    """Whether libvirt answered within the last minutes."""
    try:
        found = json.loads(STATE.read_text())
    except (OSError, ValueError) as error:
        return CRITICAL, f"Nothing is known of the VMs: {getattr(error, 'strerror', None) or error}."
    age = time.time() - found["time"]
    if age > OLD:
        return CRITICAL, f"Nothing has been heard of libvirt for {age / 60:.0f} min (ringmaster-hypervisor.timer)."
    if found["error"]:
        return CRITICAL, f"libvirt does not answer: {found['error']}."
    running = sum(vm["state"] == "running" for vm in found["vms"].values())
    return OK, f"libvirt answers; {running} of {counted(len(found['vms']), 'VM')} running."


def _needs_figures(function: Callable[..., tuple[int, str]]) -> Callable[..., tuple[int, str]]:
    """Say plainly that there are no figures; why is the matter of the check libvirt."""

    @functools.wraps(function)
    def guarded(**arguments: Any) -> tuple[int, str]:
        try:
            found = json.loads(STATE.read_text())
        except (OSError, ValueError):
            found = {"error": "no figures"}
        if found["error"] or time.time() - found["time"] > OLD:
            return UNKNOWN, "Nothing is known of the VMs at the moment."
        return function(found, **arguments)

    return guarded


@_needs_figures
def vms(found: dict[str, Any]) -> tuple[int, str]:
    """VMs that shall run and do not, and VMs that are paused, which is what an error of the disk leads to."""
    paused = [name for name, vm in found["vms"].items() if vm["state"] == "paused"]
    down = [name for name, vm in found["vms"].items() if vm["wanted"] and vm["state"] not in ("running", "paused")]
    problems = [f"paused: {', '.join(paused)}"] if paused else []
    problems += [f"shall run and do not: {', '.join(down)}"] if down else []
    if problems:
        return CRITICAL, f"VMs {'; '.join(problems)}."
    return OK, "All VMs that shall run do, and none is paused."


@_needs_figures
def restarts(found: dict[str, Any]) -> tuple[int, str]:
    """VMs with settings that wait for a restart. How long they may is the matter of an alert."""
    waiting = [name for name, vm in found["vms"].items() if vm["pending_restart"]]
    return OK, f"Wait for a restart: {', '.join(waiting)}." if waiting else "No VM waits for a restart."


@_needs_figures
def pool(found: dict[str, Any], capacity_mib: int, warning: int, critical: int) -> tuple[int, str]:
    """Space of the storage pool, in percent used, and what is promised of what may be promised."""
    figures = found["pool"]
    if not figures["active"]:
        return CRITICAL, "The storage pool is not active."
    used = 100 * figures["used_mib"] / max(1, figures["capacity_mib"])
    promised = 100 * figures["promised_mib"] / max(1, capacity_mib)
    sentence = (
        f"The pool is {used:.0f} % full ({(figures['capacity_mib'] - figures['used_mib']) // 1024} GiB free); "
        f"{promised:.0f} % of {capacity_mib // 1024} GiB are promised."
    )
    if used >= critical:
        return CRITICAL, sentence
    return (WARNING if used >= warning or promised > 100 else OK), sentence


@_needs_figures
def memory(found: dict[str, Any], capacity_mib: int, warning: int) -> tuple[int, str]:
    """Memory booked for VMs, in percent of what may be promised."""
    booked = sum(vm["memory_mib"] for vm in found["vms"].values())
    percent = 100 * booked / max(1, capacity_mib)
    sentence = f"{booked} MiB of {capacity_mib} MiB ({percent:.0f} %) are booked by {counted(len(found['vms']), 'VM')}."
    if percent > 100:
        return CRITICAL, sentence
    return (WARNING if percent >= warning else OK), sentence


@_needs_figures
def anti_spoofing(found: dict[str, Any]) -> tuple[int, str]:
    """Whether the kernel has the filters that keep VMs from faking addresses. Somebody may have flushed the ruleset."""
    cards = [(name, tap, how) for name, vm in found["vms"].items() for tap, how in vm.get("cards", {}).items()]
    lost = [f"{name} ({tap})" for name, tap, how in cards if how == "lost"]
    free = sorted({name for name, _tap, how in cards if how == "free"})
    if lost:
        return CRITICAL, f"Could fake addresses, because the kernel lacks their filters: {', '.join(lost)}."
    if any(how == "unknown" for _name, _tap, how in cards):
        return UNKNOWN, "The packet filter of this hypervisor cannot be read (nft list chains bridge)."
    number = sum(how == "filtered" for _name, _tap, how in cards)
    sentence = counted(number, "network card is filtered", "network cards are filtered")
    return OK, f"{sentence}; not filtered by choice: {', '.join(free)}." if free else f"{sentence}."


def bridges(names: list[str]) -> tuple[int, str]:
    """Whether the bridges are there and up."""
    problems = []
    for name in names:
        place = INTERFACES / name
        if not (place / "bridge").is_dir():
            problems.append(f"{name} is missing")
        elif not int((place / "flags").read_text(), 16) & 1:
            problems.append(f"{name} is down")
        elif not any((place / "brif").iterdir()):
            problems.append(f"{name} has no port")
    if problems:
        return CRITICAL, f"Bridges: {', '.join(problems)}."
    return OK, f"The bridges are up ({', '.join(names)})."
