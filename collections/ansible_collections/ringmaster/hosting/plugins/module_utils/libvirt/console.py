# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The serial console's log: where it lies, and the SSH host keys that the guest printed to it.

A guest prints the block at its first boot, in the format of cloud-init. The log is written by the
guest, so its content is data of that guest: host keys in it speak for that VM only.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

CONSOLE_DIRECTORY = "/var/log/libvirt/console"
"""Below /var/log/libvirt, because libvirt's AppArmor profile lets a domain write its own log there."""

_BLOCK = re.compile(r"-----BEGIN SSH HOST KEY KEYS-----(.*?)-----END SSH HOST KEY KEYS-----", re.DOTALL)
_KEY = re.compile(r"(?:^|\s)((?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]{32,}={0,3})(?=\s|$)")
_READ_LIMIT = 4 * 1024 * 1024


def host_keys_in(text: str) -> list[str]:
    """Give the keys (``type base64``, without comment) of the newest complete block, sorted."""
    blocks = _BLOCK.findall(text)
    if not blocks:
        return []
    return sorted({match.group(1) for line in blocks[-1].splitlines() for match in [_KEY.search(line)] if match})


def read_log(path: Path) -> str:
    """Read the log and, before it, the part that virtlogd rotated away last.

    Only the last 4 MiB of each are read.
    """
    parts = []
    for part in (path.with_name(path.name + ".0"), path):
        try:
            with part.open("rb") as stream:
                stream.seek(0, 2)
                stream.seek(max(0, stream.tell() - _READ_LIMIT))
                parts.append(stream.read().decode("utf-8", "replace"))
        except FileNotFoundError:
            continue
    return "".join(parts)


def set_aside(path: Path) -> None:
    """Rename the log of an earlier VM of the same name: its host keys are not those of the new one."""
    for part in (path.with_name(path.name + ".0"), path):
        if part.exists():
            part.replace(part.with_name(part.name + ".previous"))


def host_keys(path: Path, timeout: float = 0, interval: float = 1.0) -> list[str]:
    """Read the newest host keys from a console log, waiting at most ``timeout`` seconds for them."""
    deadline = time.monotonic() + timeout
    while True:
        keys = host_keys_in(read_log(path))
        if keys or time.monotonic() >= deadline:
            return keys
        time.sleep(interval)
