# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of haproxy. Each returns a status (0 ok, 1 warning, 2 critical, 3 unknown) and a sentence."""

from __future__ import annotations

import subprocess
import time

from ringmaster.core import checks
from ringmaster.core.checks import CRITICAL, OK, WARNING
from ringmaster.core.report import counted
from ringmaster.webgateway import converge as haproxy
from ringmaster.webgateway import runtime

PLACES = haproxy.Places()


def configuration() -> tuple[int, str]:
    """Whether haproxy would start again with what is on disk."""
    done = subprocess.run(
        ["/usr/sbin/haproxy", "-c", "-f", str(PLACES.configuration), "-f", str(PLACES.raw)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return CRITICAL, f"haproxy would not start again: {haproxy.reason(done.stderr + done.stdout)}."
    return OK, "The configuration is valid."


def backends() -> tuple[int, str]:
    """Whether the members of each backend are up."""
    try:
        found = runtime.servers()
    except OSError as error:
        return CRITICAL, f"haproxy does not answer: {checks.reason(error)}."
    drained = haproxy.drained(PLACES)
    dead: list[str] = []
    down: list[str] = []
    names = sorted({server.backend for server in found})
    for backend in names:
        mine = [server for server in found if server.backend == backend]
        usable = [one for one in mine if one.status.startswith("UP") and one.name not in drained.get(backend, [])]
        failed = [one for one in mine if not one.status.startswith(("UP", "DRAIN", "no check"))]
        if not usable:
            dead.append(f"{backend} has no member that is up")
        down += [f"{one.name} of {backend} is {one.status.lower()} ({one.why})" for one in failed]
    if dead:
        return CRITICAL, f"{'; '.join(dead + down[:5])}."
    if down:
        return WARNING, f"{'; '.join(down[:5])}."
    return OK, f"All members of {counted(len(names), 'backend')} are up."


def drained(warning_hours: float) -> tuple[int, str]:
    """Whether somebody forgot a drained member."""
    found = haproxy.drained(PLACES)
    names = sorted({name for members in found.values() for name in members})
    if not names:
        return OK, "No member is drained."
    hours = (time.time() - PLACES.drained.stat().st_mtime) / 3600
    sentence = f"{', '.join(names)} gets no new sessions since {hours:.1f} h; see drain_member.yml."
    return (WARNING if hours >= warning_hours else OK), sentence


def inbox() -> tuple[int, str]:
    """Drop-ins in /etc/local/haproxy that were left out."""
    return checks.drop_ins(haproxy.NAME, haproxy.SUFFIX, PLACES.inbox, haproxy.DAEMON)
