# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan is made of: what was found, what is wanted of the host, and the steps between. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.facts import SEED_ROLE, DomainFacts
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.metadata import Metadata, Pending
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import GIB, MIB

DISPOSABLE = ("swap", "tmp")
"""Disks whose content is re-made at every boot: they may be recreated and never shrink."""

ABSENT, RUNNING, STOPPED, PAUSED = "absent", "running", "stopped", "paused"


@dataclass(frozen=True)
class Environment:
    """What the host and the caller's options contribute to a VM."""

    virtualization: str
    host_cpus: int
    hypervisor: str = ""
    disk_cache: str = "none"
    console_directory: str = ""
    restart_pending: bool = False
    """Restart a running VM when something waits for it."""
    today: str = ""
    """The day on this host, as in ``2026-11-24``."""
    image_may_come: bool = False
    """In check mode an image that is missing may be one that an earlier task would have imported."""


@dataclass(frozen=True)
class VolumeState:
    """A volume as found: ``listed`` by its pool, and ``readable`` (its file is really there)."""

    name: str
    listed: bool = False
    readable: bool = False
    capacity: int = 0
    """Bytes, as the guest sees them."""


@dataclass(frozen=True)
class Current:
    """Everything observed about one VM."""

    volumes: Mapping[str, VolumeState]
    """Role (with ``seed``) -> volume."""
    config: DomainFacts | None = None
    live: DomainFacts | None = None
    state: str = ABSENT
    autostart: bool = False
    image_capacity: int | None = None
    """Virtual size of the base image in bytes; None when the pool has no such image."""
    name_taken_by: str = ""
    """UUID of another domain that has this VM's name."""


@dataclass(frozen=True)
class Action:
    """One step. ``kind`` is a key of the table in ``apply``."""

    kind: str
    target: str = ""
    before: Any = None
    after: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Give the step as a module returns it."""
        return {"action": self.kind, "target": self.target, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class Refusal:
    """Something that was asked for and is not done, with the way out."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


@dataclass(frozen=True)
class Plan:
    """The ordered steps for one VM and what remains after them."""

    actions: tuple[Action, ...] = ()
    pending: tuple[Pending, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    config_note: Metadata | None = None
    live_note: Metadata | None = None

    @property
    def changed(self) -> bool:
        """Whether applying the plan changes anything."""
        return bool(self.actions)

    def diff(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after of everything that the steps change, by field name."""
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        for action in self.actions:
            if action.kind == "define":
                before.update(action.before or {})
                after.update(action.after)
            elif action.kind in _FIELD_OF_ACTION:
                name = _FIELD_OF_ACTION[action.kind].format(action.target)
                before.setdefault(name, action.before)
                after[name] = action.after
            elif isinstance(action.after, Mapping):
                for name, value in action.after.items():
                    before.setdefault(name, (action.before or {}).get(name))
                    after[name] = value
        if any(action.kind == "stop" for action in self.actions) and after["state"] == RUNNING:
            after["state"] = "running, restarted"
        # A new VM is shown by what it has, not by the limits that it has not.
        shown = {name: value for name, value in after.items() if value or before.get(name) is not None}
        same = {name for name, value in shown.items() if before.get(name) == value}
        return (
            {name: value for name, value in before.items() if value is not None and name not in same},
            {name: value for name, value in shown.items() if name not in same},
        )


_FIELD_OF_ACTION = {
    "create_volume": "disks.{}.size",
    "resize_volume": "disks.{}.size",
    "resize_disk": "disks.{}.size",
    "delete_volume": "disks.{}.size",
    "undefine": "state",
    "write_seed": "seed",
    "set_autostart": "autostart",
    "stop": "state",
    "start": "state",
    "resume": "state",
    "note_live": "pending_restart",
}


def size_text(size: int) -> str:
    """Write a size in bytes as people do: ``20GiB``, ``1536MiB``."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size}B"


def volume_names(name: str, uuid: str) -> dict[str, str]:
    """Names of a VM's volumes. Prefix and UUID are our marker: nothing else is ever written or deleted."""
    suffixes = {"root": "root.qcow2", "swap": "swap.raw", "tmp": "tmp.raw", SEED_ROLE: "seed.iso"}
    return {role: f"ringmaster-{name}-{uuid}-{suffix}" for role, suffix in suffixes.items()}
