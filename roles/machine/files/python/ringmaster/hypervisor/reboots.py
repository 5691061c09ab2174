# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make of a guest's own reboot the restart of its VM, where settings wait for one: one outage instead of two.

Memory, cores and the like are QEMU's from its start to its end, and a guest that reboots keeps its QEMU. So a VM whose
guest has just reset itself, with all it had to write written, is switched off and on.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt

from ringmaster.hypervisor import state

LOCKS = Path("/run/ringmaster/locks")
"""Where who changes a VM holds its lock, as module_utils/libvirt/locks.py does."""
KEEPALIVE_SECONDS, KEEPALIVE_COUNT = 10, 3


def watch(uri: str, locks: Path = LOCKS) -> int:
    """Act upon reboots until libvirt goes away; return an exit code."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)  # errors are raised, too
    libvirt.virEventRegisterDefaultImpl()
    connection = libvirt.open(uri)
    rebooted: list[str] = []
    gone: list[int] = []
    connection.setKeepAlive(KEEPALIVE_SECONDS, KEEPALIVE_COUNT)
    connection.registerCloseCallback(lambda _connection, reason, _opaque: gone.append(reason), None)
    connection.domainEventRegisterAny(
        None,
        libvirt.VIR_DOMAIN_EVENT_ID_REBOOT,
        lambda _connection, domain, _opaque: rebooted.append(domain.UUIDString()),
        None,
    )
    print("watching", flush=True)
    while not gone:
        libvirt.virEventRunDefaultImpl()
        while rebooted:
            _say(restart(connection, rebooted.pop(0), locks))
    print("<4>libvirt has gone away", file=sys.stderr)
    return 1


def _say(sentence: str) -> None:
    if sentence:
        print(sentence, flush=True)


def restart(connection: Any, uuid: str, locks: Path = LOCKS) -> str:
    """Switch a VM off and on, if settings wait for that and nobody else is working on it; return what was done."""
    try:
        domain = connection.lookupByUUIDString(uuid)
        waiting = state.pending(domain) if domain.isActive() else []
        if not waiting:
            return ""
        name = domain.name()
        with locked(name, locks) as is_ours:
            if not is_ours or domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE:
                return f"{name} has rebooted while something else works on it: its settings wait on"
            domain.destroy()
            domain.create()
        return (
            f"{name} has rebooted and was started anew, with {', '.join(entry.get('field', '') for entry in waiting)}"
        )
    except libvirt.libvirtError as error:
        return f"<3>{uuid}: {error}"


@contextlib.contextmanager
def locked(name: str, folder: Path) -> Iterator[bool]:
    """Hold a VM's lock; whether nobody else does. The kernel frees it when the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
