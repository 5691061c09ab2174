# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the steps of a move work with."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    apply,
    facts,
    metadata,
    plain_files,
    storage,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.console import CONSOLE_DIRECTORY
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.locks import LOCK_DIRECTORY

IMAGE, ROOT = "image", "root"


@dataclass(frozen=True)
class Move:
    """What the steps work with."""

    name: str
    uuid: str
    to: str = ""
    """Hypervisor that the VM moves to."""
    uri: str = "qemu:///system"
    pool: str = "ringmaster"
    stop_timeout: float = 120.0
    image: str = ""
    root_bytes: int = 0
    public_key: str = ""
    source_address: str = ""
    target_address: str = ""
    target_host_key: str = ""
    files: tuple[str, ...] = ()
    """Which of ``image`` and ``root`` are sent."""
    file_bytes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """File -> its size on the source."""
    token: str = ""
    """What the source wrote into its pool: it names the run that moves the VM, and storage that both have."""
    call_off: bool = False
    """The operator says that no other run moves this VM."""
    shared: bool = False
    root_path: str = ""
    """Path of the root disk on the source."""
    left: bool = False
    """The VM is off on the source, and marked as moved."""
    live: bool = False
    """The VM goes on running while it moves."""
    bridges: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Network card -> bridge on the target."""
    target_uri: str = ""
    """The target's libvirt as the source reaches it; by default over SSH with the key of this move."""
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """File -> SHA-256 as it was sent."""
    home: Path = Path("/root")
    runtime: Path = Path("/run/ringmaster")
    host_key_file: Path = Path("/etc/ssh/ssh_host_ed25519_key.pub")
    lock_directory: Path = LOCK_DIRECTORY
    console_directory: Path = Path(CONSOLE_DIRECTORY)

    @property
    def folder(self) -> Path:
        """Where the source keeps the key of this move: in memory."""
        return self.runtime / f"move-{self.name}"

    @property
    def authorized_keys(self) -> Path:
        """File on the target that accepts the key."""
        return self.home / ".ssh/authorized_keys"

    @property
    def comment(self) -> str:
        """How the key is found again."""
        return f"ringmaster-move-{self.name}"


@dataclass
class Here:
    """This hypervisor, as a step sees it."""

    connection: Any
    pool: Any
    domain: Any | None
    facts: facts.DomainFacts | None
    volumes: dict[str, str]

    def note(self, move: Move) -> metadata.Metadata:
        """Give the metadata of the VM.

        :raises HypervisorError: when the domain is not Ringmaster's.
        """
        if self.facts is None or self.facts.metadata is None:
            raise HypervisorError(f"the domain of {move.name} has not Ringmaster's metadata; it stays untouched")
        return self.facts.metadata


def token_file(here: Here, move: Move) -> Path:
    folder = ET.fromstring(here.pool.XMLDesc()).findtext("target/path", "")
    return Path(folder) / f".{move.comment}"


def has_token(here: Here, move: Move) -> bool:
    """Tell whether this pool is on the same storage as that of the hypervisor that wrote the token."""
    path = token_file(here, move)
    return bool(move.token) and _readable(path) == move.token


def _readable(path: Path) -> str:
    try:
        return plain_files.read_short(path)
    except OSError:  # not there, or nothing that we wrote
        return ""


def require_token(here: Here, move: Move) -> None:
    """Refuse when another run has begun to move the VM: its copy and ours would mix."""
    if not has_token(here, move):
        raise HypervisorError(f"another run moves {move.name}, or called this move off; look at its result")


def delete(here: Here, with_disks: bool = True) -> None:
    if here.domain is not None:
        apply.undefine(here.domain)
        here.domain = None
    for name in here.volumes.values() if with_disks else ():
        volume = storage.lookup(here.pool, name)
        if volume is not None:
            storage.delete(volume)
