# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lock per VM on the hypervisor: it keeps two controllers, or two runs, apart."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

LOCK_DIRECTORY = Path("/run/ringmaster/locks")
"""Not below /run/lock, where everybody may make a folder of this name, with links in it."""


@contextmanager
def vm_lock(name: str, directory: Path = LOCK_DIRECTORY, timeout: float = 30.0) -> Iterator[None]:
    """Hold the lock ``<directory>/<name>.lock``; the kernel frees it when the process ends, however it ends.

    :param timeout: seconds to wait for another holder.
    :raises HypervisorError: when another process still holds it after that time.
    """
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
                    raise HypervisorError(
                        f"VM {name}: another run (process {holder}) holds {directory}/{name}.lock "
                        f"for more than {timeout:.0f} s; wait for it to end, then run again"
                    ) from None
                time.sleep(0.2)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(handle)
